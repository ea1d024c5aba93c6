"""Record of a comparison: a dictionary that JSON can hold."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroalign.results.score import Score
from neuroalign.scoring.resampling import Statistic

if TYPE_CHECKING:
    from neuroalign.comparison.outcome import Comparison


def to_record(comparison: "Comparison") -> dict[str, Any]:
    """Return a comparison without its arrays; NaN becomes None.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    dict
    """
    a = comparison.a
    scores = {"a": a, "b": comparison.b, "ceiling": comparison.ceiling}
    return plain(
        {
            "dataset": a.dataset,
            "simulated": comparison.simulated,
            "benchmark": a.benchmark,
            "benchmark_version": a.benchmark_version,
            "options": dict(a.options),
            "statistic": statistic_record(comparison.statistic),
            **{name: _score_record(score) for name, score in scores.items()},
            "means": comparison.means,
            "samples": comparison.why_no_samples,
            "difference": comparison.difference,
            "generalisations": [asdict(test) for test in comparison.generalisations],
            "others": [
                {**asdict(other), "statistic": statistic_record(other.statistic)}
                for other in comparison.others
            ],
            "matched_neurons": None
            if comparison.matched is None
            else {"n": comparison.n_matched, **asdict(comparison.matched)},
            "meets_ceiling": {name: asdict(outcome) for name, outcome in comparison.meets_ceiling.items()},
            "reliability": comparison.reliability,
            "cautions": {name: list(sentences) for name, sentences in comparison.cautions.items()},
            "confounds": list(comparison.confounds),
            "verdict": comparison.verdict,
            "sentence": comparison.sentence,
        }
    )


def statistic_record(statistic: Statistic) -> dict[str, Any]:
    """Return the fields of a statistic that readers of a record need."""
    return {
        "identifier": statistic.identifier,
        "label": statistic.label,
        "higher_is_better": statistic.higher_is_better,
        "perfect": statistic.perfect,
    }


def _score_record(score: Score | None) -> dict[str, Any] | None:
    if score is None:
        return None
    return {**score.to_record(), "instances": [instance.to_record() for instance in score.instances]}


def plain(value: Any) -> Any:
    """Replace NaN and infinity by None, which JSON can hold."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
