"""Spike rasters of the Neural Decoding Toolbox: a folder or ZIP archive with one CSV or ``.mat`` file for each site.

Each row of a CSV is a trial. Columns ``site_info.*`` describe the site, columns ``labels.*`` describe the stimulus, and
columns ``time.START_END`` hold the spikes in each time bin, in milliseconds [1]_. For ``.mat`` files see
:mod:`neuroalign.datasets.formats.raster_mat`.

References
----------
.. [1] Meyers, E. M. (2013). The neural decoding toolbox. Frontiers in Neuroinformatics, 7, 8.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.binning import Bins, binned, describe_kept, expect_same_bins
from neuroalign.datasets.formats.delimited_text import first_line
from neuroalign.datasets.formats.matlab_content import variable_names
from neuroalign.datasets.formats.raster_mat import is_raster
from neuroalign.datasets.formats.raster_sites import RasterSite, is_raster_header, read_site
from neuroalign.datasets.formats.reader import (
    ReaderOption,
    RecordingParts,
    RecordingReader,
    names_in_zip,
    split_names,
)
from neuroalign.datasets.formats.shared_options import BINS, STIMULUS_ONSET, WINDOW
from neuroalign.datasets.formats.trial_table import describe_each_stimulus
from neuroalign.datasets.time_bins import COUNTS
from neuroalign.datasets.time_windows import Window
from neuroalign.errors import DatasetError, count_noun, name_some, unknown_name
from neuroalign.files.archives import is_hidden, open_archive, read_member, visible_files
from neuroalign.files.plain import files_below
from neuroalign.progress import progress

if TYPE_CHECKING:
    import pandas as pd


_SUFFIXES = (".csv", ".mat")
_ANIMAL = ("monkey", "animal", "subject")
_REGION = ("region", "brain_area", "area")


def read_rasters(
    sources: Sequence[Path],
    *,
    window: Window | None,
    stimulus_labels: Sequence[str] | None = None,
    stimulus_onset: float | None = None,
    bins: Bins | None = None,
) -> RecordingParts:
    """Count the spikes of each trial and arrange the sites as one recording.

    Parameters
    ----------
    sources : sequence of Path
        CSV or ``.mat`` files, or folders or ZIP archives of such files.
    window : (float, float)
        Start and end of the count in milliseconds after stimulus onset; spikes at the end are not counted. May be
        None with `bins`, for all time bins of the files.
    stimulus_labels : sequence of str, optional
        Labels, without ``labels.``, that together identify a stimulus. By default all labels; the first label with a
        different value for each stimulus is then the stimulus id.
    stimulus_onset : float, optional
        Stimulus onset in milliseconds, on the clock of the columns ``time.*`` of a CSV, or after the start of a
        ``.mat`` raster. By default 0 for a CSV, and the alignment event of a ``.mat`` raster.
    bins : float or "file", optional
        Width in milliseconds of the time bins that the recording keeps, or "file" for the bins of the files. By
        default one count for the whole window.

    Returns
    -------
    RecordingParts
        Presentations are pairs (stimulus, repetition): the trials of a site count from 0 for each stimulus, and NaN
        stands for a trial that a site lacks. Sites need not have been recorded together, so equal repetition numbers
        of two sites do not denote one presentation. The stimuli have the labels as columns. Counts are float64; counts
        in time bins are float32 where this is exact.

    Raises
    ------
    DatasetError
        If a file is damaged or is not a raster, or the window does not fit it; the message names the file.
    """
    import numpy as np
    import pandas as pd

    from neuroalign.arrays import recording

    idle: list[str] = []
    sites = [read_site(name, path, window, stimulus_onset, bins) for name, path in _open_all(sources, idle)]
    if not sites:
        raise DatasetError(f"no raster CSV or .mat in {name_some(sources)}")
    edges = sites[0].edges
    for site in sites:
        if edges is not None and site.edges is not None:
            expect_same_bins(site.edges, edges, site.neuroid, sites[0].neuroid)
    neuroids = _strip_common_prefix([site.neuroid for site in sites])
    trials = pd.concat([site.labels for site in sites], ignore_index=True)
    trials["stimulus_id"], notes = _stimulus_ids(trials, stimulus_labels)
    trials["neuroid"] = np.repeat(np.arange(len(sites)), [len(site.labels) for site in sites])
    trials["repetition"] = trials.groupby(["neuroid", "stimulus_id"]).cumcount()

    shown = trials[["stimulus_id", "repetition"]].drop_duplicates().sort_values(["stimulus_id", "repetition"])
    presentation = pd.MultiIndex.from_frame(shown)
    row = presentation.get_indexer(pd.MultiIndex.from_frame(trials[["stimulus_id", "repetition"]]))
    of_bins = () if edges is None else (len(edges),)
    dtype = np.result_type(*(site.counts for site in sites))
    values = np.full((len(presentation), len(sites), *of_bins), np.nan, dtype=dtype)
    values[row, trials["neuroid"]] = np.concatenate([site.counts for site in sites])

    info = pd.DataFrame([site.info for site in sites]).fillna("unknown")
    animal = next((info.pop(name) for name in _ANIMAL if name in info), "unknown")
    region = next((info.pop(name) for name in _REGION if name in info), "unknown")
    array = recording(
        values,
        stimulus_id=shown["stimulus_id"],
        repetition=shown["repetition"],
        neuroid_id=neuroids,
        animal=animal,
        region=region,
        **binned(edges, COUNTS),
    )
    array = array.assign_coords(
        {name: ("neuroid", column.to_numpy().astype(str)) for name, column in info.items()}
    )
    window, of_kept = describe_kept(array, window)
    assert window is not None
    notes = [
        *_describe_sites(sites, neuroids, trials, window),
        *of_kept,
        *notes,
        *_describe_rest(sites, idle),
    ]
    return RecordingParts(
        array, averaged=False, stimuli=_stimulus_table(trials), window=window, notes=tuple(notes)
    )


def _describe_sites(
    sites: Sequence[RasterSite], neuroids: Sequence[str], trials: pd.DataFrame, window: Window
) -> list[str]:
    """Return notes on the sites, their trials and the time bins that were read."""
    n_bins = sorted({site.n_bins for site in sites})
    n_trials = trials.groupby(["neuroid", "stimulus_id"]).size()
    n_stimuli = trials["stimulus_id"].nunique()
    least, most = n_trials.min(), n_trials.max()
    trials_per_stimulus = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    n_absent = len(sites) * n_stimuli - len(n_trials)
    notes = [
        f"Spikes were counted from {window[0]:g} to before {window[1]:g} ms after onset in "
        f"{' or '.join(map(str, n_bins))} time bins of {len(trials):,} trials at {count_noun(len(sites), 'site')} "
        f"({name_some(neuroids)}).",
        f"A site has {trials_per_stimulus} trials of a stimulus"
        + (f"; {n_absent:,} pairs of a site and a stimulus have no trial." if n_absent else "."),
        "Repetitions are counted for each site: equal numbers of two sites do not denote one presentation.",
    ]
    onsets = [site.onset for site in sites if site.onset]
    for onset in dict.fromkeys(onsets):
        n = onsets.count(onset)
        notes.append(onset if n == len(sites) else f"{onset[:-1]} ({count_noun(n, 'site')}).")
    return notes


def _describe_rest(sites: Sequence[RasterSite], idle: Sequence[str]) -> list[str]:
    """Return notes on variables and files that were passed over."""
    variables = list(dict.fromkeys(variable for site in sites for variable in site.passed_over))
    notes = [f"Variables passed over: {name_some(variables, most=12)}."] if variables else []
    return [*notes, *([f"Files passed over: {name_some(idle, most=12)}."] if idle else [])]


def _open_all(sources: Sequence[Path], idle: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield the name and the path of each raster in folders, archives and lists of files; note the other files."""
    kinds: dict[str, str] = {}
    with ExitStack() as stack:
        for source in sources:
            for name, path in _files_in(source, stack, idle):
                kinds.setdefault(".mat" if path.suffix.lower() == ".mat" else "CSV", name)
                if len(kinds) > 1:
                    raise DatasetError(
                        f"rasters must be CSV or .mat files, got both ({' and '.join(kinds.values())}), which may be "
                        "the same sites; give the files of one kind"
                    )
                yield name, path


