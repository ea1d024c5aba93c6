"""Each check of a reader passes for a good reader and fails for one with the fault that it is about."""

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io

from neuroalign import arrays
from neuroalign.datasets.formats.assembly import write_brainio
from neuroalign.datasets.formats.bare import BareArray
from neuroalign.datasets.formats.reader import ArrayReader, ReaderOption, RecordingParts, RecordingReader
from neuroalign.errors import DatasetError, UnknownNameError, UsageError
from neuroalign.names.registry import readers
from neuroalign.testing import READER_CHECKS, CheckError, check_reader, make_dataset


class Table(RecordingReader):
    """Lines of stimulus, neuron and response."""

    title = "table of responses (.resp)"
    suffixes = (".resp",)
    options = (ReaderOption("scale", "Factor of the responses.", convert=float),)

    def recognises(self, path):
        return path.is_file() and path.read_bytes().startswith(b"# responses\n")

    def read(self, paths, options):
        try:
            lines = paths[0].read_text(encoding="utf-8").splitlines()[1:]
            rows = [line.split() for line in lines]
            stimuli, neurons = (sorted({row[column] for row in rows}) for column in (0, 1))
            values = np.full((len(stimuli), len(neurons)), np.nan)
            for stimulus, neuron, response in rows:
                values[stimuli.index(stimulus), neurons.index(neuron)] = float(response)
            if not stimuli:
                raise ValueError("no line")
        except ValueError as error:
            raise DatasetError(f"cannot read {paths[0]}: {error}") from error
        return self.parts(values * (options["scale"] or 1.0), stimuli, neurons)

    def parts(self, values, stimuli, neurons):
        recording = arrays.recording(values, stimulus_id=stimuli, neuroid_id=neurons)
        return RecordingParts(recording, averaged=True, notes=("Responses are averages.",))


class Nameless(Table):
    title = ""


class UpperCase(Table):
    suffixes = (".RESP",)


class Unrecognised(Table):
    suffixes = ()

    def recognises(self, path):
        return False


class RecognisesAll(Table):
    def recognises(self, path):
        return True


class NumbersAsIds(Table):
    def parts(self, values, stimuli, neurons):
        parts = super().parts(values, stimuli, neurons)
        numbered = parts.recording.assign_coords(neuroid_id=("neuroid", np.arange(len(neurons))))
        return RecordingParts(numbered, averaged=True)


class SameIds(Table):
    def parts(self, values, stimuli, neurons):
        parts = super().parts(values, stimuli, neurons)
        repeated = parts.recording.assign_coords(neuroid_id=("neuroid", ["a"] * len(neurons)))
        return RecordingParts(repeated, averaged=True)


class Random(Table):
    def parts(self, values, stimuli, neurons):
        return super().parts(values + np.random.default_rng().random(values.shape), stimuli, neurons)


class ShortNote(Table):
    def parts(self, values, stimuli, neurons):
        return RecordingParts(super().parts(values, stimuli, neurons).recording, True, notes=("averages",))


class Appends(Table):
    def read(self, paths, options):
        content = super().read(paths, options)
        with paths[0].open("a", encoding="utf-8") as file:
            file.write("s0 n0 1\n")
        return content


class RaisesItsOwn(Table):
    def read(self, paths, options):
        try:
            return super().read(paths, options)
        except DatasetError as error:
            raise EOFError("damaged") from error


class Guesses(Table):
    def read(self, paths, options):
        try:
            return super().read(paths, options)
        except DatasetError:
            return self.parts(np.zeros((2, 2)), ["s0", "s1"], ["n0", "n1"])


class CrashesOnHalf(Table):
    def read(self, paths, options):
        if paths[0].stat().st_size in range(20, 40):
            raise EOFError("half")
        return super().read(paths, options)


class Complex(ArrayReader):
    title = "complex numbers"
    suffixes = (".resp",)

    def read(self, path, options):
        return BareArray(np.ones((2, 2), dtype=complex))


class WrongLabels(Complex):
    def read(self, path, options):
        return BareArray(np.ones((2, 2)), labels={0: np.array(["a"])})


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "small.resp"
    path.write_text("# responses\ns0 n0 0.5\ns0 n1 1.5\ns1 n0 2.5\ns1 n1 3.5\n", encoding="utf-8")
    return path


FAULTS = [
    (Nameless, "reader_is_declared", "title must name the format for people, got no text"),
    (UpperCase, "reader_is_declared", "suffixes must be in lower case with their dot, got '.RESP'"),
    (Unrecognised, "file_is_recognised", "small.resp must be recognised; declare a signature or a suffix"),
    (RecognisesAll, "other_files_are_not_recognised", "random bytes must not be recognised; return False"),
    (NumbersAsIds, "content_is_labelled", "neuroid_id must be text, got dtype kind 'i'; convert ids"),
    (SameIds, "content_is_labelled", "neuroid ids must be unique; repeated: a"),
    (Complex, "content_is_labelled", "values must be real numbers, got complex128"),
    (WrongLabels, "content_is_labelled", "labels of axis 0 must be 2, got 1"),
    (Random, "content_is_deterministic", "two reads must give the same values"),
    (ShortNote, "notes_are_sentences", "a note must be a line that ends with a full stop, got 'averages'"),
    (Appends, "file_is_not_changed", "reading must not change the file; open it for reading only"),
    (
        RaisesItsOwn,
        "damaged_file_is_an_error",
        "a file with overwritten content must raise an error of neuroalign.errors, got EOFError: damaged",
    ),
    (
        Guesses,
        "damaged_file_is_an_error",
        "a file with overwritten content must be an error; raise DatasetError",
    ),
    (Guesses, "empty_file_is_an_error", "an empty file must be an error; raise DatasetError"),
    (
        CrashesOnHalf,
        "cut_file_is_an_error_or_a_recording",
        "half a file must raise an error of neuroalign.errors, got EOFError: half",
    ),
]


