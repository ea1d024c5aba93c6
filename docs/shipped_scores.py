"""Program that makes the archive of scores that come with neuroalign: ``python docs/shipped_scores.py [FAMILY]...``.

Scores come from the neuroalign folder (``NEUROALIGN_HOME``), and are computed where they are missing. Arrays that an
import and a test do not need are left out, and numbers of the others have 14 binary digits: the archive is small.
"""

import argparse
import json
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from neuroalign.comparison.shipped import ARCHIVES
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.errors import NeuroalignError
from neuroalign.results.exchange.exporting import export_results
from neuroalign.results.score import Score, imported_from
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.declared import installed_benchmark
from neuroalign.scoring.evaluate import score_all
from neuroalign.scoring.groups import load_benchmarks

DATASET = "AM-faces-sim"
FAMILIES = ("aam", "autoencoder", "beta_vae", "classifier", "ica", "neuron_subset", "pca", "vae")
#: Binary digits of the numbers in arrays: a relative error of 3e-5 at most.
DIGITS = 14
# Entries of a provenance that describe the machine of the computation.
_OF_MACHINE = ("seconds", "latents_seconds")


def main() -> None:
    """Score the families, and write the archive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", default=FAMILIES)
    families = parser.parse_args().families
    dataset, benchmarks = load_dataset(DATASET), load_benchmarks()
    for family in families:
        score_all(family, dataset, benchmarks)
    with tempfile.TemporaryDirectory() as scratch:
        small = ResultsStore(Path(scratch) / "results")
        own = ResultsStore()
        wanted = {
            (benchmark.identifier, benchmark.version, _options(benchmark.options()))
            for benchmark in benchmarks
        }
        for key, score in own.items(dataset=DATASET):
            is_wanted = (score.benchmark, score.benchmark_version, _options(score.options)) in wanted
            loaded = own.load(key)
            if (
                loaded is None
                or imported_from(score)
                or score.family not in families
                or not is_wanted
                or score.provenance["dataset_hash"] != dataset.content_hash
            ):
                continue
            small.save(key, shrink(loaded), serial=0)
        folder = Path(scratch) / "exported"
        n = export_results(folder, store=small)
        ARCHIVES.mkdir(exist_ok=True)
        archive = ARCHIVES / f"{DATASET}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    # A fixed time, so that the same scores give the same archive.
                    entry = zipfile.ZipInfo(str(path.relative_to(folder)), (2026, 1, 1, 0, 0, 0))
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    file.writestr(entry, path.read_bytes(), compresslevel=9)
    print(f"{n} scores, {archive.stat().st_size / 1e6:.2f} MB: {archive}")


def _options(options: object) -> str:
    return json.dumps(options, sort_keys=True, default=str)


def shrink(score: Score) -> Score:
    """Leave out the arrays that neither an import nor a test needs, and round the others."""
    benchmark = installed_benchmark(score.benchmark, score.benchmark_version, score.options)
    assert benchmark is not None
    data = score.data
    needed = _results(benchmark, score)
    for name in [*data.data_vars, *(name for name in data.coords if name not in data.dims)]:
        without = replace(score, data=data.drop_vars(name))
        try:
            results = _results(benchmark, without)
        except (NeuroalignError, KeyError, ValueError, TypeError, AttributeError):
            continue
        if np.array_equal(results, needed, equal_nan=True):
            data = data.drop_vars(name)
    # Coordinates of dimensions that no array has any more.
    data = data.drop_vars(
        [name for name in data.coords if not any(name in data[other].dims for other in data.data_vars)]
    )
    rounded = xr.Dataset(
        {name: (array.dims, _round(array.values)) for name, array in data.data_vars.items()},
        coords=data.coords,
    )
    provenance = {name: value for name, value in score.provenance.items() if name not in _OF_MACHINE}
    return replace(score, data=rounded, provenance=provenance)


def _results(benchmark: Benchmark, score: Score) -> np.ndarray:
    """Return the numbers that an import computes from the arrays, and each statistic for some draws of neurons."""
    numbers = [float(number) for _, number in sorted(benchmark.recompute(score).items())]
    for statistic in benchmark.statistics:
        resampling = benchmark.resampling(statistic.identifier, [score])
        if resampling.from_score is None:
            continue
        terms = resampling.from_score(score)
        draws = np.random.default_rng(0).multinomial(
            len(terms.neurons), np.full(len(terms.neurons), 1 / len(terms.neurons)), 3
        )
        numbers += [*terms(draws.astype(float)).tolist()]
    return np.array(numbers)


def _round(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "f":
        return values
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(mantissa, DIGITS)), exponent - DIGITS)


if __name__ == "__main__":
    main()
