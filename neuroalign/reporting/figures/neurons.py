"""Scores of single neurons, in order."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from neuroalign.errors import UsageError
from neuroalign.reporting.figures.families import by_family, source_of, styles_of
from neuroalign.reporting.figures.style import (
    FamilyStyle,
    house_style,
    legend_below,
    legend_height,
    new_axes,
    shown,
)
from neuroalign.results.score import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Share of the instances of a family between which its band lies.
_LOW, _HIGH = 0.1, 0.9


@house_style()
def neurons_in_order(
    scores: Iterable[Score],
    *,
    styles: Mapping[str, FamilyStyle] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw what every neuron scores, from the best to the worst, a curve for each family.

    Parameters
    ----------
    scores : iterable of Score
        With arrays, of a benchmark that scores each neuron: ``data`` holds a variable of the benchmark's name along
        ``neuroid``, as those of alignment, variance explained and correlation ratio do.
    styles, ax
        See :func:`neuroalign.reporting.figures.scores_by_family`.

    Returns
    -------
    Axes
        The neurons of each instance are sorted by themselves; a curve is the median over instances at each rank,
        its band from the 10th to the 90th percentile. Neurons without a score, such as those that no unit predicts,
        come last and are not drawn: a curve ends where half of the instances have none left.

    Raises
    ------
    UsageError
        If the scores are not of one kind, or have no values of single neurons.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, fig. 4b.
    """
    families = by_family(scores)
    look = styles_of(families, styles)
    names = {family: f"{shown(family)} (n = {len(of)})" for family, of in families.items()}
    axes = new_axes(height=54 + legend_height([*names.values()])) if ax is None else ax
    handles: list[Line2D] = []
    n_neurons = 0
    for family, of in families.items():
        ranked = _ranked(of)
        n_neurons = max(n_neurons, ranked.shape[1])
        known = np.isfinite(ranked).mean(axis=0) >= 0.5
        ranks = np.arange(1, ranked.shape[1] + 1)[known]
        style = look[family]
        if ranks.size:
            low, middle, high = np.nanquantile(ranked[:, known], [_LOW, 0.5, _HIGH], axis=0)
            axes.fill_between(ranks, low, high, color=style.colour, alpha=0.2, linewidth=0)
            axes.plot(
                ranks,
                middle,
                color=style.colour,
                linestyle=style.line,
                marker=style.marker,
                markevery=(len(handles) * 3, 24),
                label=shown(family),
            )
        handles.append(
            Line2D(
                [],
                [],
                color=style.colour,
                linestyle=style.line,
                marker=style.marker,
                markersize=3,
                label=names[family],
            )
        )
    first = next(iter(families.values()))[0]
    axes.set_xlim(0, n_neurons + 1)
    axes.set_xlabel("neurons of each instance, the best first")
    axes.set_ylabel(f"{shown(first.benchmark.replace('_', ' '))} of the neuron")
    axes.set_title(source_of(families))
    legend_below(axes, handles)
    return axes


def _ranked(scores: list[Score]) -> NDArray[np.float64]:
    """Return the values of each instance in descending order, NaN last, shape (n_instances, n_neurons)."""
    rows = []
    for score in scores:
        if score.benchmark not in score.data or score.data[score.benchmark].dims != ("neuroid",):
            raise UsageError(
                f"the score of {score.model} by {score.benchmark} has no value for each neuron; give one of alignment, "
                "variance_explained or correlation_ratio, with its arrays"
            )
        values = score.data[score.benchmark].values.astype(np.float64)
        rows.append(-np.sort(-np.where(np.isfinite(values), values, np.nan)))
    n = max(map(len, rows))
    return np.array([np.pad(row, (0, n - len(row)), constant_values=np.nan) for row in rows])
