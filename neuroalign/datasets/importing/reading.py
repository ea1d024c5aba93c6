"""Recordings from files of any registered format, and from arrays in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.formats.bare import BareArray, complete_axes, parse_axes
from neuroalign.datasets.formats.detect import all_readers, better_format, detect_format, get_reader
from neuroalign.datasets.formats.images import Order
from neuroalign.datasets.formats.reader import (
    ArrayReader,
    RecordingParts,
    RecordingReader,
    option_without_effect,
    parse_options,
)
from neuroalign.datasets.formats.trial_table import describe_each_stimulus
from neuroalign.datasets.importing.joining import Session, join_sessions
from neuroalign.datasets.importing.labelling import arrange, doubtful_values, recording_from_cube
from neuroalign.datasets.importing.objects import (
    MemoryArrays,
    as_text,
    is_assembly,
    read_assembly,
    read_objects,
)
from neuroalign.datasets.importing.stimulus_lists import find_stimulus_list
from neuroalign.datasets.importing.stimulus_marks import Listed
from neuroalign.datasets.importing.stimulus_table import describe_stimuli, name_stimuli
from neuroalign.errors import DatasetError, UsageError
from neuroalign.names.foreign_code import foreign_code


class ReaderFailedError(DatasetError):
    """A reader raised another error than neuroalign's own errors, which name the fault of a file."""


@dataclass(frozen=True)
class Reading:
    """A recording with the rest of its files.

    Parameters
    ----------
    parts : RecordingParts
        Recording, and everything else in the files.
    row_ids : array of str, optional
        Stimulus id of each row of the user's stimulus table, where the import named the stimuli by that table.
    names_neurons : bool
        Whether the files name their neurons.
    listed_ids : array of str, optional
        Stimulus ids along the axis, where a list of images beside the responses names them.
    """

    parts: RecordingParts
    row_ids: NDArray[np.str_] | None = None
    names_neurons: bool = True
    listed_ids: NDArray[np.str_] | None = None

    def stimulus_table(self, table: pd.DataFrame | None) -> pd.DataFrame:
        """Return the columns of all stimuli by stimulus id.

        Parameters
        ----------
        table : pandas.DataFrame, optional
            The user's stimulus table.
        """
        ids = self.parts.recording["stimulus_id"].values.astype(str)
        return describe_stimuli(ids, self.row_ids, table, self.parts.stimuli, [])[0]