def test_good_reader_passes(table):
    check_reader(Table(), table)
    check_reader(Table(), table, options={"scale": "2"})


@pytest.mark.parametrize(
    ("fault", "check", "message"), FAULTS, ids=lambda value: getattr(value, "__name__", None)
)
def test_faulty_reader_fails_the_check_of_its_fault(fault, check, message, table):
    with pytest.raises(CheckError) as caught:
        check_reader(fault(), table, only=[check])
    assert str(caught.value).startswith(
        f"check_reader({fault.__name__}): 1 of 1 checks failed\n  {check}: {message}"
    )


def test_every_check_has_a_fault_that_it_finds():
    assert {check for _, check, _ in FAULTS} == {check.__name__ for check in READER_CHECKS}


def test_wrong_calls_are_errors_and_not_failed_checks(table, tmp_path):
    with pytest.raises(UnknownNameError, match="no format is called 'csvv'; did you mean csv"):
        check_reader("csvv", table)
    with pytest.raises(DatasetError, match=r"none\.resp does not exist; give a small file"):
        check_reader(Table(), tmp_path / "none.resp")
    with pytest.raises(UsageError, match="options must be declared by the reader, got factor"):
        check_reader(Table(), table, options={"factor": 2})


def small_file(name, folder):
    """Write a small file of a registered format; return its path and the options that it needs."""
    values = np.random.default_rng(0).random((4, 3))
    if name == "npy":
        np.save(folder / "x.npy", values)
        return folder / "x.npy", {}
    if name == "npz":
        np.savez(folder / "x.npz", responses=values)
        return folder / "x.npz", {}
    if name == "matlab":
        scipy.io.savemat(folder / "x.mat", {"responses": values})
        return folder / "x.mat", {}
    if name == "hdf5":
        with h5py.File(folder / "x.h5", "w") as file:
            file["responses"] = values
        return folder / "x.h5", {}
    if name == "csv":
        np.savetxt(folder / "x.csv", values, delimiter=",")
        return folder / "x.csv", {"csv_labels": "none"}
    if name == "brainio":
        write_brainio(make_dataset(n_stimuli=4, n_neurons=3), folder / "x.nc")
        return folder / "x.nc", {}
    if name == "rasters":
        header = "site_info.region,site_info.monkey,labels.stimID,time.1_2,time.2_3,time.3_4"
        rows = [f"am,lupo,{index % 2},{index % 2},0,1" for index in range(4)]
        (folder / "rasters").mkdir()
        (folder / "rasters" / "raster_data_lupo_site01.csv").write_text("\n".join([header, *rows]) + "\n")
        return folder / "rasters", {"window": "1,4"}
    if name == "nwb":
        with h5py.File(folder / "x.nwb", "w") as file:
            file.attrs["nwb_version"] = "2.7.0"
            trials, units = file.create_group("intervals/trials"), file.create_group("units")
            trials.attrs.update({"neurodata_type": "TimeIntervals", "colnames": ["start_time", "picture"]})
            units.attrs.update({"neurodata_type": "Units", "colnames": ["spike_times"]})
            trials["id"], units["id"] = np.arange(3), np.arange(2)
            trials["start_time"], trials["picture"] = [0.5, 1.0, 1.5], ["a", "b", "a"]
            units["spike_times"], units["spike_times_index"] = [0.6, 0.7, 1.1, 0.55, 1.6], np.uint8([3, 5])
        return folder / "x.nwb", {"window": "0,200", "label": "picture"}
    if name == "phy":
        folder = folder / "phy"
        folder.mkdir()
        np.save(folder / "spike_times.npy", np.arange(0, 40_000, 100))
        np.save(folder / "spike_clusters.npy", np.arange(400) % 3)
        (folder / "params.py").write_text("sample_rate = 10000.0\n")
        (folder / "cluster_group.tsv").write_text("cluster_id\tgroup\n0\tgood\n1\tnoise\n")
        (folder / "events.csv").write_text("onset,stimulus_id\n0.5,a\n1,b\n1.5,a\n")
        return folder, {"events": str(folder / "events.csv"), "window": "0,200", "quality": "good"}
    if name == "table":
        pd.DataFrame(values, columns=["a", "b", "c"][: values.shape[1]]).to_parquet(folder / "x.parquet")
        return folder / "x.parquet", {}
    if name == "tidy":
        table = pd.DataFrame(
            {"neuron": list("aabb"), "stimulus": list("xyxy"), "response": [1.0, 2.0, 4.0, 3.0]}
        )
        table.to_csv(folder / "x.csv", index=False)
        return folder / "x.csv", {}
    raise AssertionError(f"write a small file of the format {name!r} here, so that its reader is checked")


#: Readers that their own tests check: of folders, and of a format that the user names.
CHECKED_WITH_THEIR_FOLDERS = {"cadena2024", "matlab-spikes", "sensorium", "triple_n", "tvsd"}


@pytest.mark.parametrize("name", sorted(set(readers.names()) - CHECKED_WITH_THEIR_FOLDERS))
def test_registered_reader(name, tmp_path):
    path, options = small_file(name, tmp_path)
    check_reader(name, path, options=options)