def _files_in(source: Path, stack: ExitStack, idle: list[str]) -> Iterator[tuple[str, Path]]:
    if source.is_dir():
        files = files_below(source)
        rasters = [path for path in files if path.suffix.lower() in _SUFFIXES]
        idle += [path.name for path in files if path.suffix.lower() not in _SUFFIXES]
        for path in progress(rasters, description=f"reading {source.name}", unit="site"):
            yield path.name, path
    elif source.suffix.lower() == ".zip":
        archive = stack.enter_context(open_archive(source))
        members = visible_files(archive, _SUFFIXES)
        taken = {member.filename for member in members}
        # visible_files leaves out hidden files and the extra files of macOS, which are not worth a note.
        idle += [
            PurePosixPath(name).name
            for name in archive.namelist()
            if name not in taken and not name.endswith("/") and not is_hidden(PurePosixPath(name))
        ]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="neuroalign-")))
        for member in progress(members, description=f"reading {source.name}", unit="site"):
            name = PurePosixPath(member.filename).name
            path = folder / f"site{PurePosixPath(name).suffix.lower()}"
            path.write_bytes(read_member(archive, member))
            yield name, path
    else:
        yield source.name, source


def _stimulus_ids(trials: pd.DataFrame, chosen: Sequence[str] | None) -> tuple[pd.Series, list[str]]:
    """Name the stimulus of each trial after its labels, with a note that names the labels."""
    labels = list(trials.columns)
    if chosen is not None:
        for name in chosen:
            if name not in labels:
                raise unknown_name("label", name, labels)
    absent = trials[list(chosen or labels)].isna().any()
    if absent.any():
        raise DatasetError(f"not all rasters have the label {name_some(list(absent.index[absent]))}")
    if chosen is None:
        stimuli = trials.drop_duplicates()
        naming = next(([label] for label in labels if stimuli[label].is_unique), labels)
    else:
        naming = list(chosen)
    ids = trials[naming].astype(str).agg("_".join, axis=1)
    others = [label for label in labels if label not in naming]
    origin = "; ".join(
        [
            f"Stimulus ids are the {'label' if len(naming) == 1 else 'labels'} {', '.join(naming)} of the rasters",
            *([f"further labels: {', '.join(others)}"] if others else []),
        ]
    )
    return ids, [f"{origin}."]