class Source:
    """Responses to import: files of one format, or an array in memory.

    Parameters
    ----------
    responses : sequence of Path, or responses in memory
        See :func:`neuroalign.datasets.importing.objects.read_objects`.
    format : str, optional
        Name of the format; by default the content of the files decides.
    axes : str or sequence of str, optional
        Names of the axes of an array.
    options : mapping of str to object
        Options of the reader.

    Raises
    ------
    UnknownNameError
        If no reader has the format or one of the options.
    UsageError
        If the format does not take one of the options.
    DatasetError
        If the format cannot be recognised.
    """

    def __init__(
        self,
        responses: Sequence[Path] | Any,
        *,
        in_memory: bool,
        format: str | None,
        axes: str | Sequence[str] | None,
        options: Mapping[str, Any],
    ) -> None:
        self.responses = responses
        self.axes = axes
        self.given, self.stated_format = options, format
        self.reader: ArrayReader | RecordingReader | None = None
        self.format = "array"
        if in_memory and format is not None:
            raise UsageError("format has no effect on responses in memory; leave it out")
        if not in_memory:
            self.format = detect_format(responses, format)
            self.reader = get_reader(self.format)
        self.gives = ("recording",) if self.reader is None else self.reader.gives
        declared = () if self.reader is None else self.reader.options
        elsewhere = [option.name for reader in all_readers().values() for option in reader.options]
        self.options = parse_options(self.format, declared, options, elsewhere)
        if axes is not None and isinstance(self.reader, RecordingReader):
            raise option_without_effect("axes", self.format)

    def like(self, responses: Sequence[Path] | Any, variable: str | None) -> "Source":
        """Return the source of an array beside the responses, such as their standard errors.

        Parameters
        ----------
        responses : sequence of Path, or an array in memory
            Array with the axes of the responses.
        variable : str, optional
            Variable of its file.
        """
        in_memory = not (isinstance(responses, list) and all(isinstance(path, Path) for path in responses))
        options = {} if in_memory else dict(self.given)
        if variable is not None:
            options["variable"] = variable
        return Source(
            responses,
            in_memory=in_memory,
            format=None if in_memory else self.stated_format,
            axes=self.axes,
            options=options,
        )

    @property
    def has_axis(self) -> bool:
        """Whether the responses have a stimulus axis, and not presentations that name their stimuli."""
        if self.reader is None:
            return not is_assembly(self.responses)
        return isinstance(self.reader, ArrayReader)

    def read(
        self,
        name: str,
        *,
        table: pd.DataFrame | None,
        image_names: Sequence[str] | None,
        image_order: Order | None,
        presented: Listed | None = None,
        listed_ids: NDArray[np.str_] | None = None,
    ) -> Reading:
        """Read the responses and name their neurons and stimuli.

        Parameters
        ----------
        name : str
            Name of the dataset; neurons without labels are named after it.
        table : pandas.DataFrame, optional
            The user's stimulus table.
        image_names : sequence of str, optional
            Names of the user's image files.
        image_order : {"name", "number"}, optional
            Order of the image files where they name the stimuli.
        presented : path or sequence of str, optional
            Ids along the stimulus axis, where the files do not name the stimuli.
        listed_ids : array of str, optional
            Ids along the stimulus axis of an array beside the responses, where a list of images beside the responses
            names them.
        """
        if isinstance(self.reader, RecordingReader) and presented is not None:
            raise option_without_effect("presented", self.format)
        if isinstance(self.reader, RecordingReader):
            return Reading(self._read_recording(self.reader))
        if self.reader is None and is_assembly(self.responses):
            return Reading(read_assembly(cast(xr.DataArray, self.responses)))
        try:
            memory = (
                read_objects(self.responses, self.axes)
                if self.reader is None
                else MemoryArrays(
                    self._read_arrays(), None if self.axes is None else parse_axes(self.axes), noun="file"
                )
            )
            return _name_axes(
                name,
                memory,
                table=table,
                image_names=image_names,
                image_order=image_order,
                presented=presented,
                listed_ids=listed_ids,
            )
        except (DatasetError, UsageError) as error:
            advice = (
                "" if self.stated_format is None else better_format(self.responses[0], self.stated_format)
            )
            if not advice:
                raise
            raise type(error)(f"{error}; {advice}") from error

    def _read_recording(self, reader: RecordingReader) -> RecordingParts:
        paths = cast("Sequence[Path]", self.responses)
        parts = self._guarded(paths[0], reader.read, paths)
        if not isinstance(parts, RecordingParts):
            raise UsageError(
                f"the reader of the format {self.format} must return RecordingParts, got {type(parts).__name__}"
            )
        for part in ("stimuli", "images", "landmarks"):
            if getattr(parts, part) is not None and part not in reader.gives:
                raise UsageError(
                    f"the reader of the format {self.format} returned {part}, which it does not declare in 'gives'"
                )
        return parts

    def _read_arrays(self) -> dict[str, BareArray]:
        paths = cast("Sequence[Path]", self.responses)
        repeated = [path for path in paths if paths.count(path) > 1]
        if repeated:
            raise UsageError(f"{repeated[0]} is given twice; several files hold further neurons")
        reader = cast(ArrayReader, self.reader)
        arrays: dict[str, BareArray] = {}
        for path in paths:
            array = self._guarded(path, reader.read, path)
            if not isinstance(array, BareArray):
                raise UsageError(
                    f"the reader of the format {self.format} must return a BareArray, got {type(array).__name__}"
                )
            arrays[str(path)] = array
        return arrays

    def _guarded(self, path: Path, read: Callable[..., object], files: object) -> object:
        """Call a reader, and name the reader and the file if its code fails."""
        try:
            with foreign_code(f"the reader of the format {self.format} failed on {path}", ReaderFailedError):
                return read(files, self.options)
        except ReaderFailedError as error:
            if isinstance(error.__cause__, OSError | MemoryError):
                raise error.__cause__ from None
            raise


