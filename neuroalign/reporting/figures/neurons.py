"""Scores of single neurons in descending order."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from neuroalign.errors import UsageError
from neuroalign.reporting.figures.families import (
    by_family,
    count_instances,
    first_score,
    source_of,
    styles_of,
)
from neuroalign.reporting.figures.style import (
    FamilyStyle,
    house_style,
    legend_below,
    legend_height,
    new_axes,
    shown,
)
from neuroalign.results.numbers import name_benchmark
from neuroalign.results.score import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Quantiles over the instances of a family that limit its band.
_LOW, _HIGH = 0.1, 0.9


@house_style()
def neurons_in_order(
    scores: Iterable[Score],
    *,
    styles: Mapping[str, FamilyStyle] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the scores of single neurons from the best to the worst, with a curve for each family.

    Parameters
    ----------
    scores : iterable of Score
        Scores of a benchmark that scores each neuron, with their arrays: ``data`` has a variable along ``neuroid`` with
        the name of the benchmark.
    styles, ax
        See :func:`neuroalign.reporting.figures.scores_by_family`.

    Returns
    -------
    Axes
        The neurons of each instance are sorted by their own scores. A curve is the median over instances at each rank,
        with a band from the 10th to the 90th percentile. Neurons without a score, such as neurons that no unit
        predicts, are not drawn: a curve ends at the last rank that half of the instances reach.

    Raises
    ------
    UsageError
        If the scores are not of one kind, or have no values of single neurons.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, fig. 4b.

    Examples
    --------
    >>> from neuroalign.reporting.figures import neurons_in_order
    >>> from neuroalign.testing import make_score
    >>> ax = neurons_in_order([make_score(per_neuron={"n1": 0.2, "n2": 0.6, "n3": 0.4})])
    >>> ax.get_xlabel()
    'neurons of each instance, the best first'
    """
    families = by_family(scores)
    look = styles_of(families, styles)
    names = count_instances(families)
    axes = new_axes(height=54 + legend_height([*names.values()])) if ax is None else ax
    handles: list[Line2D] = []
    n_neurons = 0
    for family, members in families.items():
        ranked = _ranked(members)
        n_neurons = max(n_neurons, ranked.shape[1])
        reached = np.isfinite(ranked).mean(axis=0) >= 0.5
        ranks = np.arange(1, ranked.shape[1] + 1)[reached]
        style = look[family]
        if ranks.size:
            low, middle, high = np.nanquantile(ranked[:, reached], [_LOW, 0.5, _HIGH], axis=0)
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
    first = first_score(families)
    axes.set_xlim(0, n_neurons + 1)
    axes.set_xlabel("neurons of each instance, the best first")
    axes.set_ylabel(f"{shown(name_benchmark(first.benchmark))} of the neuron")
    axes.set_title(source_of(families))
    legend_below(axes, handles)
    return axes


def _ranked(scores: list[Score]) -> NDArray[np.float64]:
    """Return the values of each instance in descending order, NaN last, shape (n_instances, n_neurons)."""
    rows = []
    for score in scores:
        if score.benchmark not in score.data or score.data[score.benchmark].dims != ("neuroid",):
            raise UsageError(
                f"the score of {score.model} by {score.benchmark} has no value for each neuron; give scores with the "
                f"array {score.benchmark} (neuroid)"
            )
        values = score.data[score.benchmark].values.astype(np.float64)
        rows.append(-np.sort(-np.where(np.isfinite(values), values, np.nan)))
    n = max(map(len, rows))
    return np.array([np.pad(row, (0, n - len(row)), constant_values=np.nan) for row in rows])
