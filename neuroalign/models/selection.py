"""Selection of trained instances for a comparison, by rules on a table of instances.

The table has one row for each instance. Every function divides the rows into kept and dropped instances, and gives a
reason for every dropped one. Nothing is random: instances with equal scores are ranked by their names.
"""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import ArrayError, StimulusMismatchError, UsageError, unknown_name
from neuroalign.metrics.udr import Pooling, udr


@dataclass(frozen=True, eq=False)
class Selection:
    """Kept and dropped instances: every row of the table is in one of them, in the order of the table.

    Parameters
    ----------
    kept : pandas.DataFrame
    dropped : pandas.DataFrame
        It has the column ``reason`` and, after :func:`select_instances`, the column ``step``.
    """

    kept: pd.DataFrame
    dropped: pd.DataFrame


#: Function that divides the rows of one family into kept and dropped instances.
Rule = Callable[[pd.DataFrame], Selection]


def add_udr(
    table: pd.DataFrame,
    latents: Mapping[str, xr.DataArray],
    *,
    correlation: Literal["spearman", "lasso"] = "spearman",
    pooling: Pooling = "paper",
) -> pd.DataFrame:
    """Add the UDR (unsupervised disentanglement ranking) of each instance among the other seeds of its settings.

    Parameters
    ----------
    table : pandas.DataFrame
        Table with the columns ``instance`` and ``family``. Instances are compared if they have the same ``family``
        and, where the table has these columns, the same ``n_units`` and ``beta``.
    latents : mapping of str to latents
        Latents by instance, for the same stimuli in any order, with the coordinate ``kl``. Every instance is looked
        up once, one group after another, so that the mapping may compute latents when they are looked up.
    correlation, pooling
        See :func:`neuroalign.metrics.udr`.

    Returns
    -------
    pandas.DataFrame
        The table with the column ``udr``. It is NaN for instances without latents, and for instances without another
        seed to compare with.

    Raises
    ------
    UsageError
        If a column is missing or an instance repeats.
    ArrayError
        If latents have no divergences from a prior, or divergences that are not finite.
    StimulusMismatchError
        If two instances have different stimuli.

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
        compared = [(row, name) for row, name in zip(rows, names, strict=True) if name in latents]
        if len(compared) < 2:
            continue
        arrays = _paired({name: latents[name] for _, name in compared})
        scores[[row for row, _ in compared]] = udr(
            [array.values for array in arrays],
            [array["kl"].values for array in arrays],
            correlation=correlation,
            pooling=pooling,
        )
    return table.assign(udr=scores)


def best_udr(table: pd.DataFrame, *, n: int | None = None, share: float | None = None) -> Selection:
    """Keep the instances with the highest UDR.

    Parameters
    ----------
    table : pandas.DataFrame
        Table with the columns ``instance`` and ``udr``.
    n : int, optional
        Number of instances to keep. Give either `n` or `share`.
    share : float, optional
        Share of all instances in the table to keep, above 0 and at most 1; the number is rounded.

    Returns
    -------
    Selection

    Raises
    ------
    UsageError
        If a column is missing, an instance repeats, or both or neither of the two options are given.
    """
    _check(table, "udr")
    if (n is None) == (share is None):
        raise UsageError(
            f"best_udr must have n or share, got n = {n} and share = {share}; give one of the two"
        )
    if share is not None:
        if not 0 < share <= 1:
            raise UsageError(f"share must be above 0 and at most 1, got {share}")
        n = round(share * len(table))
    return _split(table, _not_among_best(table, "udr", _at_least_one(n)))


def best_objective(table: pd.DataFrame, *, n: int = 10) -> Selection:
    """Keep the instances with the highest training objective among the instances with the same number of units.

    Parameters
    ----------
    table : pandas.DataFrame
        Table with the columns ``instance``, ``n_units`` and ``objective``. The objective is the value that training
        maximises: the evidence lower bound of a VAE, or minus the squared error of an autoencoder.
    n : int
        Number of instances to keep for each number of units.

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
    """Keep the instances with an accuracy above a threshold.

    Parameters
    ----------
    table : pandas.DataFrame
        Table with the columns ``instance`` and ``accuracy``, from 0 to 1.
    above : float
        Threshold; an instance with exactly this accuracy is dropped.

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
    """Drop the instances that explain less variance than the mean minus one standard deviation of all instances.

    Mean and standard deviation (ddof 1) are computed once, over all families together and including the instances
    that are then dropped. A single instance is kept.

    Parameters
    ----------
    table : pandas.DataFrame
        Table with the columns ``instance`` and ``variance_explained``, averaged over neurons.

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
    finite = [explained for instance, explained in scores.items() if instance not in reasons]
    if len(finite) > 1:
        # The statistics module computes exactly: rounding must not drop one of several equal instances.
        limit = statistics.mean(finite) - statistics.stdev(finite)
        for instance, explained in scores.items():
            if explained < limit:
                reasons[instance] = (
                    f"variance_explained {explained:.4g} is below {limit:.4g}, "
                    f"the mean less one standard deviation of {len(finite)} instances"
                )
    return _split(table, reasons)


def select_instances(table: pd.DataFrame, rules: Mapping[str, Rule]) -> Selection:
    """Select instances by a rule for each family, and then by the variance that they explain.

    Parameters
    ----------
    table : pandas.DataFrame
        Table with the columns ``instance``, ``family`` and ``variance_explained``, and the columns that the rules
        need.
    rules : mapping of str to callable
        Rule by family, a function from the family's rows to a :class:`Selection`. Instances of a family without a
        rule are selected by their explained variance alone; see :func:`explaining`.

    Returns
    -------
    Selection
        ``dropped`` has the columns ``step`` ("family" or "variance explained") and ``reason``.

    Raises
    ------
    UsageError
        If a column is missing or an instance repeats.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, Methods, "Model selection".

    Examples
    --------
    >>> from functools import partial
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
            raise unknown_name("column of the table", column, [str(name) for name in table.columns])
    repeated = table["instance"][table["instance"].duplicated()]
    if len(repeated):
        raise UsageError(f"each instance must have one row; {repeated.iloc[0]!r} has several")


def _numbers(table: pd.DataFrame, column: str) -> dict[str, float]:
    """Return the values of a column by instance, with NaN for missing values."""
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
    """Return the reasons for dropping the instances that are not among the n with the highest score."""
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
        raise UsageError(f"the number of kept instances must be at least one, got {n}")
    return int(n)


def _split(table: pd.DataFrame, reasons: Mapping[str, str]) -> Selection:
    is_dropped = table["instance"].isin(reasons.keys())
    dropped = table[is_dropped]
    return Selection(table[~is_dropped], dropped.assign(reason=_words(dropped, reasons)))


def _words(dropped: pd.DataFrame, words: Mapping[str, str]) -> "pd.Series[Any]":
    # The dtype of an empty column must be for text as well.
    return pd.Series([words[instance] for instance in dropped["instance"]], index=dropped.index, dtype=object)


def _reasons(selection: Selection) -> dict[str, str]:
    return dict(zip(selection.dropped["instance"], selection.dropped["reason"], strict=True))


def _paired(latents: Mapping[str, xr.DataArray]) -> list[xr.DataArray]:
    """Return the latents of all instances with the stimuli in the order of the first instance."""
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
