"""One number of each instance against another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from neuroalign.errors import UsageError
from neuroalign.registry import unknown_name
from neuroalign.report.families import by_family, source_of, styles_of
from neuroalign.report.style import (
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
from neuroalign.scores import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's correlation of two numbers over instances."""

    rho: float
    #: Bounds of the 95 % confidence interval; NaN for fewer than four instances.
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        if np.isnan(self.rho):
            return f"no correlation (n = {self.n})"
        interval = "" if np.isnan(self.low) else f" (95 % CI {self.low:.2f} to {self.high:.2f})"
        return f"Spearman ρ = {self.rho:.2f}{interval}, n = {self.n}"


def rank_correlation(x: ArrayLike, y: ArrayLike) -> RankCorrelation:
    """Correlate ranks, with an interval by Fisher's z.

    Parameters
    ----------
    x, y : arrays of float, shape (n,)
        Pairs that are not finite are left out.

    Returns
    -------
    RankCorrelation
        NaN for fewer than three pairs, or where x or y does not vary.

    References
    ----------
    Bonett, D. G. & Wright, T. A. (2000). Sample size requirements for estimating Pearson, Kendall and Spearman
    correlations. Psychometrika 65, 23-28: the variance of z is (1 + ρ²/2)/(n − 3).
    """
    pairs = np.array([x, y], dtype=np.float64)
    pairs = _rounded(pairs[:, np.isfinite(pairs).all(axis=0)])
    n = pairs.shape[1]
    if n < 3 or (np.ptp(pairs, axis=1) == 0).any():
        return RankCorrelation(np.nan, np.nan, np.nan, n)
    rho = float(np.clip(stats.spearmanr(*pairs).statistic, -1, 1))
    if n < 4 or abs(rho) == 1:
        return RankCorrelation(rho, np.nan, np.nan, n)
    half = 1.959964 * np.sqrt((1 + rho**2 / 2) / (n - 3))
    low, high = np.tanh([np.arctanh(rho) - half, np.arctanh(rho) + half])
    return RankCorrelation(rho, float(low), float(high), n)


@house_style()
def udr_against_alignment(
    table: pd.DataFrame,
    scores: Iterable[Score],
    *,
    by: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the alignment of every instance over its unsupervised disentanglement ranking.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``instance`` and ``udr``, as :func:`neuroalign.selection.add_udr` returns it.
    scores : iterable of Score
        Of instances in the table; they are paired by name. Instances without a UDR or a score are counted, not drawn.
    by : str, optional
        A column of numbers, such as ``beta``, that colours the points, dark to light. The correlation within
        its values is given, too.
    ax : Axes, optional

    Returns
    -------
    Axes
        With Spearman's correlation and its 95 % interval over instances.

    Raises
    ------
    UsageError
        If the table lacks a column, or no instance has both numbers.

    Notes
    -----
    The correlation within groups is Pearson's of the ranks, less the mean rank of their group.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, figs. 3d and 3e.
    """
    for column in ("instance", "udr", *([by] if by else [])):
        if column not in table:
            raise unknown_name("column of the table", column, [str(each) for each in table.columns])
    families = by_family(scores)
    values = {each.model: each.value for of in families.values() for each in of}
    paired = table.assign(value=table["instance"].map(values))
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
    text = [str(rank_correlation(known["udr"], known["value"]))]
    if of_group is not None:
        within = _correlation_within(known["udr"], known["value"], of_group)
        name = "β" if by == "beta" else shown(str(by))
        text.append(f"within {name}: " + ("not defined" if np.isnan(within) else f"ρ = {within:.2f}"))
        groups = np.unique(of_group)
        bar = root_figure(axes).colorbar(
            points, ax=axes, shrink=0.8, pad=0.02, label=name, ticks=groups if groups.size <= 6 else None
        )
        bar.outline.set_visible(False)
        if any(np.count_nonzero(of_group == each) == 2 for each in groups):
            # UDR is symmetric: a seed's only partner has the same.
            text.append("two seeds have one UDR between them")
    if len(known) < len(values):
        without = len(values) - len(known)
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
    axes.set_ylabel(shown(first.benchmark.replace("_", " ")))
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
        See :func:`neuroalign.report.scores_by_family`.

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
        if any("unit proportion" not in each.beside for each in of):
            raise UsageError(
                f"the scores of {family} by {of[0].benchmark} have no unit proportion; give scores by correlation_ratio"
            )
        proportion = np.array([each.beside["unit proportion"] for each in of])
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


def _correlation_within(x: "pd.Series[float]", y: "pd.Series[float]", groups: NDArray[np.float64]) -> float:
    # Numbers that are equal may differ in their last bits, by the order in which they were summed.
    ranks = pd.DataFrame({"x": stats.rankdata(_rounded(x)), "y": stats.rankdata(_rounded(y))})
    centred = ranks - ranks.groupby(groups).transform("mean")
    if (np.ptp(centred.to_numpy(), axis=0) == 0).any():
        return float("nan")
    return float(np.corrcoef(centred["x"], centred["y"])[0, 1])


def _rounded(values: ArrayLike) -> NDArray[np.float64]:
    """Round to twelve digits of the largest value, so that equal numbers have equal ranks."""
    array = np.asarray(values, dtype=np.float64)
    unit = np.abs(array).max(axis=-1, keepdims=True, initial=0.0) * 1e-12
    return np.where(unit > 0, np.round(array / np.where(unit > 0, unit, 1.0)), array)
