"""Files of Triple-N: Neuropixels recordings of macaque visual cortex during the shared images of NSD."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.binning import Bins, binned, describe_kept, expect_same_bins
from neuroalign.datasets.formats.mat73 import has_variables
from neuroalign.datasets.formats.matlab_nesting import load_variables
from neuroalign.datasets.formats.reader import ReaderOption, RecordingParts, RecordingReader
from neuroalign.datasets.formats.shared_options import BINS, PART, VARIABLE, WINDOW
from neuroalign.datasets.formats.triple_n_areas import areas_of, read_areas
from neuroalign.datasets.formats.triple_n_sessions import (
    N_IMAGES,
    N_NSD,
    PATTERN,
    Session,
    is_processed,
    processed_files,
    read_session,
)
from neuroalign.datasets.formats.triple_n_trials import Trials, good_unit_files, read_trials
from neuroalign.datasets.formats.unit_quality import QUALITY, choose_units, label_counts
from neuroalign.datasets.time_bins import COUNTS
from neuroalign.errors import DatasetError, UsageError, brief, count_noun, name_some

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from neuroalign.datasets.time_windows import Window

PARTS: Mapping[str, slice] = {
    "nsd": slice(0, N_NSD),
    "localiser": slice(N_NSD, N_IMAGES),
    "all": slice(0, N_IMAGES),
}
#: Arrays with the mean response of each unit to each image.
_MEANS = ("response_best", "response_basic")


def _as_path(value: Any) -> Path:
    if not isinstance(value, str | Path):
        raise UsageError(f"the option must be a file or a folder, got {type(value).__name__}")
    return Path(value).expanduser()


GOOD_UNITS = ReaderOption(
    "good_units",
    "Files GoodUnit_*.mat with single trials: their folder, or one file. Without it, responses are means over trials.",
    metavar="DIR|FILE",
    convert=_as_path,
)
AREAS = ReaderOption(
    "areas",
    "Table of the area at each depth of each session: exclude_area as .csv, .xlsx or (with xlrd) .xls.",
    metavar="TABLE",
    convert=_as_path,
)
NSD_DESIGN = ReaderOption(
    "nsd_design",
    "File nsd_expdesign.mat of NSD: shared images are then called as in NSD's folder shared1000 "
    "(shared0001_nsd02951), and not by their number (0001).",
    metavar="FILE",
    convert=_as_path,
)


def read_triple_n(
    paths: Sequence[Path],
    *,
    part: str,
    variable: str | None = None,
    quality: str | None = None,
    good_units: Path | None = None,
    window: Window | None = None,
    bins: Bins | None = None,
    areas: Path | None = None,
    nsd_design: Path | None = None,
) -> RecordingParts:
    """Read the units of one or several sessions, joined by image.

    Parameters
    ----------
    paths : sequence of Path
        Files ``Processed_ses##_DATE_MONKEY_RUN.mat``.
    part : {"nsd", "localiser", "all"}
        Images to take: 1–1000 are the shared images of NSD, 1001–1072 are localisers.
    variable : {"response_best", "response_basic"}, optional
        Means over trials: in the time window with the highest reliability of each unit, or in one window of all units.
        Needed without `good_units`.
    quality : str, optional
        Types of units or a condition on their labels; see
        :func:`neuroalign.datasets.formats.unit_quality.choose_units`. Needed if there are units of several types.
    good_units : Path, optional
        File ``GoodUnit_*.mat`` or a folder with one for each session: single trials, counted in `window`.
    window : (float, float), optional
        Start and end in milliseconds after onset; needed with `good_units`, unless `bins` are given.
    bins : float or "file", optional
        Width in milliseconds of the time bins of single trials that the recording keeps, or "file" for the bins of
        1 ms of the files.
    areas : Path, optional
        Table with the columns ``SesIdx``, ``y1``, ``y2``, ``AREALABEL`` and ``Area``.
    nsd_design : Path, optional
        File ``nsd_expdesign.mat`` with ``sharedix``.

    Returns
    -------
    RecordingParts

    Raises
    ------
    DatasetError
        If a file is missing or damaged, or a choice is open.
    """
    import numpy as np
    import pandas as pd

    sessions = [read_session(path, variable if good_units is None else None) for path in paths]
    keys = [session.key for session in sessions]
    if len(set(keys)) < len(keys):
        raise UsageError(f"--responses must name each session once, got {name_some(keys)}")
    table = pd.concat([session.table for session in sessions])
    types = table["unit_type"]
    if quality is None and len(set(types)) > 1:
        raise DatasetError(
            f"{paths[0].parent} has {len(table):,} units ({label_counts(types)} by unit_type): choose with "
            "--quality, such as --quality single or --quality all"
        )
    chosen, of_quality = choose_units(table, quality, "Triple-N", labels=("unit_type",))
    notes = [
        f"Neurons are the units of {count_noun(len(sessions), 'session')} ({name_some(keys)}); sessions are joined by "
        "image.",
        *of_quality,
        "Labels of units: reliability is reliability_best, depth is pos, unit_type is UnitType; F_SI, B_SI, O_SI and "
        "snr have their own names.",
    ]
    files: dict[str, tuple[Path, ...]] = {"responses": tuple(paths)}
    if areas is None:
        notes.append("The files do not name the regions of the units: --areas exclude_area.csv does.")
    else:
        labels, of_areas = areas_of(read_areas(areas), table)
        table = table.assign(**labels)
        notes += of_areas
        files["areas"] = (areas,)
    numbers = np.arange(1, N_IMAGES + 1)[PARTS[part]]
    edges = None
    if good_units is None:
        means = np.concatenate([session.means for session in sessions if session.means is not None])
        values, image, repetition = means[chosen][:, PARTS[part]].T, numbers, None
        notes.append(f"Responses are {variable}, means over the trials of each image.")
        if variable == "response_best":
            notes.append(
                "The time window of response_best was chosen for each unit by the reliability of the same trials."
            )
    else:
        if window is None and bins is None:
            raise DatasetError(
                f"{good_units} has single trials in bins of 1 ms: count their spikes in a window with --window "
                "START,END (the authors' example uses 60,220), or keep time bins with --bins WIDTH"
            )
        trials, used = _trials(sessions, chosen, numbers, good_units, window, bins)
        values, image, repetition, edges = trials.counts, trials.image, trials.repetition, trials.edges
        files["responses"] = (*paths, *used)
        where = "" if window is None else f" from {window[0]:g} to before {window[1]:g} ms"
        notes += [
            f"Responses are spikes of single trials{where}; trials with the number 0 failed and were left out.",
            *(
                ["Equal repetition numbers of two sessions do not denote one presentation."]
                if len(sessions) > 1
                else []
            ),
        ]
    ids, of_ids = _stimulus_ids(nsd_design)
    if nsd_design is not None:
        files["nsd_design"] = (nsd_design,)
    notes.append(of_ids)
    array = _label(values, ids[image - 1], repetition, table[chosen], edges)
    window, of_bins = describe_kept(array, window)
    sets = np.where(numbers <= N_NSD, "nsd", "localiser")
    stimuli = pd.DataFrame(
        {"image": numbers, "set": sets}, index=pd.Index(ids[numbers - 1], name="stimulus_id")
    )
    return RecordingParts(
        array,
        averaged=good_units is None,
        stimuli=stimuli,
        window=window,
        notes=(*notes, *of_bins),
        files=files,
    )


class TripleNReader(RecordingReader):
    """Reader of the files of Triple-N."""

    title = "Triple-N (Processed_ses*.mat, with GoodUnit_*.mat)"
    options = (PART, VARIABLE, QUALITY, GOOD_UNITS, WINDOW, BINS, AREAS, NSD_DESIGN)
    gives = ("recording", "stimuli")

    def recognises(self, path: Path) -> bool:
        """Return whether a file has mean responses with their reliability, or a folder has such files."""
        return bool(processed_files(path)) if path.is_dir() else is_processed(path)

    def advice(self, path: Path) -> str:
        """Return advice on the other files of the publication."""
        give = "give the session's file Processed_ses##_….mat as --responses"
        if path.is_dir():
            if good_unit_files(path):
                return f"{path} has single trials of Triple-N; {give}, and this folder as --good-units {path}"
            return ""
        if has_variables(path, "GoodUnitStrc", "meta_data"):
            return f"{path} has single trials of Triple-N; {give}, and this file as --good-units {path}"
        if has_variables(path, "raster_matrix_img", "response_matrix_img"):
            return f"{path} has rasters of Triple-N without its units; {give}, and GoodUnit_….mat as --good-units"
        if path.stem == "exclude_area":
            return f"{path} has the areas of Triple-N; {give}, and this table as --areas {path}"
        if path.name == "nsd_expdesign.mat":
            return (
                f"{path} has the design of NSD and no responses; for Triple-N, give it as --nsd-design {path}"
            )
        return ""

    def read(self, paths: Sequence[Path], options: Mapping[str, Any]) -> RecordingParts:
        """Read the sessions; see :func:`read_triple_n`."""
        files: list[Path] = []
        for path in paths:
            inside = processed_files(path) if path.is_dir() else [path]
            if not inside or (path.is_file() and self.advice(path)):
                raise DatasetError(
                    self.advice(path) or f"{path} must be a folder with {PATTERN}, or such a file of Triple-N"
                )
            files += inside
        _expect_choices(files[0], options)
        return read_triple_n(files, **options)


def _expect_choices(path: Path, options: Mapping[str, Any]) -> None:
    """Ask for all open choices in one message, and refuse options without effect."""
    part, variable, good_units = (options[name] for name in ("part", "variable", "good_units"))
    if part is not None and part not in PARTS:
        raise UsageError(f"--part must be one of {', '.join(PARTS)} for Triple-N, got {part!r}")
    if variable is not None and variable not in _MEANS:
        raise UsageError(f"--variable must be {' or '.join(_MEANS)} for Triple-N, got {variable!r}")
    if good_units is not None and variable is not None:
        raise UsageError(
            f"--variable {variable} has no effect: single trials come from --good-units; leave it out"
        )
    for name in ("window", "bins"):
        if good_units is None and options[name] is not None:
            raise UsageError(
                f"--{name} has no effect without --good-units: the means have windows of their own"
            )
    open_choices = []
    if part is None:
        open_choices.append("the images with --part nsd (1–1000), localiser (1001–1072) or all")
    if variable is None and good_units is None:
        open_choices.append(
            "the responses with --variable response_best (means in the best window of each unit), --variable "
            "response_basic (one window), or --good-units DIR --window START,END (single trials)"
        )
    if open_choices:
        raise DatasetError(f"{path} holds units of Triple-N: choose {', and '.join(open_choices)}")


def _trials(
    sessions: Sequence[Session],
    chosen: NDArray[np.bool_],
    numbers: NDArray[np.int64],
    good_units: Path,
    window: Window | None,
    bins: Bins | None,
) -> tuple[Trials, list[Path]]:
    """Join the single trials of all sessions by image and number of the repetition."""
    import numpy as np
    import pandas as pd

    available = good_unit_files(good_units) if good_units.is_dir() else [good_units]
    read: list[Trials] = []
    used: list[Path] = []
    start = 0
    for session in sessions:
        kept = np.flatnonzero(chosen[start : start + len(session.table)])
        start += len(session.table)
        date, run = session.table["date"].iloc[0], session.table["run"].iloc[0]
        files = [path for path in available if re.search(rf"_{date}_.*_g{run}\.mat$", path.name)]
        if len(files) != 1:
            raise DatasetError(
                f"{session.path.name} needs one file GoodUnit_{date}_…_g{run}.mat in {good_units}, found {len(files)}"
            )
        depth = session.table["depth"].to_numpy() if "depth" in session.table else None
        read.append(read_trials(files[0], kept, len(session.table), depth, numbers, window, bins))
        used += files
    pairs = [pd.MultiIndex.from_arrays([trials.image, trials.repetition]) for trials in read]
    rows = pairs[0]
    for other in pairs[1:]:
        rows = rows.union(other, sort=False)
    rows = rows.sort_values()
    edges = read[0].edges
    for trials, file in zip(read, used, strict=True):
        if edges is not None and trials.edges is not None:
            expect_same_bins(trials.edges, edges, file.name, used[0].name)
    values = np.full((len(rows), int(chosen.sum()), *read[0].counts.shape[2:]), np.nan, dtype=np.float32)
    column = 0
    for trials, own in zip(read, pairs, strict=True):
        values[rows.get_indexer(own), column : column + trials.counts.shape[1]] = trials.counts
        column += trials.counts.shape[1]
    image, repetition = (rows.get_level_values(level).to_numpy() for level in (0, 1))
    return Trials(values, image, repetition, edges), used


def _stimulus_ids(nsd_design: Path | None) -> tuple[NDArray[np.str_], str]:
    """Return the id of each of the 1,072 images, and a note on their origin."""
    import numpy as np

    ids = [f"{number:04d}" for number in range(1, N_IMAGES + 1)]
    if nsd_design is None:
        return np.array(ids), (
            "Stimulus ids are the numbers of the images, as in the files of StimuliNNN.zip (0001.bmp); with "
            "--nsd-design, the shared images are called as in NSD."
        )
    try:
        shared = np.ravel(load_variables(nsd_design, variable_names=["sharedix"])["sharedix"])
    except Exception as error:  # the parser raises nearly anything on a damaged file
        raise DatasetError(
            f"cannot read sharedix in {nsd_design}: {brief(error)}; give nsd_expdesign.mat of NSD"
        ) from error
    if shared.shape != (N_NSD,) or len(np.unique(shared)) < N_NSD:
        raise DatasetError(
            f"sharedix of {nsd_design} must have {N_NSD:,} different numbers, got {shared.shape}"
        )
    ids[:N_NSD] = [f"shared{number:04d}_nsd{int(nsd):05d}" for number, nsd in enumerate(shared, start=1)]
    return np.array(ids), (
        f"Stimulus ids are the names of the files in NSD's folder shared1000, by sharedix of {nsd_design.name}; "
        "localisers have their number."
    )


def _label(
    values: NDArray[Any],
    stimulus_id: NDArray[np.str_],
    repetition: NDArray[Any] | None,
    table: pd.DataFrame,
    edges: NDArray[np.float64] | None,
) -> xr.DataArray:
    from neuroalign.arrays import recording

    array = recording(
        values,
        stimulus_id=stimulus_id,
        repetition=repetition,
        neuroid_id=table.index.to_numpy().astype(str),
        region=table["region"].to_numpy().astype(str),
        animal=table["animal"].to_numpy().astype(str),
        **binned(edges, COUNTS),
    )
    labels = [name for name in table if name not in ("region", "animal", "number", "date", "run")]
    return array.assign_coords(
        {
            name: (
                "neuroid",
                table[name].to_numpy().astype(str)
                if table[name].dtype.kind not in "fiub"
                else table[name].to_numpy(),
            )
            for name in labels
        }
    )
