"""Which trained instances enter a comparison: the selection of Higgins et al. (2020) on a table of instances.

A table has one row an instance. Every function returns what is kept and what is dropped, each dropped instance with
the reason. Nothing is random: among equal scores the instance comes first whose name does.
"""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import ArrayError, StimulusMismatchError, UsageError, unknown_name
from neuroalign.metrics.udr import Pooling, udr


@dataclass(frozen=True, eq=False)
class Selection:
    """The outcome of a rule: each row of the table is in one of the two, in the order of the table."""

    kept: pd.DataFrame
    #: With the column ``reason``, and after :func:`select_instances` with ``step``.
    dropped: pd.DataFrame


#: What selects the instances of one family.
Rule = Callable[[pd.DataFrame], Selection]


def add_udr(
    table: pd.DataFrame,
    latents: Mapping[str, xr.DataArray],
    *,
    correlation: Literal["spearman", "lasso"] = "spearman",
    pooling: Pooling = "paper",
) -> pd.DataFrame:
    """Rank instances by UDR among those that differ in nothing but their seed.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``instance`` and ``family``; instances are compared that have these in common: ``family`` and, where
        the table has them, ``n_units`` and ``beta``.
    latents : mapping of str to latents
        Of each instance, for the same stimuli in any order, with the coordinate ``kl``. Each is looked up once, one
        group after another, so that the mapping may load them.
    correlation, pooling
        See :func:`neuroalign.metrics.udr`.

    Returns
    -------
    pandas.DataFrame
        The table with the column ``udr``. It is NaN for instances without latents, and for those without another
        seed to compare with.

    Raises
    ------
    UsageError
        If a column is missing or an instance repeats.
    ArrayError
        If latents have no divergences from a prior, or some that are not finite.
    StimulusMismatchError
        If two instances have other stimuli.

    Warns
    -----
    NeuroalignWarning
        If instances have no informative unit: their UDR is 0.

    References
    ----------
    Duan et al. (2020), arXiv 1905.12614; Higgins et al. (2020), arXiv 2006.14304, Methods, "Model selection".
    """
    _check(table, "family")
    same = [column for column in ("family", "n_units", "beta") if column in table]
    scores = np.full(len(table), np.nan)
    for rows in table.groupby(same, dropna=False, sort=False).indices.values():
        names = table["instance"].iloc[rows].tolist()
        found = [(row, name) for row, name in zip(rows, names, strict=True) if name in latents]
        if len(found) < 2:
            continue
        arrays = _paired({name: latents[name] for _, name in found})
        scores[[row for row, _ in found]] = udr(
            [each.values for each in arrays],
            [each["kl"].values for each in arrays],
            correlation=correlation,
            pooling=pooling,
        )
    return table.assign(udr=scores)


def best_udr(table: pd.DataFrame, *, n: int | None = None, share: float | None = None) -> Selection:
    """Keep the instances of the highest UDR.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``instance`` and ``udr``.
    n : int, optional
        How many. Give this or `share`.
    share : float, optional
        What share of all instances in the table, from 0 to 1, rounded to a whole number.

    Returns
    -------
    Selection

    Raises
    ------
    UsageError
        If a column is missing, an instance repeats, or not one of the two options is given.
    """
    _check(table, "udr")
    if (n is None) == (share is None):
        raise UsageError(f"best_udr takes n or share, one of the two: not n = {n} and share = {share}")
    if share is not None:
        if not 0 < share <= 1:
            raise UsageError(f"share must be above 0 and at most 1, not {share}")
        n = round(share * len(table))
    return _split(table, _not_among_best(table, "udr", _at_least_one(n)))