def _name_axes(
    name: str,
    memory: MemoryArrays,
    *,
    table: pd.DataFrame | None,
    image_names: Sequence[str] | None,
    image_order: Order | None,
    presented: Listed | None,
    listed_ids: NDArray[np.str_] | None = None,
) -> Reading:
    """Make a recording from arrays with axes that the user names; each array holds further neurons."""
    arrays, names = memory.arrays, memory.axes
    if names is None:
        source, first = next(iter(arrays.items()))
        raise UsageError(
            f"{source} is {' × '.join(map(str, first.values.shape))}: name its axes, "
            f"for example --axes {_example_axes(first.values.ndim)}"
        )
    names = complete_axes(names, next(iter(arrays.values())))
    sessions, notes = {}, []
    list_name: str | None = None
    for source, bare in arrays.items():
        values, labels, assumed = arrange(bare, names, source)
        stimulus = labels.get("stimulus")
        if stimulus is None and listed_ids is not None and len(values) == len(listed_ids):
            stimulus = listed_ids
        elif stimulus is None and presented is None:
            listed = find_stimulus_list(
                bare.texts,
                len(values),
                Path(source).name,
                table=table,
                image_names=image_names,
                image_order=image_order,
            )
            if listed is not None:
                stimulus = listed.ids
                list_name = list_name or f"{listed.variable} of {Path(source).name}"
        sessions[source] = Session(values, stimulus, labels.get("neuroid"))
        notes += [*([] if bare.note is None else [bare.note]), *assumed]
    joined, of_joining = join_sessions(sessions, name, memory.noun)
    cube, stimulus_labels = joined.values, joined.stimulus
    assert joined.neuroid is not None
    shape = " × ".join(map(str, next(iter(arrays.values())).values.shape))
    named = name_stimuli(
        cube.shape[0],
        labels=stimulus_labels,
        list_name=list_name,
        table=table,
        image_names=image_names,
        image_order=image_order,
        presented=presented,
        shape=f"{shape} read as {','.join(names)}",
    )
    # The recording takes over the memory of the cube.
    origin = (
        named.origin if memory.noun == "file" or stimulus_labels is None else "the labels of the responses"
    )
    notes = [f"Stimulus ids are {origin}.", *notes, *of_joining, *doubtful_values(cube)]
    array = recording_from_cube(cube, stimulus_id=named.ids, neuroid_id=joined.neuroid)
    repeated = len(np.unique(named.ids)) < len(named.ids)
    if repeated:
        notes.append("Stimulus ids repeat: equal ids are taken as repetitions of one stimulus.")
    further = memory.columns.get("neuroid", pd.DataFrame())
    array = array.assign_coords({str(key): ("neuroid", as_text(further[key])) for key in further})
    stimuli = memory.columns.get("stimulus")
    if stimuli is not None:
        stimuli, _ = describe_each_stimulus(stimuli.set_index(named.ids))
    windows = {bare.window for bare in arrays.values()}
    parts = RecordingParts(
        array,
        averaged="repetition" not in names
        and not repeated
        and not any(bare.single_trials for bare in arrays.values()),
        stimuli=stimuli,
        window=windows.pop() if len(windows) == 1 else None,
        notes=tuple(notes),
    )
    names_neurons = all(session.neuroid is not None for session in sessions.values())
    return Reading(parts, named.row_ids, names_neurons, None if list_name is None else named.ids)


def _example_axes(n: int) -> str:
    """Return an example of names for `n` axes."""
    averages, trials = "neuroid,stimulus", "neuroid,stimulus,repetition"
    return {2: averages, 3: trials}.get(n, f"{averages} or --axes {trials}")


def expect_averaged(recording: xr.DataArray, averaged: bool, stated: bool | None) -> bool:
    """Return whether responses are means over trials, by the user's statement where there is one.

    Parameters
    ----------
    recording : recording
    averaged : bool
        Whether the files suggest means.
    stated : bool, optional
        Statement of the user.

    Raises
    ------
    UsageError
        If the user states means and some stimulus has several trials.
    """
    most = int(pd.Series(recording["stimulus_id"].values).value_counts().max())
    if stated and most > 1:
        raise UsageError(
            f"--averaged contradicts the responses, which have up to {most} trials of a stimulus"
        )
    return averaged if stated is None else stated
