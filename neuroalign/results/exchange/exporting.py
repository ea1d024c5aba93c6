"""Export of stored scores: a folder that others can import, or one table."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.files.home import atomic_path, private_name
from neuroalign.files.spreadsheets import write_csv
from neuroalign.files.sums import SUMS, write_sums
from neuroalign.results.score import Score, imported_from
from neuroalign.results.store import ResultsStore

#: Endings of the names of tables.
TABLES = (".csv", ".parquet")

#: Endings of the names of files that are not written: a folder of such a name would be a surprise.
OTHER_FILES = (
    *(".xlsx", ".xls", ".ods", ".tsv", ".txt", ".json", ".html", ".md", ".tex"),
    *(".zip", ".gz", ".tar", ".pkl", ".feather", ".h5", ".hdf5", ".nc", ".mat", ".npy", ".npz"),
)


def export_results(
    target: "str | os.PathLike[str]", *, dataset: str | None = None, store: ResultsStore | None = None
) -> int:
    """Write stored scores to a folder or a table.

    Parameters
    ----------
    target : path
        A name that ends in ``.csv`` or ``.parquet`` stands for one table, with a row for each score and without
        arrays. Any other name stands for a new folder with records, arrays and ``SHA256SUMS``, which
        ``neuroalign results import`` reads; imported scores are left out, since they are the results of others.
    dataset : str, optional
        Identifier of a dataset: only its scores are exported. By default all scores.
    store : ResultsStore, optional
        Store of the scores; by default the store in the neuroalign folder.

    Returns
    -------
    int
        Number of scores.

    Raises
    ------
    UsageError
        If the target exists, or its name has the ending of another kind of file.
    NeuroalignError
        If the store has no such score, or a library for Parquet is missing.
    """
    if not isinstance(target, str | os.PathLike) or not os.fspath(target):
        raise UsageError(f"target must be the path of a new folder or table, got {target!r}")
    path = Path(target)
    store = store or ResultsStore()
    if path.suffix.lower() in OTHER_FILES:
        raise UsageError(
            f"{path.name} must end in .csv or .parquet for a table, which spreadsheets open, or name a new folder; try "
            f"{path.with_suffix('.csv')}"
        )
    try:
        exists = path.exists()
    except OSError as error:  # a name that is too long
        raise UsageError(f"cannot write {path}: {error.strerror}; choose another name") from error
    if exists:
        raise UsageError(f"{path} exists already; choose another name")
    items = list(store.items() if dataset is None else store.items(dataset=dataset))
    if path.suffix.lower() not in TABLES:
        items = [(key, score) for key, score in items if not imported_from(score)]
    if not items:
        selection = f" of {dataset}" if dataset else ""
        raise NeuroalignError(f"{store.folder} has no scores{selection}; compute some with neuroalign score")
    if path.suffix.lower() in TABLES:
        _write_table(path, results_table(items))
        return len(items)
    return _write_folder(path, sorted(key for key, _ in items), store)


def results_table(items: list[tuple[str, Score]]) -> pd.DataFrame:
    """Lay out scores as one table.

    Parameters
    ----------
    items : list of (str, Score)
        Scores with their keys.

    Returns
    -------
    pandas.DataFrame
        One row for each score, sorted by dataset, benchmark, family and model; options, numbers beside
        the score and the rest of the provenance are JSON.
    """
    rows: list[dict[str, Any]] = []
    for key, score in items:
        provenance = dict(score.provenance)
        rows.append(
            {
                "dataset": score.dataset,
                "simulated": provenance.pop("simulated", None),
                "benchmark": score.benchmark,
                "benchmark_version": score.benchmark_version,
                "options": _json(score.options),
                "family": score.family,
                "model": score.model,
                "value": score.value,
                "error": score.error,
                "error_over": score.error_over,
                "null": score.null,
                "ceiling": score.ceiling,
                "higher_is_better": score.higher_is_better,
                "beside": _json(score.to_record()["beside"]),
                "notes": "; ".join(score.notes),
                "imported_from": imported_from(score),
                "created": provenance.pop("created", None),
                "dataset_hash": provenance.pop("dataset_hash", None),
                "provenance": _json(provenance),
                "key": key,
            }
        )
    order = ["dataset", "benchmark", "benchmark_version", "options", "family", "model", "key"]
    return pd.DataFrame(rows).sort_values(order, ignore_index=True)


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with atomic_path(path) as temporary:
        if path.suffix.lower() == ".csv":
            write_csv(table, temporary)
            return
        try:
            table.to_parquet(temporary, index=False)
        except ImportError as error:
            raise NeuroalignError(
                "Parquet needs pyarrow: pip install 'neuroalign[parquet]', or name a file that ends in .csv"
            ) from error


def _write_folder(path: Path, keys: list[str], store: ResultsStore) -> int:
    temporary = path.with_name(private_name())
    sums: dict[str, str] = {}
    try:
        for key in keys:
            for suffix, content in zip((".json", ".nc"), store.files(key), strict=True):
                name = f"{key[:2]}/{key}{suffix}"
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                (temporary / name).write_bytes(content)
                sums[name] = hashlib.sha256(content).hexdigest()
        (temporary / SUMS).write_text(write_sums(sums), encoding="utf-8")
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return len(keys)
