"""Scores for tests of tables, comparisons and figures."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from neuroalign.datasets.dataset import Dataset
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark


def make_score(
    value: float | None = None,
    *,
    model: str = "model[seed=0]",
    family: str | None = None,
    benchmark: str | Benchmark = "alignment",
    dataset: str | Dataset = "toy",
    per_neuron: Mapping[str, float] | None = None,
    provenance: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Score:
    """Make a score without a computation.

    Parameters
    ----------
    value : float, optional
        The score. By default the mean of `per_neuron`, or 0.5.
    model : str
        Identifier of the model, such as ``pca[n=10]``.
    family : str, optional
        Identifier of the family; by default the model's name without its options.
    benchmark : str or Benchmark
        Name of the benchmark, or the benchmark itself, which then gives the score its version, its options and the
        direction of better scores.
    dataset : str or Dataset
        Identifier of the dataset, or the dataset itself, which then gives the score the content hash that
        leaderboards select scores by, the number of neurons and the mark of simulated neurons.
    per_neuron : mapping of str to float, optional
        Value for each neuron id, stored in ``data`` under the name of the benchmark.
    provenance : mapping, optional
        Entries of the provenance, beside the entries from `dataset`.
    **fields
        Other fields of :class:`neuroalign.Score`, such as ``error=0.02`` or ``beside={"D": 10.0}``. Without them the
        error is 0.1, over neurons.

    Returns
    -------
    Score

    Examples
    --------
    >>> from neuroalign.testing import make_score
    >>> print(make_score(0.4, model="pca[n=10]"))
    pca[n=10] on toy, alignment: 0.4000 ± 0.1000 (SE over neurons)
    >>> make_score(per_neuron={"a": 0.2, "b": 0.6}).value
    0.4
    """
    described: dict[str, Any] = {"benchmark_version": 1}
    name = benchmark if isinstance(benchmark, str) else benchmark.identifier
    if isinstance(benchmark, Benchmark):
        described = {
            "benchmark_version": benchmark.version,
            "options": benchmark.options(),
            "higher_is_better": benchmark.higher_is_better,
        }
    origin: dict[str, Any] = {}
    if isinstance(dataset, Dataset):
        origin = {
            "dataset_hash": dataset.content_hash,
            "n_neurons": dataset.recording.sizes["neuroid"],
            "simulated": dataset.simulated,
        }
    if per_neuron is not None:
        values = np.array(list(per_neuron.values()), dtype=np.float64)
        described["data"] = xr.Dataset({name: ("neuroid", values)}, coords={"neuroid": list(per_neuron)})
        value = float(np.nanmean(values)) if value is None else value
    return Score(
        value=0.5 if value is None else float(value),
        model=model,
        family=model.partition("[")[0] if family is None else family,
        dataset=dataset if isinstance(dataset, str) else dataset.identifier,
        benchmark=name,
        provenance={**origin, **(provenance or {})},
        **{"error": 0.1, "error_over": "neurons", **described, **fields},
    )
