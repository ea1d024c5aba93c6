"""Folders of Kilosort and phy, and of the ALF standard: spike times with the cluster of each spike."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.binning import Bins, divide_window
from neuroalign.datasets.formats.event_table import (
    BLANK,
    LABEL,
    ONSET,
    USUAL_LABELS,
    USUAL_ONSETS,
    choose_events,
    read_event_table,
)
from neuroalign.datasets.formats.reader import ReaderOption, RecordingParts, RecordingReader
from neuroalign.datasets.formats.shared_options import BINS, EVENTS, WINDOW
from neuroalign.datasets.formats.spike_files import CLUSTERS, SECONDS, TIMES
from neuroalign.datasets.formats.unit_quality import LABEL_COLUMNS, QUALITY, choose_units, label_counts
from neuroalign.datasets.formats.whole_folders import advice_on_parent
from neuroalign.errors import DatasetError, UsageError, name_some

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

#: Bytes that ``params.py`` may have.
_LONGEST = 100_000
#: Names of the files that describe the clusters, the channels and the probe.
_DESCRIPTION = re.compile(
    r"params\.py|cluster_\w+\.[ct]sv|channel_\w+\.npy|(templates|similar|whitening)\w*\.npy"
)


def _as_rate(value: Any) -> float:
    import math

    try:
        rate = float(value)
    except (TypeError, ValueError):
        raise UsageError(f"--sample-rate must be a number, got {value!r}") from None
    if not (math.isfinite(rate) and rate > 0):
        raise UsageError(f"--sample-rate must be above 0, got {value!r}")
    return rate


SAMPLE_RATE = ReaderOption(
    "sample_rate",
    "Samples in a second, for spike times in samples without a params.py.",
    metavar="HZ",
    convert=_as_rate,
)


def read_params(path: Path) -> dict[str, Any]:
    """Read the assignments of constants in a ``params.py``, which is parsed and never executed.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to object
        Values by name; statements other than an assignment of a constant are left out.

    Raises
    ------
    DatasetError
        If the file cannot be read, or is not Python.
    """
    try:
        if path.stat().st_size > _LONGEST:
            raise DatasetError(f"{path} must have at most {_LONGEST:,} bytes, got {path.stat().st_size:,}")
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"cannot read {path}: {error}") from error
    values: dict[str, Any] = {}
    for statement in tree.body:
        if not isinstance(statement, ast.Assign):
            continue
        try:
            value = ast.literal_eval(statement.value)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            continue
        values |= {target.id: value for target in statement.targets if isinstance(target, ast.Name)}
    return values


def read_clusters(folder: Path) -> pd.DataFrame:
    """Read the columns of all tables ``cluster_*.tsv`` of a folder, indexed by cluster.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    pandas.DataFrame
        A cluster without a row in a table has missing values.

    Raises
    ------
    DatasetError
        If a table cannot be read or does not have the column ``cluster_id``.
    """
    import pandas as pd

    tables = []
    for path in sorted([*folder.glob("cluster_*.tsv"), *folder.glob("cluster_*.csv")]):
        try:
            # phy of old wrote tabs into cluster_groups.csv, too.
            table = pd.read_csv(path, sep="\t")
        except (OSError, ValueError) as error:
            raise DatasetError(f"cannot read the clusters {path}: {error}") from error
        name = next((name for name in ("cluster_id", "id") if name in table), None)
        if name is None or not pd.api.types.is_integer_dtype(table[name]):
            raise DatasetError(f"{path} must have a column cluster_id of whole numbers")
        if table[name].duplicated().any():
            repeated = table[name][table[name].duplicated()].tolist()
            raise DatasetError(f"{path} lists clusters twice: {name_some(repeated)}")
        tables.append(table.set_index(name).rename_axis("cluster_id"))
    merged = pd.DataFrame(index=pd.Index([], name="cluster_id", dtype="int64"))
    # The table of one property comes before cluster_info.tsv, which repeats all of them.
    for table in sorted(tables, key=lambda table: table.shape[1]):
        new = [column for column in table if column not in merged]
        merged = merged.join(table[new], how="outer")
    return merged


def read_phy(
    folder: Path,
    *,
    events: pd.DataFrame,
    window: tuple[float, float],
    quality: str | None = None,
    sample_rate: float | None = None,
    source: str = "the events",
    bins: Bins | None = None,
) -> RecordingParts:
    """Count the spikes of each cluster after each event.

    Parameters
    ----------
    folder : Path
        ``spike_times.npy`` in samples, or ``spikes.times.npy`` in seconds; ``spike_clusters.npy``, or
        ``spike_templates.npy`` if it is missing; ``params.py`` and tables ``cluster_*.tsv``, both optional.
    events : pandas.DataFrame
        Columns ``onset`` (seconds) and ``stimulus_id``.
    window : (float, float)
        Start and end in milliseconds after onset.
    quality : str, optional
        Clusters to take; see :func:`neuroalign.datasets.formats.unit_quality.choose_units`. Needed if the clusters
        have different labels.
    sample_rate : float, optional
        Samples in a second, if there is no ``params.py``.
    source : str
        Name of the events in messages.
    bins : float, optional
        Width in milliseconds of the time bins that the recording keeps. By default one count for the window.

    Raises
    ------
    UsageError
        If the width does not divide the window.
    DatasetError
        If a file is missing or damaged, the files contradict each other, or the quality is open.
    """
    import numpy as np

    from neuroalign.datasets.formats.spike_times import SpikeSpan, trials_from_spikes

    edges = None if bins is None else divide_window(window, bins, str(folder))
    seconds, of_times, times_path = _read_times(folder, sample_rate)
    clusters_path = next((folder / name for name in CLUSTERS if (folder / name).is_file()), None)
    if clusters_path is None:
        raise DatasetError(
            f"{folder} has spike times, and no {' or '.join(CLUSTERS[:2])} with the neuron of each"
        )
    clusters = _read_vector(clusters_path)
    if clusters.dtype.kind not in "iu" and not (clusters % 1 == 0).all():
        raise DatasetError(f"{clusters_path} must hold whole numbers, got {clusters.dtype}")
    if len(clusters) != len(seconds):
        raise DatasetError(
            f"{clusters_path.name} of {folder} has {len(clusters):,} spikes, {times_path.name} has {len(seconds):,}"
        )
    order = np.argsort(clusters, kind="stable")
    numbers, starts = np.unique(np.asarray(clusters)[order].astype(np.int64), return_index=True)
    described = read_clusters(folder)
    table = described.reindex(numbers)
    label = next((name for name in LABEL_COLUMNS if name in table), None)
    if quality is None and label is not None and len(table[label].unique()) > 1:
        raise DatasetError(
            f"{folder} has {len(table)} clusters ({label_counts(table[label])} by {label}): choose with --quality, "
            "such as --quality good or --quality all"
        )
    chosen, of_quality = choose_units(table, quality, folder.name)
    silent = sorted(set(described.index) - set(numbers.tolist()))
    bounds = np.append(starts, len(order))

    def trains() -> Iterator[NDArray[np.float64]]:
        for index in np.flatnonzero(chosen):
            yield seconds[order[bounds[index] : bounds[index + 1]]]

    parts = trials_from_spikes(
        trains(),
        events,
        window,
        neuroid_id=numbers[chosen].astype(str),
        neuron_columns={str(name): table[name].to_numpy()[chosen] for name in table},
        span=SpikeSpan(float(seconds.min()), float(seconds.max()), len(seconds)),
        source=source,
        edges=edges,
    )
    notes = [
        *of_times,
        f"Neurons are the clusters of {clusters_path.name}.",
        *of_quality,
        *([f"Clusters without spikes were left out: {name_some(silent)}."] if silent else []),
    ]
    files = [times_path, clusters_path, folder / "params.py", *sorted(folder.glob("cluster_*.?sv"))]
    return replace(
        parts,
        notes=(*notes, *parts.notes),
        files={"responses": tuple(path for path in files if path.is_file())},
    )


def _read_times(folder: Path, sample_rate: float | None) -> tuple[NDArray[np.float64], list[str], Path]:
    """Read the spike times in seconds."""
    import numpy as np

    path, in_seconds = folder / TIMES, folder / SECONDS
    if not path.is_file():
        if sample_rate is not None:
            raise UsageError(
                f"--sample-rate has no effect: {SECONDS} of {folder} is in seconds; leave it out"
            )
        return (
            _read_vector(in_seconds).astype(np.float64),
            [f"Spike times are {SECONDS} of {folder.name}, in seconds."],
            in_seconds,
        )
    samples = _read_vector(path)
    if samples.dtype.kind == "f" and not (samples % 1 == 0).all():
        raise DatasetError(
            f"{path} must be in samples, got fractions; if it is in seconds, call it {SECONDS}"
        )
    params = folder / "params.py"
    if params.is_file():
        stated = read_params(params).get("sample_rate")
        if not isinstance(stated, int | float) or isinstance(stated, bool) or not 0 < stated < float("inf"):
            raise DatasetError(f"{params} must assign a number to sample_rate, got {stated!r}")
        if sample_rate is not None and sample_rate != stated:
            raise UsageError(
                f"--sample-rate {sample_rate:g} contradicts sample_rate = {stated:g} in {params}; leave it out"
            )
        sample_rate, origin = float(stated), "params.py"
    else:
        origin = "--sample-rate"
    if sample_rate is None:
        raise DatasetError(
            f"{path} is in samples, and {folder} has no params.py: give the samples in a second with --sample-rate HZ"
        )
    notes = [f"Spike times are {TIMES} of {folder.name}, in samples at {sample_rate:,.10g} Hz ({origin})."]
    if in_seconds.is_file():
        notes.append(f"{SECONDS} was passed over: {TIMES} was taken.")
    return samples.astype(np.float64) / sample_rate, notes, path


def _read_vector(path: Path) -> NDArray[Any]:
    from neuroalign.datasets.formats.numpy_files import read_npy

    values = read_npy(path).values
    if values.size != max(values.shape, default=0) or values.size == 0:
        raise DatasetError(f"{path} must hold one value for each spike, got shape {values.shape}")
    return values.reshape(-1)


class PhyReader(RecordingReader):
    """Reader of the folders of Kilosort and phy."""

    title = "folder of Kilosort or phy with spike times"
    options = (EVENTS, WINDOW, BINS, QUALITY, LABEL, ONSET, BLANK, SAMPLE_RATE)
    gives = ("recording", "stimuli")

    def recognises(self, path: Path) -> bool:
        """Return whether a folder holds spike times."""
        return path.is_dir() and any((path / name).is_file() for name in (TIMES, SECONDS))

    def advice(self, path: Path) -> str:
        """Return advice on the parameters or the clusters of a folder, and on a folder around such folders."""
        if path.is_file() and self.recognises(path.parent) and _DESCRIPTION.fullmatch(path.name):
            return (
                f"{path} describes a spike sorting; give its folder and the onsets of the stimuli: --responses "
                f"{path.parent} --events events.csv --window START,END"
            )
        return advice_on_parent(path, self.recognises, "folder of Kilosort or phy")

    def read(self, paths: Sequence[Path], options: Mapping[str, Any]) -> RecordingParts:
        """Count the spikes after each event; see :func:`read_phy`."""
        from neuroalign.datasets.formats.spike_times import stated_window

        folder = paths[0]
        if len(paths) > 1:
            raise UsageError(f"--responses must be one folder of spike times, got {len(paths)}")
        if not self.recognises(folder):
            raise DatasetError(self.advice(folder) or f"{folder} must be a folder with {TIMES} or {SECONDS}")
        path = options["events"]
        if path is None:
            raise DatasetError(
                f"{folder} holds spike times: give the onsets of the stimuli with --events events.csv (columns onset, "
                "in seconds, and stimulus_id) and the window with --window START,END; --bins WIDTH keeps time bins "
                "within it"
            )
        window = stated_window(options["window"], str(folder))
        events, notes = choose_events(
            read_event_table(path),
            label=options["label"],
            onset=options["onset"],
            blank=options["blank"],
            source=path.name,
            usual_labels=USUAL_LABELS,
            usual_onsets=USUAL_ONSETS,
        )
        parts = read_phy(
            folder,
            events=events,
            window=window,
            quality=options["quality"],
            sample_rate=options["sample_rate"],
            source=path.name,
            bins=options["bins"],
        )
        files = {**parts.files, "events": (path,)}
        return replace(parts, notes=(*notes, *parts.notes), files=files)
