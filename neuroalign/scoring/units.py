"""Table of the units of a model: variance, sparseness, best neuron, selectivity and monosemanticity of each unit."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join, align
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.reliability import neuron_reliability
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import StimulusMismatchError, UsageError
from neuroalign.metrics import (
    fold_labels,
    monosemanticity,
    noise_ceiling,
    participation_ratio,
    semi_matching,
    sparseness,
)
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.model import MadeOfNeurons, Model
from neuroalign.results.numbers import Number
from neuroalign.scoring.benchmark import self_pairs
from neuroalign.scoring.unit_selectivity import selectivities

FloatArray = NDArray[np.float64]

VARIANCE = Number("variance", "variance over stimuli", "variance")
TREVES_ROLLS = Number("treves_rolls", "Treves-Rolls sparseness a (1: dense)", "a")
VINJE_GALLANT = Number("vinje_gallant", "Vinje-Gallant sparseness S (1: sparse)", "S")
KURTOSIS = Number("kurtosis", "excess kurtosis", "kurtosis")
BEST_NEURON = Number("best_neuron", "best neuron", "best\nneuron")
BEST_R = Number("best_r", "held-out correlation with the best neuron", "r of\nbest")
SHARE = Number(
    "share_of_neurons", "share of neurons with this unit as the best", "share of\nneurons", "percent"
)
SELECTIVE_FOR = Number(
    "selective_for", "column of the stimulus table that explains most of the unit", "selective\nfor"
)
SELECTIVE_SHARE = Number(
    "selective_share",
    "share of the unit's variance that this column explains",
    "share of\nvariance",
    "percent",
)
MONOSEMANTICITY = Number("monosemanticity", "monosemanticity", "mono-\nsemant.")
SNR = Number("ncsnr", "signal-to-noise ratio of the noise ceiling", "ncsnr")
NOISE_CEILING = Number(
    "noise_ceiling", "noise ceiling, share of the variance of the mean", "noise\nceiling", "percent"
)
ORACLE = Number("oracle", "correlation of a trial with the other trials", "oracle")


@dataclass(frozen=True, eq=False)
class UnitTable:
    """Result of :func:`describe_units`.

    Parameters
    ----------
    model, source : str
        Identifiers of the model and of the dataset or stimulus set.
    simulated : bool or None
        Whether the neurons are simulated; None without neurons.
    table : pandas.DataFrame
        One row for each informative unit, indexed by the name of the unit, with a column for each of `numbers`.
    numbers : tuple of Number
        Columns in their order, with labels and headings.
    population : dict of str to float
        Numbers of the population: ``n_units``, ``n_informative``, ``n_stimuli``, ``n_neurons``,
        ``participation_ratio`` and ``monosemanticity_baseline``, as far as they are defined.
    notes : tuple of str
        Notes for the reader.
    """

    model: str
    source: str
    simulated: bool | None
    table: pd.DataFrame
    numbers: tuple[Number, ...]
    population: dict[str, float]
    notes: tuple[str, ...] = ()

    def to_record(self) -> dict[str, Any]:
        """Return the table as a dictionary that JSON can hold; NaN and infinity become None."""
        return {
            "model": self.model,
            "dataset": self.source,
            "simulated": self.simulated,
            "population": {name: _plain(value) for name, value in self.population.items()},
            "columns": [{"identifier": number.identifier, "label": number.label} for number in self.numbers],
            "units": [
                {"unit": str(unit), **{str(name): _plain(value) for name, value in row.items()}}
                for unit, row in self.table.iterrows()
            ],
            "notes": list(self.notes),
        }


@dataclass(eq=False)
class _Columns:
    """Columns of the table while it is built."""

    numbers: list[Number] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    population: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, number: Number, values: Any) -> None:
        self.numbers.append(number)
        self.values[number.identifier] = values


def describe_units(
    model: Model,
    source: Dataset | StimulusSet,
    *,
    embedding: Model | None = None,
    columns: Iterable[str] | None = None,
    categorical: Iterable[str] = (),
    absolute: bool = True,
    n_folds: int = 10,
    seed: int = 0,
    join: Join = "exact",
    use_cache: bool = True,
) -> UnitTable:
    """Describe each informative unit of a model.

    Parameters
    ----------
    model : Model
        Neurons of a dataset are a model, too, with the noise ceilings of their trials in addition.
    source : Dataset or StimulusSet
        Dataset with stimuli and neurons to compare with, or stimuli alone.
    embedding : Model, optional
        Model with the latents that measure the similarity of stimuli, for the monosemanticity of units.
    columns : iterable of str, optional
        Columns of the stimulus table to measure selectivity for; by default all that describe stimuli.
    categorical : iterable of str
        Columns of numbers that are labels of categories.
    absolute : bool
        Whether the sign of a unit is free when its best neuron is chosen; the training stimuli fix it.
    n_folds, seed : int
        Number and seed of the folds. The best neuron of a unit is chosen on training stimuli and its correlation is
        from held-out stimuli.
    join : {"exact", "intersection"}
        See :func:`neuroalign.score`.
    use_cache : bool
        Whether to read and write cached latents.

    Returns
    -------
    UnitTable

    Raises
    ------
    UsageError
        If no unit is informative, or a column says nothing about units.
    UnknownNameError
        If a column is not in the stimulus table.
    StimulusMismatchError
        If the embedding has no values for a stimulus.

    Notes
    -----
    The two sparsenesses need values that are not negative: a unit with a negative value has neither, because zero is
    arbitrary for it. See :func:`neuroalign.metrics.sparseness`.

    Examples
    --------
    >>> from neuroalign.scoring.units import describe_units
    >>> from neuroalign.testing import make_dataset
    >>> from neuroalign.testing.units import example_model
    >>> dataset = make_dataset(n_stimuli=60, n_neurons=8, n_factors=3)
    >>> described = describe_units(example_model(dataset), dataset, n_folds=5)
    >>> described.table.index.size, round(described.population["participation_ratio"], 1)
    (5, 2.2)
    """
    stimuli = source.stimuli if isinstance(source, Dataset) else source
    latents = compute_latents(model, stimuli, use_cache=use_cache)
    responses = None
    if isinstance(source, Dataset):
        latents, responses = align(latents, source.responses, join=join)
    else:
        latents = latents.sortby("stimulus")
    informative = latents["informative"].values
    chosen = latents.isel(unit=np.flatnonzero(informative))
    if not chosen.sizes["unit"]:
        raise UsageError(f"{model.identifier} must have an informative unit, got only constant units")
    units = np.ascontiguousarray(chosen.values, dtype=np.float64)
    built = _Columns()
    built.population = {
        "n_units": int(informative.size),
        "n_informative": int(informative.sum()),
        "n_stimuli": len(units),
        "participation_ratio": participation_ratio(units),
    }
    _describe_distribution(built, units)
    if isinstance(source, Dataset) and responses is not None:
        built.population["n_neurons"] = responses.sizes["neuroid"]
        _find_best_neurons(built, chosen, responses, source, absolute=absolute, n_folds=n_folds, seed=seed)
    table = stimuli.table.loc[chosen["stimulus"].values]
    _measure_selectivity(built, units, table, columns, categorical)
    if embedding is not None:
        _measure_monosemanticity(built, units, chosen, embedding, stimuli, use_cache)
    if isinstance(model, MadeOfNeurons) and "neuroid" in chosen.coords:
        _add_noise_ceilings(built, chosen, model.neurons_of)
    index = pd.Index(chosen["unit"].values.astype(str), name="unit")
    return UnitTable(
        model.identifier,
        source.identifier,
        source.simulated if isinstance(source, Dataset) else None,
        pd.DataFrame(built.values, index=index),
        tuple(built.numbers),
        built.population,
        tuple(built.notes),
    )


def _describe_distribution(built: _Columns, units: FloatArray) -> None:
    sparse = sparseness(units)
    built.add(VARIANCE, units.var(axis=0))
    built.add(TREVES_ROLLS, sparse.treves_rolls)
    built.add(VINJE_GALLANT, sparse.vinje_gallant)
    built.add(KURTOSIS, sparse.kurtosis)
    n_signed = int(sparse.is_signed.sum())
    if n_signed:
        built.notes.append(
            f"{n_signed} of {sparse.is_signed.size} units have negative values, and so no sparseness a and S, which "
            "compare a unit with zero activity; take the kurtosis"
        )


def _find_best_neurons(
    built: _Columns,
    chosen: xr.DataArray,
    responses: xr.DataArray,
    dataset: Dataset,
    *,
    absolute: bool,
    n_folds: int,
    seed: int,
) -> None:
    """Add the best neuron of each unit, by the held-out correlation, and the share of neurons that prefer a unit."""
    originals = dataset.stimuli.originals(responses["stimulus"].values)
    if originals.n < n_folds:
        counted = "originals" if originals.has_variants else "stimuli"
        built.notes.append(f"no best neurons: {originals.n} {counted} are too few for {n_folds} folds")
        return
    # Neurons in the order of their names, so that ties do not depend on the order in the file.
    responses = responses.sortby("neuroid")
    matched = semi_matching(
        chosen.values,
        responses.values,
        folds=fold_labels(len(chosen), n_folds, seed=seed, groups=originals.labels),
        absolute=absolute,
        exclude=self_pairs(chosen, responses, dataset),
    )
    best = matched.units.best_neuron
    built.add(BEST_NEURON, np.where(best >= 0, responses["neuroid"].values.astype(str)[best], ""))
    built.add(BEST_R, matched.units.per_unit)
    n_matched = float(matched.neurons.neuron_share.sum())
    built.add(SHARE, matched.neurons.unit_share / n_matched)
    built.notes += originals.notes("folds")


def _measure_selectivity(
    built: _Columns,
    units: FloatArray,
    table: pd.DataFrame,
    columns: Iterable[str] | None,
    categorical: Iterable[str],
) -> None:
    measured = list(selectivities(units, table, columns=columns, categorical=categorical))
    if not measured:
        return
    shares = np.nan_to_num(np.stack([item.share for item in measured]), nan=-1.0)
    best = shares.argmax(axis=0)
    names = np.array([item.column for item in measured])
    built.add(SELECTIVE_FOR, np.where(shares.max(axis=0) > 0, names[best], ""))
    built.add(SELECTIVE_SHARE, np.where(shares.max(axis=0) >= 0, shares.max(axis=0), np.nan))
    for item in measured:
        built.add(item.number, item.values)


def _measure_monosemanticity(
    built: _Columns,
    units: FloatArray,
    chosen: xr.DataArray,
    embedding: Model,
    stimuli: StimulusSet,
    use_cache: bool,
) -> None:
    vectors = compute_latents(embedding, stimuli, use_cache=use_cache)
    missing = np.setdiff1d(chosen["stimulus"].values, vectors["stimulus"].values)
    if missing.size:
        raise StimulusMismatchError(
            f"the embedding {embedding.identifier} has no values for {missing.size} stimuli; choose another embedding"
        )
    vectors = vectors.sel(stimulus=chosen["stimulus"].values)
    kept = np.asarray(vectors.values, dtype=np.float64)[:, vectors["informative"].values]
    result = monosemanticity(units, kept)
    built.add(MONOSEMANTICITY, result.per_unit)
    built.population["monosemanticity_baseline"] = result.baseline
    built.notes.append(
        f"monosemanticity is by the latents of {embedding.identifier}; a unit that responds to all stimuli alike has "
        f"{result.baseline:.3f}"
    )


def _add_noise_ceilings(built: _Columns, chosen: xr.DataArray, dataset: Dataset) -> None:
    """Add the noise ceilings of units that are neurons with single trials, or averages with standard errors."""
    place = pd.Index(dataset.responses["neuroid"].values).get_indexer(chosen["neuroid"].values)
    if dataset.trials is None:
        per_neuron = neuron_reliability(dataset, chosen["stimulus"].values)
        if per_neuron is None:
            built.notes.append("only averages over trials are known, so the noise ceilings are missing")
            return
        built.add(NOISE_CEILING, np.maximum(per_neuron[place], 0.0))
        built.notes.append(
            "noise ceilings are from the standard errors of averages; the oracle and the signal-to-noise ratio need "
            "single trials"
        )
        return
    rows = np.isin(dataset.responses["stimulus"].values, chosen["stimulus"].values)
    ceiling = noise_ceiling(dataset.trials[rows][:, :, place])
    built.add(SNR, ceiling.snr)
    built.add(NOISE_CEILING, ceiling.percent / 100.0)
    built.add(ORACLE, ceiling.oracle)


def _plain(value: object) -> str | int | float | None:
    """Return a value that JSON can hold."""
    if isinstance(value, str | int):
        return value
    number = float(value)  # type: ignore[arg-type]
    return number if np.isfinite(number) else None