def best_objective(table: pd.DataFrame, *, n: int = 10) -> Selection:
    """Keep of each number of units the instances of the highest training objective.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``instance``, ``n_units`` and ``objective``, which training maximises: the evidence lower bound of a VAE,
        minus the squared error of an autoencoder.
    n : int
        How many of each number of units.

    Returns
    -------
    Selection

    Raises
    ------
    UsageError
        If a column is missing or an instance repeats.
    """
    _check(table, "n_units", "objective")
    reasons: dict[str, str] = {}
    for n_units, rows in table.groupby("n_units", dropna=False):
        reasons |= _not_among_best(rows, "objective", _at_least_one(n), f" with {n_units:g} units")
    return _split(table, reasons)


def accurate(table: pd.DataFrame, *, above: float = 0.95) -> Selection:
    """Keep the instances that classify better than a threshold.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``instance`` and ``accuracy``, from 0 to 1.
    above : float
        An instance of exactly this accuracy is dropped.

    Returns
    -------
    Selection

    Raises
    ------
    UsageError
        If a column is missing or an instance repeats.
    """
    _check(table, "accuracy")
    scores = _numbers(table, "accuracy")
    reasons = _missing(scores, "accuracy")
    for instance, accuracy in scores.items():
        if accuracy <= above:
            reasons[instance] = f"accuracy {accuracy:.4g} is not above {above:.4g}"
    return _split(table, reasons)


def explaining(table: pd.DataFrame) -> Selection:
    """Drop the instances that explain less variance than the mean less one standard deviation of all of them.

    Mean and standard deviation (ddof 1) are those of all families together, taken once: an instance that is dropped
    counts in them. With one instance there is no standard deviation, and it is kept.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``instance`` and ``variance_explained``, averaged over neurons.

    Returns
    -------
    Selection

    Raises
    ------
    UsageError
        If a column is missing or an instance repeats.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, Methods, "Model selection".
    """
    _check(table, "variance_explained")
    scores = _numbers(table, "variance_explained")
    reasons = _missing(scores, "variance_explained")
    known = [explained for instance, explained in scores.items() if instance not in reasons]
    if len(known) > 1:
        # Exact, so that rounding drops none of several equal instances.
        limit = statistics.mean(known) - statistics.stdev(known)
        for instance, explained in scores.items():
            if explained < limit:
                reasons[instance] = (
                    f"variance_explained {explained:.4g} is below {limit:.4g}, "
                    f"the mean less one standard deviation of {len(known)} instances"
                )
    return _split(table, reasons)


#: The paper's rule for each family; the instances of all others are kept.
PAPER_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "beta_vae": partial(best_udr, n=51),
        "vae": partial(best_objective, n=10),
        "autoencoder": partial(best_objective, n=10),
        "classifier": partial(accurate, above=0.95),
    }
)


def select_instances(table: pd.DataFrame, rules: Mapping[str, Rule] = PAPER_RULES) -> Selection:
    """Select instances as the paper does: by a rule for each family, then by the variance that they explain.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``instance``, ``family`` and ``variance_explained``, and what the rules look at.
    rules : mapping of str to callable
        The rule of each family, from its rows to a :class:`Selection`; by default the paper's,
        :data:`PAPER_RULES`. All instances of a family without a rule are kept until the last step.

    Returns
    -------
    Selection
        ``dropped`` has the columns ``step``, "family" or "variance explained", and ``reason``.

    Raises
    ------
    UsageError
        If a column is missing or an instance repeats.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, Methods, "Model selection".

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "family": ["vae", "vae", "pca"], "instance": ["vae[seed=0]", "vae[seed=1]", "pca"],
    ...     "n_units": 10, "objective": [-9.0, -8.0, None], "variance_explained": [0.2, 0.3, 0.1],
    ... })
    >>> selection = select_instances(table, {"vae": partial(best_objective, n=1)})
    >>> selection.kept["instance"].tolist()
    ['vae[seed=1]', 'pca']
    >>> selection.dropped["reason"].item()
    'objective -9 is number 2 of 2 with 10 units; the best 1 are kept'
    """
    _check(table, "family", "variance_explained")
    by_rule = {
        instance: reason
        for family, rule in rules.items()
        if (table["family"] == family).any()
        for instance, reason in _reasons(rule(table[table["family"] == family])).items()
    }
    by_variance = _reasons(explaining(table[~table["instance"].isin(by_rule.keys())]))
    selection = _split(table, by_rule | by_variance)
    steps = dict.fromkeys(by_variance, "variance explained") | dict.fromkeys(by_rule, "family")
    selection.dropped.insert(len(table.columns), "step", _words(selection.dropped, steps))
    return selection


