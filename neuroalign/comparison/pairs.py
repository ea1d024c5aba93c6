"""Tests of every two families, and letters of the families that are not shown to differ."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from neuroalign.comparison.groups import GroupSamples
from neuroalign.comparison.inference import N_RESAMPLES, Over, infer_difference
from neuroalign.comparison.samples import Sample, draw_together
from neuroalign.stats import adjust_p_values
from neuroalign.stats.multiplicity import Correction

#: Largest corrected p-value that is not called a difference.
ALPHA = 0.05

PAIR_COLUMNS = [
    "a",
    "b",
    "over",
    "difference",
    "ci_low",
    "ci_high",
    "standard_error",
    "df",
    "p_raw",
    "p",
    "reason",
]


def infer_pairs(
    samples: Mapping[str, Sample],
    *,
    correction: Correction = "holm",
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Test the difference of every two samples over instances and neurons, corrected for their number.

    Parameters
    ----------
    samples : mapping of str to Sample
        Samples of the families by name.
    correction : {"holm", "bh"}
        Correction of the p-values over all pairs with a test.
    n_resamples, seed : int
        Number of draws of neurons, and seed.

    Returns
    -------
    pandas.DataFrame
        One row for each pair, in the order of `samples`: ``a``, ``b``, ``over``, ``difference``, ``ci_low``,
        ``ci_high``, ``standard_error``, ``df``, ``p_raw``, ``p`` (corrected) and ``reason``.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.comparison import Sample, infer_pairs
    >>> from neuroalign.scoring.resampling import NeuronStatistic
    >>> def sample(name, values):
    ...     of_neurons = NeuronStatistic.weighted_mean(["n0", "n1", "n2"], values)
    ...     return Sample(name, np.mean(values) + np.array([-0.01, 0.01]), of_neurons=of_neurons)
    >>> samples = {"vae": sample("vae", [0.4, 0.6, 0.7]), "ica": sample("ica", [0.2, 0.3, 0.6])}
    >>> infer_pairs(samples, n_resamples=100)[["a", "b", "over", "difference"]].round(2)
         a    b                   over  difference
    0  vae  ica  instances and neurons         0.2
    """
    draw_together(samples.values(), n_resamples, seed)
    names = list(samples)
    rows = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            a, b = samples[first], samples[second]
            over: Over = "instances and neurons" if a.is_sample or b.is_sample else "neurons"
            test = infer_difference(a, b, over, n_resamples=n_resamples, seed=seed)
            rows.append(
                {
                    "a": first,
                    "b": second,
                    "over": test.over,
                    "difference": test.estimate,
                    "ci_low": test.ci_low,
                    "ci_high": test.ci_high,
                    "standard_error": test.standard_error,
                    "df": test.df,
                    "p_raw": test.p,
                    "reason": test.reason,
                }
            )
    words = dict.fromkeys(("a", "b", "over", "reason"), object)
    # A table without rows, of a single family, has columns of the same types.
    table = pd.DataFrame(rows, columns=PAIR_COLUMNS).astype(
        {name: words.get(name, np.float64) for name in PAIR_COLUMNS}
    )
    table["p"] = adjust_p_values(table["p_raw"].to_numpy(dtype=np.float64), method=correction)
    return table


def tests_of_pairs(names: Sequence[str], samples: GroupSamples, correction: Correction) -> pd.DataFrame:
    """Test every two families by Welch's test, and over instances and neurons.

    Parameters
    ----------
    names : sequence of str
        Families, the best first.
    samples : GroupSamples
        Samples of these families; see ``neuroalign.comparison.groups.read_group``.
    correction : {"holm", "bh"}
        Correction of the p-values over all pairs with a test.

    Returns
    -------
    pandas.DataFrame
        One row for each pair, in the order of `names`: ``a``, ``b``, ``difference``, ``hedges_g``, ``n_a``, ``n_b``,
        Welch's test (columns ``welch_…``), the test over instances and neurons (``crossed_…``), and the same test of
        the score itself where families are ranked by another number (``value_…``).
    """
    from neuroalign.stats import pairwise_welch

    chosen = {name: samples.samples[name] for name in names}
    welch = pairwise_welch({name: sample.values for name, sample in chosen.items()}, correction=correction)
    shared = ["a", "b", "difference", "hedges_g", "n_a", "n_b"]
    pairs = welch.rename(columns={name: f"welch_{name}" for name in welch if name not in shared})
    crossed = infer_pairs(chosen, correction=correction)
    pairs = pairs.join(crossed.drop(columns=["a", "b", "difference"]).add_prefix("crossed_"))
    if samples.value_statistic is None:
        return pairs.assign(value_difference=np.nan, value_p_raw=np.nan, value_p=np.nan)
    of_value = infer_pairs({name: samples.value_samples[name] for name in names}, correction=correction)
    return pairs.join(of_value.drop(columns=["a", "b"]).add_prefix("value_"))


def letters_of_families(
    table: pd.DataFrame, pairs: pd.DataFrame, column: str, *, higher_is_better: bool
) -> dict[str, str]:
    """Return letters for the families with a test: families that share a letter are not shown to differ.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``family`` and ``mean``.
    pairs : pandas.DataFrame
        Tests, as :func:`tests_of_pairs` returns them.
    column : str
        Column of `pairs` with the p-values.
    higher_is_better : bool
    """
    from neuroalign.stats import compact_letters, pairwise_matrix

    with_test = pairs[pairs[column].notna()]
    tested = [name for name in table["family"] if name in set(with_test["a"]) | set(with_test["b"])]
    return compact_letters(
        tested,
        table.set_index("family")["mean"][tested].to_numpy(dtype=np.float64),
        pairwise_matrix(pairs, tested, column),
        ALPHA,
        higher_is_better=higher_is_better,
    )


def why_untested(pair: Mapping[Any, Any], samples: GroupSamples) -> str:
    """Explain in few words why a family is not tested against the best; empty if it is.

    Parameters
    ----------
    pair : mapping
        Row of :func:`tests_of_pairs`, with the best family as ``a``.
    samples : GroupSamples
    """
    numbers = ((pair["n_b"], ""), (pair["n_a"], "the best has "))
    for n, subject in numbers:
        if not n:
            return f"no test: {subject}no {samples.statistic.label}"
    if not pair["crossed_reason"] or not pair["welch_reason"]:
        return ""
    if samples.n_neurons and pair["crossed_over"] == "neurons":
        return f"no test: {pair['crossed_reason']}"
    for n, subject in numbers:
        if n == 1:
            return f"no test: {subject}one instance"
    return f"no test: {pair['welch_reason']}"
