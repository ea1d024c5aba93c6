"""One number of each instance against another."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from neuroalign.errors import UsageError, unknown_name
from neuroalign.reporting.figures.families import by_family, source_of, styles_of
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
from neuroalign.results.score import Score
from neuroalign.stats import rank_correlation_test

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    """Draw the alignment of every instance over its unsupervised disentanglement ranking.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``instance`` and ``udr``, as :func:`neuroalign.models.selection.add_udr` returns it.
    scores : iterable of Score
        Of instances in the table; they are paired by name. Instances without a UDR or a score are counted, not drawn.
    by : str, optional
        A column of numbers, such as ``beta``, that colours the points, dark to light. The pooled correlation within
        its values is given, too.
    values : mapping of str to float, optional
        Numbers of the instances by their names, such as their axis index; by default the values of the scores.
    label : str
        Name of the numbers; by default that of the benchmark.
    ax : Axes, optional

    Returns
    -------
    Axes
        With Spearman's correlation and its p-value by permutations, which
        :func:`neuroalign.stats.rank_correlation_test` computes, as for the claims of a study.

    Raises
    ------
    UsageError
        If the table lacks a column, or no instance has both numbers.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, figs. 3d and 3e.
    """
    for column in ("instance", "udr", *([by] if by else [])):
        if column not in table:
            raise unknown_name("column of the table", column, [str(each) for each in table.columns])
    families = by_family(scores)
    numbers = values or {score.model: score.value for scores in families.values() for score in scores}
    paired = table.assign(value=table["instance"].map(numbers))
    known = paired[np.isfinite(paired["udr"]) & np.isfinite(paired["value"])]
    if known.empty:
        raise UsageError(
            "no instance has both a UDR and a score; UDR needs instances that differ in their seed"
        )
    axes = new_axes(height=62) if ax is None else ax
    of_group = known[by].to_numpy(dtype=np.float64) if by else None
    points = axes.scatter(
        known["udr"],
        known["value"],
        c=INK if of_group is None else of_group,
        cmap=None if of_group is None else "viridis",
        s=14,
        linewidths=0.4,
        edgecolors="white" if of_group is None else INK,
    )
    text = [f"Spearman {rank_correlation_test(known['udr'], known['value'])}"]
    if of_group is not None:
        name = "β" if by == "beta" else shown(str(by))
        text.append(f"within {name}: {rank_correlation_test(known['udr'], known['value'], of_group)}")
        groups = np.unique(of_group)
        bar = root_figure(axes).colorbar(
            points, ax=axes, shrink=0.8, pad=0.02, label=name, ticks=groups if groups.size <= 6 else None
        )
        bar.outline.set_visible(False)
        if any(np.count_nonzero(of_group == each) == 2 for each in groups):
            # UDR is symmetric: a seed's only partner has the same.
            text.append("two seeds have one UDR between them")
    if len(known) < len(numbers):
        without = len(numbers) - len(known)
        text.append(f"{without} instance{'s' if without > 1 else ''} without a UDR or a score")
    axes.annotate(
        "\n".join(text),
        (0, 1),
        xycoords="axes fraction",
        xytext=(4, -2),
        textcoords="offset points",
        va="top",
    )
    # Room for the words, above the points.
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.1 * (1 + len(text)) * (high - low))
    first = next(iter(families.values()))[0]
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel("UDR")
    axes.set_ylabel(shown(label or first.benchmark.replace("_", " ")))
    axes.set_title(source_of(families))
    return axes


@house_style()
def correlation_ratio_against_unit_proportion(
    scores: Iterable[Score],
    *,
    styles: Mapping[str, FamilyStyle] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the correlation ratio of every instance over its unit proportion.

    Parameters
    ----------
    scores : iterable of Score
        By the correlation ratio, with ``unit proportion`` beside the value.
    styles, ax
        See :func:`neuroalign.reporting.figures.scores_by_family`.

    Returns
    -------
    Axes
        One point an instance, and below it a dash at its chance level, which falls with the number of units.

    Raises
    ------
    UsageError
        If the scores are not of one kind, or not by the correlation ratio.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, figs. 5b and 5c.
    """
    families = by_family(scores)
    look = styles_of(families, styles)
    names = {family: f"{shown(family)} (n = {len(of)})" for family, of in families.items()}
    axes = new_axes(height=54 + legend_height([*names.values(), "chance"])) if ax is None else ax
    handles = []
    chance = False
    for family, of in families.items():
        if any("unit_proportion" not in each.beside for each in of):
            raise UsageError(
                f"the scores of {family} by {of[0].benchmark} have no unit proportion; give scores by correlation_ratio"
            )
        proportion = np.array([each.beside["unit_proportion"] for each in of])
        style = look[family]
        nulls = np.array([each.null for each in of])
        chance |= bool(np.isfinite(nulls).any())
        axes.plot(proportion, nulls, "_", color=style.colour, markersize=6, alpha=0.8, label="chance")
        drawn: dict[str, Any] = {
            "color": style.colour, "marker": style.marker, "linestyle": "", "markeredgewidth": 0, "alpha": 0.8,
        }  # fmt: skip
        axes.plot(proportion, [each.value for each in of], label=shown(family), **drawn)
        handles.append(Line2D([], [], label=names[family], **drawn))
    if chance:
        handles.append(Line2D([], [], color=FAINT, marker="_", markersize=6, linestyle="", label="chance"))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("unit proportion")
    axes.set_ylabel("correlation ratio")
    axes.set_title(source_of(families))
    legend_below(axes, handles)
    return axes