def _check(table: pd.DataFrame, *columns: str) -> None:
    for column in ("instance", *columns):
        if column not in table:
            raise unknown_name("column of the table", column, [str(each) for each in table.columns])
    repeated = table["instance"][table["instance"].duplicated()]
    if len(repeated):
        raise UsageError(f"each instance must have one row; {repeated.iloc[0]!r} has several")


def _numbers(table: pd.DataFrame, column: str) -> dict[str, float]:
    """Return a column by instance, missing values as NaN."""
    try:
        values = pd.to_numeric(table[column]).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the column {column} must hold numbers: {error}") from error
    return dict(zip(table["instance"].tolist(), values.tolist(), strict=True))


def _missing(scores: Mapping[str, float], column: str) -> dict[str, str]:
    return {
        instance: f"{column} is {score}, not a number to go by"
        for instance, score in scores.items()
        if not np.isfinite(score)
    }


def _not_among_best(table: pd.DataFrame, column: str, n: int, among: str = "") -> dict[str, str]:
    """Return why instances are not among the n of the highest score."""
    scores = _numbers(table, column)
    reasons = _missing(scores, column)
    ranked = sorted((-score, instance) for instance, score in scores.items() if instance not in reasons)
    for rank, (negative, instance) in enumerate(ranked[n:], start=n + 1):
        reasons[instance] = (
            f"{column} {-negative:.4g} is number {rank} of {len(ranked)}{among}; the best {n} are kept"
        )
    return reasons


def _at_least_one(n: Any) -> int:
    if not isinstance(n, Integral) or n < 1:
        raise UsageError(f"one instance at least must be kept, not {n}")
    return int(n)


def _split(table: pd.DataFrame, reasons: Mapping[str, str]) -> Selection:
    is_dropped = table["instance"].isin(reasons.keys())
    dropped = table[is_dropped]
    return Selection(table[~is_dropped], dropped.assign(reason=_words(dropped, reasons)))


def _words(dropped: pd.DataFrame, words: Mapping[str, str]) -> "pd.Series[Any]":
    # Words also where there are none.
    return pd.Series([words[each] for each in dropped["instance"]], index=dropped.index, dtype=object)


def _reasons(selection: Selection) -> dict[str, str]:
    return dict(zip(selection.dropped["instance"], selection.dropped["reason"], strict=True))


def _paired(latents: Mapping[str, xr.DataArray]) -> list[xr.DataArray]:
    """Return latents with the stimuli of all in the order of the first."""
    (first_name, first), *_ = latents.items()
    paired = []
    for name, array in latents.items():
        if "kl" not in array.coords:
            raise ArrayError(
                f"the latents of {name} have no kl, the divergence of each unit from the prior, which UDR needs"
            )
        kl = array["kl"].values
        if not np.isfinite(kl).all():
            unit = int((~np.isfinite(kl)).argmax())
            raise ArrayError(
                f"the kl of {name} must be finite; unit {unit} has {kl[unit]}: leave the instance out"
            )
        position = pd.Index(array["stimulus"].values).get_indexer(first["stimulus"].values)
        if len(array["stimulus"]) != len(first["stimulus"]) or (position < 0).any():
            raise StimulusMismatchError(
                f"{name} and {first_name} must have latents for the same stimuli to be compared by UDR"
            )
        paired.append(array.isel(stimulus=position))
    return paired
