"""Program that makes the archive of scores that come with neuroalign: ``python docs/shipped_scores.py [FAMILY]...``.

Scores come from the neuroalign folder (``NEUROALIGN_HOME``), and are computed where they are missing. To keep the
archive small, AAM and ICA have five sizes in it, arrays that an import and a test do not need are left out, and the
numbers of the others have 18 binary digits, or 12 for neurons with turned tuning, which count by their means only. The
numbers that follow from the arrays change by less than 1e-5.
"""

import argparse
import io
import json
import lzma
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from neuroalign.comparison.shipped import ARCHIVES, ENDING
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
FAMILIES = ("aam", "autoencoder", "beta_vae", "classifier", "ica", "pca", "vae")
#: Models that represent a family with many instances.
SIZES = (10, 20, 30, 40, 50)
CHOSEN = {"aam": [f"aam[n={n}]" for n in SIZES], "ica": [f"ica[n={n},seed=0]" for n in SIZES]}
#: Binary digits of the numbers in arrays, a relative error of 2e-6 at most, and in arrays of turned tuning, 1e-4.
DIGITS, DIGITS_TURNED = 18, 12
# Entries of a provenance that describe the machine of the computation.
_OF_MACHINE = ("seconds", "latents_seconds")


def main() -> None:
    """Score the families, and write the archive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", default=FAMILIES)
    families = parser.parse_args().families
    dataset, benchmarks = load_dataset(DATASET), load_benchmarks()
    for name in families:
        for model in CHOSEN.get(name, [name]):
            score_all(model, dataset, benchmarks)
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
                or score.model not in CHOSEN.get(score.family, [score.model])
                or not is_wanted
                or score.provenance["dataset_hash"] != dataset.content_hash
            ):
                continue
            small.save(key, shrink(loaded), serial=0)
        folder = Path(scratch) / "exported"
        n = export_results(folder, store=small)
        ARCHIVES.mkdir(exist_ok=True)
        archive = ARCHIVES / f"{DATASET}{ENDING}"
        archive.write_bytes(_pack(folder))
    print(f"{n} scores, {archive.stat().st_size / 1e6:.2f} MB: {archive}")


def _pack(folder: Path) -> bytes:
    """Return the compressed archive of a folder, with similar files side by side; equal scores give equal bytes."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as file:
        for path in sorted(paths, key=lambda path: (path.suffix, *_kind(path), str(path))):
            entry = tarfile.TarInfo(str(path.relative_to(folder)))
            entry.size, entry.mtime = path.stat().st_size, 0
            file.addfile(entry, io.BytesIO(path.read_bytes()))
    # Arrays are of eight-byte numbers, which begin at multiples of eight bytes.
    numbers = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 3, "pb": 3}
    return lzma.compress(packed.getvalue(), filters=[numbers])


def _kind(path: Path) -> tuple[str, str]:
    record = path.with_suffix(".json")
    if not record.is_file():
        return "", ""
    content = json.loads(record.read_bytes())
    return str(content["benchmark"]), str(content["model"])


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
        {
            str(name): (
                array.dims,
                _round(array.values, DIGITS_TURNED if str(name).startswith("turned") else DIGITS),
            )
            for name, array in data.data_vars.items()
        },
        coords=data.coords,
    )
    provenance = {name: value for name, value in score.provenance.items() if name not in _OF_MACHINE}
    changed = replace(score, data=rounded, provenance=provenance)
    # An import computes these numbers from the arrays, and expects the same ones in the record.
    numbers = {
        name: float(number) for name, number in benchmark.recompute(changed).items() if np.isfinite(number)
    }
    value, error = numbers.pop("value", score.value), numbers.pop("error", score.error)
    beside = {name: numbers.get(name, number) for name, number in score.beside.items()}
    assert all(abs(number - score.beside[name]) < 1e-5 for name, number in beside.items())
    assert abs(value - score.value) < 1e-5
    return replace(changed, value=value, error=error, beside=beside)


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


def _round(values: np.ndarray, digits: int) -> np.ndarray:
    if values.dtype.kind != "f":
        return values
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(mantissa, digits)), exponent - digits)


if __name__ == "__main__":
    main()
