"""Scores of instances over another number of them: UDR, or the unit proportion."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from neuroalign.errors import UsageError, unknown_name
from neuroalign.reporting.figures.families import (
    by_family,
    count_instances,
    first_score,
    source_of,
    styles_of,
)
from neuroalign.reporting.figures.style import (
    FAINT,
    INK,
    FamilyStyle,
    house_style,
    legend_below,
    legend_height,
    new_axes,
    root_figure,
    shown,
)
from neuroalign.results.numbers import name_benchmark
from neuroalign.results.score import Score
from neuroalign.stats import rank_correlation_test

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Key in ``Score.beside`` of the share of the informative units that are the best unit of a neuron.
UNIT_PROPORTION = "unit_proportion"

# Characters of the widest line of text inside the axes.
_WIDEST = 40


@house_style()
def udr_against_alignment(
    table: pd.DataFrame,
    scores: Iterable[Score],
    *,
    by: str | None = None,
    values: Mapping[str, float] | None = None,
    label: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the score of every instance over its unsupervised disentanglement ranking.

    Parameters
    ----------
    table : pandas.DataFrame
        Table from :func:`neuroalign.models.selection.add_udr`, with the columns ``instance`` and ``udr``.
    scores : iterable of Score
        Scores of instances in the table, which are paired by name. Instances without a UDR or a score are counted, not
        drawn.
    by : str, optional
        Column of numbers, such as ``beta``, that colours the points from dark to light. The figure then also shows the
        pooled correlation within the values of this column.
    values : mapping of str to float, optional
        Numbers of the instances by their names, such as their axis index; by default the values of the scores.
    label : str
        Name of the numbers; by default the name of the benchmark.
    ax : Axes, optional
        By default the axes of a new figure.

    Returns
    -------
    Axes
        Points with Spearman's correlation and its p-value by permutations
        (:func:`neuroalign.stats.rank_correlation_test`), as for the claims of a study.

    Raises
    ------
    UsageError
        If the table has no such column, or no instance has both numbers.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, figs. 3d and 3e.

    Examples
    --------
    >>> import pandas as pd
    >>> from neuroalign.reporting.figures import udr_against_alignment
    >>> from neuroalign.testing import make_score
    >>> scores = [make_score(0.1 * seed, model=f"vae[seed={seed}]") for seed in range(4)]
    >>> table = pd.DataFrame({"instance": [score.model for score in scores], "udr": [0.2, 0.1, 0.3, 0.4]})
    >>> ax = udr_against_alignment(table, scores)
    >>> ax.get_xlabel()
    'UDR'
    """
    for column in ("instance", "udr", *([by] if by else [])):
        if column not in table:
            raise unknown_name("column of the table", column, [str(name) for name in table.columns])
    families = by_family(scores)
    numbers = values or {score.model: score.value for scores in families.values() for score in scores}
    paired = table.assign(value=table["instance"].map(numbers))
    drawn = paired[np.isfinite(paired["udr"]) & np.isfinite(paired["value"])]
    if drawn.empty:
        raise UsageError(
            "no instance has both a UDR and a score; UDR needs instances that differ in their seed"
        )
    axes = new_axes(height=62) if ax is None else ax
    group = drawn[by].to_numpy(dtype=np.float64) if by else None
    points = axes.scatter(
        drawn["udr"],
        drawn["value"],
        c=INK if group is None else group,
        cmap=None if group is None else "viridis",
        s=14,
        linewidths=0.4,
        edgecolors="white" if group is None else INK,
    )
    text = [f"Spearman {rank_correlation_test(drawn['udr'], drawn['value'])}"]
    if group is not None:
        name = "β" if by == "beta" else shown(str(by))
        text.append(f"within {name}: {rank_correlation_test(drawn['udr'], drawn['value'], group)}")
        groups = np.unique(group)
        bar = root_figure(axes).colorbar(
            points, ax=axes, shrink=0.8, pad=0.02, label=name, ticks=groups if groups.size <= 6 else None
        )
        bar.outline.set_visible(False)
        if any(np.count_nonzero(group == value) == 2 for value in groups):
            # UDR is symmetric, so that two seeds alone have the same UDR.
            text.append("two seeds share one UDR")
    if len(drawn) < len(numbers):
        without = len(numbers) - len(drawn)
        text.append(f"{without} instance{'s' if without > 1 else ''} without a UDR or a score")
    lines = [line for sentence in text for line in textwrap.wrap(sentence, _WIDEST)]
    note = axes.annotate(
        "\n".join(lines),
        (0, 1),
        xycoords="axes fraction",
        xytext=(4, -2),
        textcoords="offset points",
        va="top",
    )
    # A text that is wider than the axes must not make them narrow.
    note.set_in_layout(False)
    # Room for the text above the points.
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.1 * (1 + len(lines)) * (high - low))
    first = first_score(families)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel("UDR")
    axes.set_ylabel(shown(label or name_benchmark(first.benchmark)))
    axes.set_title(source_of(families))
    return axes


@house_style()
def score_against_unit_proportion(
    scores: Iterable[Score],
    *,
    styles: Mapping[str, FamilyStyle] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the score of every instance over its unit proportion.

    Parameters
    ----------
    scores : iterable of Score
        Scores with ``unit_proportion`` beside their value, such as scores by the correlation ratio.
    styles, ax
        See :func:`neuroalign.reporting.figures.scores_by_family`.

    Returns
    -------
    Axes
        A point for each instance, and below it a dash at its chance level, which falls with the number of units.

    Raises
    ------
    UsageError
        If the scores are not of one kind, or have no unit proportion.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, figs. 5b and 5c.

    Examples
    --------
    >>> from neuroalign.reporting.figures import score_against_unit_proportion
    >>> from neuroalign.testing import make_score
    >>> score = make_score(0.4, benchmark="correlation_ratio", beside={"unit_proportion": 0.8})
    >>> ax = score_against_unit_proportion([score])
    >>> ax.get_xlabel()
    'unit proportion'
    """
    families = by_family(scores)
    look = styles_of(families, styles)
    names = count_instances(families)
    axes = new_axes(height=54 + legend_height([*names.values(), "chance"])) if ax is None else ax
    handles = []
    chance = False
    for family, members in families.items():
        if any(UNIT_PROPORTION not in score.beside for score in members):
            raise UsageError(
                f"the scores of {family} by {members[0].benchmark} have no unit proportion; give scores with "
                f"{UNIT_PROPORTION} beside their value"
            )
        proportion = np.array([score.beside[UNIT_PROPORTION] for score in members])
        style = look[family]
        nulls = np.array([score.null for score in members])
        chance |= bool(np.isfinite(nulls).any())
        axes.plot(proportion, nulls, "_", color=style.colour, markersize=6, alpha=0.8, label="chance")
        marks: dict[str, Any] = {
            "color": style.colour, "marker": style.marker, "linestyle": "", "markeredgewidth": 0, "alpha": 0.8,
        }  # fmt: skip
        axes.plot(proportion, [score.value for score in members], label=shown(family), **marks)
        handles.append(Line2D([], [], label=names[family], **marks))
    if chance:
        handles.append(Line2D([], [], color=FAINT, marker="_", markersize=6, linestyle="", label="chance"))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("unit proportion")
    first = first_score(families)
    axes.set_ylabel(shown(name_benchmark(first.benchmark)))
    axes.set_title(source_of(families))
    legend_below(axes, handles)
    return axes