def _stimulus_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the labels that are the same in all trials of a stimulus."""
    import pandas as pd

    labels = trials.drop(columns=["neuroid", "repetition"]).set_index("stimulus_id")
    table = describe_each_stimulus(labels)[0].sort_index()
    for name in table:
        numbers = pd.to_numeric(table[name], errors="coerce")
        if numbers.notna().all() and (numbers.astype(str) == table[name]).all():
            table[name] = numbers
    return table


def _strip_common_prefix(names: list[str]) -> list[str]:
    """Remove "raster_data_", which the toolbox writes before the name of every site."""
    prefix = "raster_data_"
    return (
        [name.removeprefix(prefix) for name in names]
        if all(map(str.startswith, names, [prefix] * len(names)))
        else names
    )


#: Number of files in a folder that recognition looks at.
_FILES_LOOKED_AT = 5


class RasterReader(RecordingReader):
    """Reader of the rasters of the Neural Decoding Toolbox."""

    title = "rasters of the Neural Decoding Toolbox: folder, archive or files"
    suffixes = (".zip",)
    options = (
        WINDOW,
        BINS,
        STIMULUS_ONSET,
        ReaderOption(
            "stimulus_labels",
            'Labels, without "labels.", that together identify a stimulus. By default all labels.',
            metavar="LABEL[,LABEL]",
            convert=split_names,
        ),
    )
    gives = ("recording", "stimuli")

    def recognises(self, path: Path) -> bool:
        """Return whether a folder holds rasters, an archive holds such files, or a file is a raster."""
        if path.is_dir():
            files = (
                file for suffix in _SUFFIXES for file in islice(path.rglob(f"*{suffix}"), _FILES_LOOKED_AT)
            )
            return any(self.recognises(file) for file in files)
        if path.suffix.lower() in (".csv", ".tsv", ".txt"):
            with suppress(DatasetError):
                return is_raster_header(first_line(path))
            return False
        if path.suffix.lower() == ".mat":
            return is_raster(variable_names(path))
        return any(name.lower().endswith(_SUFFIXES) for name in names_in_zip(path))

    def read(self, paths: Sequence[Path], options: Mapping[str, Any]) -> RecordingParts:
        """Count spikes in the window; see :func:`read_rasters`."""
        return read_rasters(
            paths,
            window=options["window"],
            stimulus_labels=options["stimulus_labels"],
            stimulus_onset=options["stimulus_onset"],
            bins=options["bins"],
        )
