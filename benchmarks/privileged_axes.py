"""Privileged axes: drop of a score when the units of the model are rotated at random."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arithmetic import divide
from neuroalign.arrays import Join
from neuroalign.benchmarks.trial_ceilings import size_of
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError
from neuroalign.metrics import PrivilegedAxes as Rotated
from neuroalign.metrics import looks_rectified, privileged_axes
from neuroalign.metrics.folds import FITTED_ONLY
from neuroalign.models.model import Model, Rectified
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import self_pairs
from neuroalign.scoring.declarations import Invariance
from neuroalign.scoring.declared import INFORMATIVE_UNITS
from neuroalign.scoring.folded import FOLD_NUMBERS, FoldedBenchmark
from neuroalign.scoring.resampling import NeuronStatistic, Resampling, Statistic
from neuroalign.stats import bootstrap_means
from neuroalign.validation import NonNegative, Positive

FloatArray = NDArray[np.float64]

#: Draws of neurons behind the standard error.
N_RESAMPLES = 1_000
#: Largest number of neurons with an error that is computed again from arrays.
MOST_DRAWN = 5_000
#: Seconds of one rotation on one core, for the recording that :attr:`neuroalign.Benchmark.seconds` is measured on.
SECONDS_OF_A_ROTATION = {"semi": 0.005, "soft": 0.014, "one_to_one": 0.007, "alignment": 0.16}
#: Notes on the two alternative explanations of a rejection that a score cannot rule out.
SHARED_MARGINALS = (
    "the units look rectified, and the inputs of the rectification are not available: neurons with similar marginals "
    "alone can explain a low p"
)
UNEQUAL_UNITS = (
    "a low p does not show special axes: noisy units, units of unequal quality and shared marginals lower p, too; "
    "read the axis index κ of alignment"
)


@dataclass(frozen=True, kw_only=True)
class PrivilegedAxes(FoldedBenchmark):
    """Native score of the units minus the mean score of the same units in randomly rotated axes.

    Parameters
    ----------
    metric : {"semi", "soft", "one_to_one", "alignment"}
        Score of the units; see :func:`neuroalign.metrics.privileged_axes`.
    n_rotations : int
        Number of Haar rotations of the units.
    folds, random_folds
        See :class:`neuroalign.scoring.folded.FoldedBenchmark`. In a split, all axes are matched on the training tier
        and scored on the test tiers; the weights of metric=alignment are of the training tier.
    n_folds : int
        Number of folds of the cross-validation.
    in_sample : bool
        Whether units are chosen and scored on the same stimuli. Such scores are too high.
    absolute : bool
        Whether a negative correlation counts like a positive one. True by default, because latents have arbitrary
        signs; false for the published test.
    before : {"auto", "never"}
        "auto": where the model gives the inputs of rectified units, the inputs are rotated and rectified. "never": the
        units are rotated as they are, as in the published test.
    self_pairs : {"exclude", "include"}
        Whether neurons that are units of the model are scored. A rotated unit contains all units, so that "exclude"
        leaves these neurons out.
    seed : int
        Seed of the folds and of the rotations.

    Notes
    -----
    This is the published test, for a comparison with published numbers. It is not calibrated; the documentation
    gives its false positives. The axis index κ of ``alignment`` is the test to prefer.

    References
    ----------
    Khosla, Williams, McDermott & Kanwisher (2024), bioRxiv 2024.06.20.599957.
    """

    identifier: ClassVar[str] = "privileged_axes"
    question: ClassVar[str] = "Do the units score better than the same units in randomly rotated axes?"
    advice: ClassVar[str] = (
        "Take it to compare with the published test. Its p is too low for noisy units, for rectified or skewed units "
        "and neurons, and for units of unequal quality; the κ of alignment is the test to prefer."
    )
    score_by_chance: ClassVar[str] = "0"
    # A difference of two mean correlations, or of two completenesses.
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    numbers: ClassVar[tuple[Number, ...]] = (
        Number("native", "score of the native axes", "native"),
        Number("rotated", "score of rotated axes, mean over rotations", "rotated"),
        Number("rotated_sd", "SD over rotations", "SD over\nrotations"),
        Number("rotation_p", "p against rotated axes (not calibrated)", "p of ro-\ntations", "p"),
        Number("inputs_rotated", "inputs of the rectification are rotated", "inputs\nrotated", "flag"),
        INFORMATIVE_UNITS,
        *FOLD_NUMBERS,
    )
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {"order of stimuli", "order of neurons", "order of units", "constant units"}
    )
    has_ceiling: ClassVar[bool] = False
    has_chance: ClassVar[bool] = False
    asks_about_single_units: ClassVar[bool] = True
    on_request: ClassVar[bool] = True

    metric: Literal["semi", "soft", "one_to_one", "alignment"] = "semi"
    n_rotations: Positive = 199
    n_folds: NonNegative = 10
    in_sample: bool = False
    absolute: bool = True
    before: Literal["auto", "never"] = "auto"
    self_pairs: Literal["exclude", "include"] = "exclude"
    seed: NonNegative = 0

    def measure(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Score the native axes and each rotation."""
        latents, responses = self.align(model, dataset, join=join)
        originals = dataset.stimuli.originals(responses["stimulus"].values)
        # Sorted by name, so that neither the choice between equal units nor rounding depends on the order of neurons.
        neurons = np.argsort(responses["neuroid"].values.astype(str), kind="stable")
        if self.self_pairs == "exclude":
            neurons = neurons[self_pairs(latents, responses, dataset)[neurons] < 0]
        if not neurons.size:
            raise UsageError(
                f"{self.identifier} needs neurons that are not units of the model, got none; score other neurons"
            )
        stimuli = responses["stimulus"].values
        folds = self.labels_of_folds(dataset, stimuli)
        fitted = responses
        if self.metric == "alignment":
            # The weights of a split are fitted to its training tier, and λ is chosen there.
            folds = self.labels_to_choose(dataset, stimuli)
            rows = np.flatnonzero(folds != FITTED_ONLY)
            folds, latents, fitted = folds[rows], latents.isel(stimulus=rows), responses.isel(stimulus=rows)
        units = np.asarray(latents.values, dtype=np.float64)
        inputs = self._inputs(model, dataset, latents)
        tested = privileged_axes(
            units,
            fitted.values[:, neurons],
            metric=self.metric,
            n_rotations=self.n_rotations,
            before=inputs,
            absolute=self.absolute,
            in_sample=self.in_sample,
            informative=latents["informative"].values,
            folds=folds,
            seed=self.seed,
        )
        neuroids = responses["neuroid"].values.astype(str)
        statistic = _statistic(neuroids[neurons], tested)
        drawn = bootstrap_means([statistic], neurons.size, n_resamples=N_RESAMPLES, seed=self.seed)
        data = xr.Dataset(
            {
                "drop": ("neuroid", tested.per_neuron),
                "native_value": ("neuroid", tested.values[0]),
                "native_weight": ("neuroid", tested.weights[0]),
                "rotated_value": (("rotation", "neuroid"), tested.values[1:]),
                "rotated_weight": (("rotation", "neuroid"), tested.weights[1:]),
                "rotated_score": ("rotation", tested.rotated),
            },
            coords={"neuroid": responses["neuroid"].values[neurons]},
        )
        return self.make_score(
            model,
            dataset,
            value=tested.drop,
            error=float(drawn.std(ddof=1)) if neurons.size > 1 else float("nan"),
            error_over="neurons",
            null=0.0,
            data=data,
            beside={
                "native": tested.native,
                "rotated": float(tested.rotated.mean()),
                "rotated_sd": float(tested.rotated.std(ddof=1)) if self.n_rotations > 1 else float("nan"),
                "rotation_p": tested.p,
                "inputs_rotated": float(inputs is not None),
                "informative_units": int(latents["informative"].values.sum()),
            },
            notes=[
                *self._notes(units, inputs, n_left_out=neuroids.size - neurons.size),
                *originals.notes("folds"),
            ],
            provenance=size_of(responses, originals),
        )

    def recompute(self, score: Score) -> dict[str, float]:
        """Add the bootstrap error for recordings of usual size."""
        numbers = super().recompute(score)
        n_neurons = score.data.sizes["neuroid"]
        if 1 < n_neurons <= MOST_DRAWN:
            drawn = bootstrap_means(
                [_statistic_of_score(score)], n_neurons, n_resamples=N_RESAMPLES, seed=self.seed
            )
            numbers["error"] = float(drawn.std(ddof=1))
        return numbers

    @property
    def held_out_number(self) -> str:
        """The drop; metric=alignment has no held-out score."""
        return "" if self.metric == "alignment" else "value"

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Drop of the score; a drop has no perfect value."""
        return (Statistic("value", "drop by rotation", perfect=float("nan")),)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Resample the drop over neurons; the matching of units and neurons is given."""
        return replace(
            super().resampling(statistic, scores),
            from_score=_statistic_of_score,
            reason=f"{self.identifier} is not computed for drawn stimuli: each draw takes {self.n_rotations} scores",
        )

    def expected_seconds(self, n_stimuli: int, n_neurons: int) -> float:
        """Estimate the time of all rotations."""
        seconds = SECONDS_OF_A_ROTATION[self.metric] * (1 + self.n_rotations)
        return seconds * super().expected_seconds(n_stimuli, n_neurons)

    def _inputs(self, model: Model, dataset: Dataset, latents: xr.DataArray) -> FloatArray | None:
        """Return the inputs of rectified units in the order of the latents; None where they are not available."""
        if self.before == "never" or not isinstance(model, Rectified):
            return None
        inputs = model.before_rectification(dataset.stimuli)
        if inputs is None:
            return None
        ordered = inputs.sel(stimulus=latents["stimulus"].values, unit=latents["unit"].values)
        return np.asarray(ordered.values, dtype=np.float64)

    def _notes(self, units: FloatArray, inputs: FloatArray | None, *, n_left_out: int) -> list[str]:
        notes = [UNEQUAL_UNITS]
        if inputs is not None:
            notes.append("the units are rectified: their inputs are rotated and rectified")
        elif looks_rectified(units):
            notes.append(SHARED_MARGINALS)
        if self.in_sample and self.metric != "alignment":
            notes.append("in-sample: units are chosen and scored on the same stimuli, so scores are too high")
        if n_left_out:
            notes.append(
                f"{n_left_out} neurons are units of the model and are left out: a rotated unit contains all units"
            )
        return notes


def _statistic(neuroids: NDArray[np.str_], tested: Rotated) -> NeuronStatistic:
    """Return the drop as a function of neurons."""
    n_sets = len(tested.values)

    def combine(sums: FloatArray) -> FloatArray:
        scores = divide(sums[:, :n_sets], sums[:, n_sets:], otherwise=0.0)
        drops: FloatArray = scores[:, 0] - scores[:, 1:].mean(axis=1)
        return drops

    terms = np.vstack([tested.weights * tested.values, tested.weights]).T
    return NeuronStatistic(tuple(map(str, neuroids)), terms, combine)


def _statistic_of_score(score: Score) -> NeuronStatistic:
    values, weights = (
        np.vstack([score.data[f"native_{name}"].values[None], score.data[f"rotated_{name}"].values])
        for name in ("value", "weight")
    )
    return _statistic(score.data["neuroid"].values, Rotated(values, weights))
