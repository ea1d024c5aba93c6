"""Variance of each neuron that each unit explains."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neuroalign.errors import UsageError, count_noun
from neuroalign.reporting.figures.style import (
    FAINT,
    INK,
    TWO_COLUMNS,
    house_style,
    new_axes,
    root_figure,
    shown,
    source,
)
from neuroalign.results.score import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Array in ``Score.data`` with a weight for each unit and neuron, and array with the variance explained of each neuron.
WEIGHTS, VARIANCE_EXPLAINED = "weights", "variance_explained"

# Largest number of names of units that fit beside the rows.
_MOST_NAMES = 30


def unit_shares(score: Score, variance_explained: Score | None = None) -> xr.DataArray:
    """Divide the variance that a model explains of each neuron among its units.

    Parameters
    ----------
    score : Score
        Score with the array ``weights`` (unit, neuroid), on the scale of standardised units and neurons.
    variance_explained : Score, optional
        Score of the same model and dataset with the array ``variance_explained`` (neuroid). It is paired by neuron.

    Returns
    -------
    xarray.DataArray, dimensions unit, neuroid, with the coordinate ``informative``
        Share w_dj²/Σ_d w_dj² of unit d in the variance explained of neuron j; without `variance_explained` the share
        itself. NaN for neurons that no unit predicts, and for neurons with a variance explained of 0 or less.

    Raises
    ------
    UsageError
        If the score has no weights, or the two scores are of different models or datasets.

    Notes
    -----
    The share is exact for units that do not correlate. Correlated units share the variance that they explain together.

    Examples
    --------
    >>> import xarray as xr
    >>> from neuroalign.reporting.figures import unit_shares
    >>> from neuroalign.testing import make_score
    >>> labels = {"unit": ["u0", "u1"], "neuroid": ["n0", "n1"], "informative": ("unit", [True, True])}
    >>> weights = xr.Dataset({"weights": (("unit", "neuroid"), [[3.0, 0.0], [4.0, 2.0]])}, coords=labels)
    >>> unit_shares(make_score(0.7, data=weights)).values
    array([[0.36, 0.  ],
           [0.64, 1.  ]])
    """
    if WEIGHTS not in score.data:
        raise UsageError(
            f"the score of {score.model} by {score.benchmark} has no weights; give a score with the array {WEIGHTS} "
            "(unit, neuroid)"
        )
    squares = score.data[WEIGHTS] ** 2
    total = squares.sum("unit")
    shares = squares / total.where(total > 0)
    shares.attrs = {"quantity": "share of the squared weights"}
    if variance_explained is not None:
        one, other = score, variance_explained
        if (one.model, one.dataset) != (other.model, other.dataset) or VARIANCE_EXPLAINED not in other.data:
            raise UsageError(
                f"shares of {one.model} on {one.dataset} need its own variance explained with arrays, got the score of "
                f"{other.model} on {other.dataset} by {other.benchmark}"
            )
        explained = other.data[VARIANCE_EXPLAINED].reindex(neuroid=shares["neuroid"].values)
        shares = shares * explained.where(explained > 0)
        shares.attrs = {"quantity": "variance explained"}
    return shares.transpose("unit", "neuroid")


@house_style()
def units_by_neurons(
    shares: xr.DataArray, *, model: str, dataset: str, simulated: bool, ax: "Axes | None" = None
) -> "Axes":
    """Draw the variance of each neuron that each unit explains.

    Parameters
    ----------
    shares : xarray.DataArray, dimensions unit, neuroid, with the coordinate ``informative``
        See :func:`unit_shares`.
    model, dataset : str
        Names in the title.
    simulated : bool
        Whether the neurons are simulated.
    ax : Axes, optional
        By default the axes of a new figure.

    Returns
    -------
    Axes
        Units in the order of the variance that they explain of all neurons. Informative units are on top, marked by a
        line at the left; the others are left out if they explain nothing. Neurons are grouped by their best unit, from
        the best explained to the worst; unexplained neurons are hatched, at the right.

    Raises
    ------
    UsageError
        If the array has other dimensions or no coordinate ``informative``, or no unit is informative.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, fig. 2b.

    Examples
    --------
    >>> import xarray as xr
    >>> from neuroalign.reporting.figures import units_by_neurons
    >>> labels = {"unit": ["u0", "u1"], "neuroid": ["n0", "n1"], "informative": ("unit", [True, True])}
    >>> shares = xr.DataArray([[0.4, 0.0], [0.1, 0.6]], dims=("unit", "neuroid"), coords=labels)
    >>> ax = units_by_neurons(shares, model="pca[n=2]", dataset="toy", simulated=True)
    >>> ax.get_ylabel()
    '2 informative units'
    """
    ordered = in_order(shares)
    n_units, n_neurons = ordered.shape
    height = 20 + min(100.0, max(22.0, 3.2 * n_units))
    axes = new_axes(width=TWO_COLUMNS, height=height) if ax is None else ax
    finite = ordered.values[np.isfinite(ordered.values)]
    axes.patch.set(facecolor="white", hatch="/////", edgecolor="#b8b8b8", linewidth=0)
    image = axes.imshow(
        ordered.values,
        cmap="Blues",
        vmin=0,
        vmax=max(1e-9, float(finite.max(initial=0.0))),
        aspect="auto",
        interpolation="none",
    )
    informative = int(ordered["informative"].values.sum())
    if informative:
        # Beside the rows, where the left spine would be.
        axes.plot(
            [-0.005, -0.005],
            [1, 1 - informative / n_units],
            color=INK,
            linewidth=2.5,
            transform=axes.transAxes,
            clip_on=False,
            label="informative",
            solid_capstyle="butt",
        )
    axes.spines[["left", "bottom"]].set_visible(False)
    if n_units <= _MOST_NAMES:
        axes.set_yticks(range(n_units), [shown(unit) for unit in ordered["unit"].values])
    else:
        axes.set_yticks([])
    axes.tick_params(length=0, pad=5)
    unexplained = int(np.isnan(ordered.values).all(axis=0).sum())
    without = f"; {unexplained} (hatched) are not explained" if unexplained else ""
    axes.set_xlabel(f"{n_neurons} neurons, sorted by their best unit{without}")
    axes.set_xticks([])
    silent = shares.sizes["unit"] - n_units
    verb = "explains" if silent == 1 else "explain"
    others = f"\nof {shares.sizes['unit']}; {count_noun(silent, 'other')}\n{verb} nothing" if silent else ""
    axes.set_ylabel(f"{informative} informative units{others}", labelpad=8)
    axes.set_title(f"{shown(model)} on {source(dataset, simulated=simulated)}")
    bar = root_figure(axes).colorbar(
        image, ax=axes, shrink=0.7, pad=0.01, label=shown(str(shares.attrs.get("quantity", "share")))
    )
    bar.outline.set_edgecolor(FAINT)
    return axes


def in_order(shares: xr.DataArray) -> xr.DataArray:
    """Choose and sort units and neurons as :func:`units_by_neurons` draws them.

    Raises
    ------
    UsageError
        If the array has other dimensions or no coordinate ``informative``, or no unit is informative.
    """
    if shares.dims != ("unit", "neuroid") or "informative" not in shares.coords:
        raise UsageError(
            f"shares need the dimensions unit, neuroid and the coordinate informative, got {shares.dims}"
        )
    filled = np.nan_to_num(shares.values)
    informative = shares["informative"].values.astype(bool)
    units = np.lexsort((-filled.sum(axis=1), ~informative))
    units = units[informative[units] | (filled[units] > 0).any(axis=1)]
    if not units.size:
        raise UsageError("nothing to draw: no unit is informative, and no unit explains a neuron")
    filled = filled[units]
    nothing = filled.max(axis=0) <= 0
    neurons = np.lexsort((-filled.max(axis=0), np.where(nothing, len(units), filled.argmax(axis=0))))
    return shares.isel(unit=units, neuroid=neurons)
