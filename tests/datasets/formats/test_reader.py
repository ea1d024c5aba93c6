"""Readers of third parties: a made-up format is registered, recognised, described and imported."""

import ast
import inspect
import json
from contextlib import ExitStack
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import neuroalign as na
from neuroalign import arrays
from neuroalign.cli.data import data
from neuroalign.datasets.catalogue import added_names, load_dataset
from neuroalign.datasets.formats.bare import BareArray
from neuroalign.datasets.formats.detect import detect_format
from neuroalign.datasets.formats.reader import (
    ArrayReader,
    ReaderOption,
    RecordingParts,
    RecordingReader,
    split_names,
)
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.landmarks.arrays import landmarks
from neuroalign.errors import DatasetError, NeuroalignWarning, UnknownNameError, UsageError
from neuroalign.names import registry
from neuroalign.names.registry import readers as registered_readers

VALUES = np.array([[1.0, 2.0, 4.0], [3.0, 1.0, 5.0]])
"""2 neurons × 3 stimuli."""


def to_scale(value):
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"--scale must be a number, got {value!r}") from None


class Spikes(ArrayReader):
    """Text that starts with "SPIKES", then one neuron in each row."""

    title = "spike counts of a made-up program"
    suffixes = (".spk",)
    signatures = (b"SPIKES",)
    options = (
        ReaderOption("scale", "Factor of all counts.", metavar="NUMBER", convert=to_scale),
        ReaderOption("order", "Order of the rows.", choices=("up", "down")),
    )

    def read(self, path, options):
        values = np.loadtxt(path, skiprows=1)
        values = values[::-1] if options["order"] == "down" else values
        return BareArray(values * (options["scale"] or 1.0), note="Rows are neurons.")


class Session(RecordingReader):
    """JSON with the key "session"; it holds everything that a dataset can have."""

    title = "sessions of a made-up laboratory"
    suffixes = (".ses",)
    options = (ReaderOption("areas", "Areas to read.", convert=split_names),)
    gives = ("recording", "stimuli", "images", "landmarks")

    def recognises(self, path):
        return path.is_file() and path.read_bytes().startswith(b'{"session"')

    def read(self, paths, options):
        ids = ["x", "y", "z"]
        values = np.array(json.loads(paths[0].read_text())["session"], dtype=float)
        region = options["areas"] or ["IT", "IT"]
        points = np.full((3, 4, 2), 2.0) + np.arange(8).reshape(4, 2) % 3
        return RecordingParts(
            arrays.recording(values.T, stimulus_id=ids, neuroid_id=["a", "b"], region=region),
            averaged=True,
            stimuli=pd.DataFrame({"object": ["car", "cat", "cow"]}, index=ids),
            images={name: np.full((6, 5), 20 * i, dtype=np.uint8) for i, name in enumerate(ids)},
            landmarks=landmarks(points, stimulus=ids, landmark=list("abcd")),
            window=(70.0, 170.0),
            notes=("The session has two electrodes.",),
        )


@pytest.fixture
def register():
    """A function that registers a reader for the time of the test."""
    with ExitStack() as stack:
        yield lambda name, reader: stack.enter_context(registered_readers.registered(name, reader))


@pytest.fixture
def spikes(register, tmp_path):
    register("spikes", Spikes)
    (tmp_path / "x.spk").write_text("SPIKES\n1 2 4\n3 1 5\n")
    return tmp_path / "x.spk"


@pytest.fixture
def session(register, tmp_path):
    register("session", Session)
    (tmp_path / "x.dat").write_text(json.dumps({"session": VALUES.tolist()}))
    return tmp_path / "x.dat"


def test_an_array_reader(spikes):
    imported = import_dataset("d", responses=spikes, axes="neuroid,stimulus", scale=2, order="down")
    assert imported.responses.values.tolist() == (2 * VALUES[::-1]).T.tolist()
    assert imported.metadata["notes"] == [
        "Stimulus ids are their position, numbered from 0.",
        "Rows are neurons.",
    ]


def test_options_of_a_reader_on_the_command_line(spikes):
    call = ["add", "d", "--responses", str(spikes), "--axes", "neuroid,stimulus", "--scale", "10"]
    result = CliRunner().invoke(data, call)
    assert result.stdout == "Added d: 2 recorded neurons × 3 stimuli, averaged, no images\n"
    assert load_dataset("d").responses.values.tolist() == (10 * VALUES).T.tolist()
    wrong = CliRunner().invoke(data, [*call[:-1], "ten", "--force"])
    assert str(wrong.exception) == "--scale must be a number, got 'ten'"
    wrong = CliRunner().invoke(data, [*call, "--force", "--order", "sideways"])
    assert str(wrong.exception) == "--order must be one of up, down, got 'sideways'"


def test_help_and_the_list_of_formats_include_a_reader(spikes):
    text = " ".join(CliRunner().invoke(data, ["add", "--help"]).stdout.split())
    assert "--scale NUMBER Factor of all counts. Formats: spikes." in text
    assert "--order [up|down] Order of the rows. Formats: spikes." in text
    lines = CliRunner().invoke(data, ["formats"]).stdout.splitlines()
    [described] = [number for number, line in enumerate(lines) if line.startswith("spikes ")]
    assert lines[described].split(maxsplit=1)[1] == "spike counts of a made-up program (.spk)"
    assert lines[described + 1].strip() == "--scale --order"


def test_a_recording_reader_gives_stimuli_images_and_landmarks(session):
    imported = import_dataset("d", responses=session, areas="V4,IT")
    assert imported.responses.values.tolist() == VALUES.T.tolist()
    assert imported.responses["region"].values.tolist() == ["V4", "IT"]
    assert imported.averaged
    assert imported.stimuli.table["object"].to_dict() == {"x": "car", "y": "cat", "z": "cow"}
    assert (imported.stimuli.pixels() * 255).round().max(axis=(1, 2)).tolist() == [0, 20, 40]
    assert imported.stimuli.landmarks.shape == (3, 4, 2)
    assert imported.metadata["window_ms"] == [70, 170]
    assert imported.metadata["notes"][0] == "The session has two electrodes."


def test_images_of_the_user_replace_the_images_in_the_file(session, tmp_path):
    from PIL import Image

    (tmp_path / "pictures").mkdir()
    for name in "xyz":
        Image.new("L", (5, 6), 99).save(tmp_path / "pictures" / f"{name}.png")
    imported = import_dataset("d", responses=session, images=tmp_path / "pictures")
    assert np.unique((imported.stimuli.pixels() * 255).round()).tolist() == [99]
    assert (
        "The images in the file of responses were left out: --images replaces them."
        in (imported.metadata["notes"])
    )


def test_an_image_that_the_file_lacks_is_named(register, session):
    class Lossy(Session):
        def read(self, paths, options):
            parts = super().read(paths, options)
            del parts.images["y"]
            return parts

    register("session2", Lossy)
    message = "1 stimuli have no image in their file: y; give all images with --images"
    with pytest.raises(DatasetError, match=f"^{message}$"):
        import_dataset("d", responses=session, format="session2")
    assert added_names() == []


def test_options_that_a_format_does_not_take(spikes, session):
    message = "--scale has no effect on responses in the format session; leave it out"
    with pytest.raises(UsageError, match=f"^{message}$"):
        import_dataset("d", responses=session, scale=2)
    with pytest.raises(UsageError, match="--axes has no effect on responses in the format session"):
        import_dataset("d", responses=session, axes="neuroid,stimulus")
    with pytest.raises(UsageError, match="--scale has no effect on responses in the format array"):
        import_dataset("d", responses=VALUES, axes="neuroid,stimulus", scale=2)
    with pytest.raises(
        UnknownNameError, match="no option of an import is called 'scael'; did you mean scale"
    ):
        import_dataset("d", responses=spikes, axes="neuroid,stimulus", scael=2)


def test_signature_then_content_then_suffix_decide(register, spikes, session, tmp_path):
    assert detect_format([spikes]) == "spikes"
    assert detect_format([session]) == "session"
    named = tmp_path / "x.csv"
    named.write_text("SPIKES\n1 2\n")
    assert detect_format([named]) == "spikes"
    named.write_text('{"session": []}')
    assert detect_format([named]) == "session"
    named.write_text("1,2\n")
    assert detect_format([named]) == "csv"
    (tmp_path / "damaged.ses").write_text("rubbish")
    assert detect_format([tmp_path / "damaged.ses"]) == "session"


def test_a_file_that_two_readers_recognise_needs_a_stated_format(register, session):
    register("other", type("Other", (Session,), {}))
    message = f"{session} could be in the formats other and session; name one with --format other|session"
    with pytest.raises(DatasetError) as caught:
        import_dataset("d", responses=session)
    assert str(caught.value) == message
    assert import_dataset("d", responses=session, format="session").averaged


def test_a_general_format_yields_to_a_special_one(register, session):
    general = {"title": "JSON", "must_be_named": "is too general; give --format json"}
    register("json", type("Json", (Session,), general))
    assert detect_format([session]) == "session"


def test_a_general_format_alone_must_be_named(register, tmp_path):
    general = {"title": "JSON", "must_be_named": "is too general; give --format json"}
    register("json", type("Json", (Session,), general))
    (tmp_path / "x").write_text('{"session": [[1, 2, 4], [3, 1, 5]]}')
    with pytest.raises(DatasetError) as caught:
        import_dataset("d", responses=tmp_path / "x")
    assert str(caught.value) == f"{tmp_path / 'x'} is JSON, which is too general; give --format json"
    assert import_dataset("d", responses=tmp_path / "x", format="json").averaged


def test_an_unknown_format_lists_the_readers(spikes, tmp_path):
    (tmp_path / "x.xyz").write_text("rubbish")
    with pytest.raises(DatasetError) as caught:
        import_dataset("d", responses=tmp_path / "x.xyz")
    names = "|".join(sorted({*registered_readers.names(), "spikes"}))
    assert {"csv", "matlab"} <= set(names.split("|"))
    assert str(caught.value) == (
        f"cannot recognise the format of {tmp_path / 'x.xyz'}; name it with --format {names}, if it is one of these"
    )


#: Where the error is raised.
PLACE = f"(test_reader.py, line {inspect.currentframe().f_lineno + 5})"


def broken(kind):
    def fail(self, *_):
        raise ValueError("no luck")

    return type("Broken", (Spikes,), {kind: fail, "signatures": ()})


def test_a_reader_that_fails_to_look_at_a_file_is_skipped(register, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("1,2\n4,3\n")
    register("broken", broken("recognises"))
    message = f"the reader 'broken' failed to look at {path}, so it is skipped: ValueError: no luck {PLACE}"
    with pytest.warns(NeuroalignWarning) as caught:
        imported = import_dataset("d", responses=path, axes="neuroid,stimulus")
    assert [str(warning.message) for warning in caught] == [message]
    assert imported.responses.values.tolist() == [[1, 4], [2, 3]]


def test_a_fault_while_reading_is_one_line(register, tmp_path):
    path = tmp_path / "x.spk"
    path.write_text("rubbish")
    register("unreadable", broken("read"))
    with pytest.raises(DatasetError) as caught:
        import_dataset("d", responses=path, axes="neuroid,stimulus", format="unreadable")
    assert (
        str(caught.value)
        == f"the reader of the format unreadable failed on {path}: ValueError: no luck {PLACE}"
    )


@pytest.mark.parametrize(
    ("reader", "message"),
    [
        (dict, "the reader 'odd' must be an ArrayReader or a RecordingReader of neuroalign, got dict"),
        (type("Empty", (ArrayReader,), {"title": "x"}), "the reader 'odd' cannot be made: "),
    ],
)
def test_objects_that_are_not_readers_are_skipped_or_refused(register, spikes, reader, message):
    register("odd", reader)
    with pytest.warns(NeuroalignWarning, match=f"^skipped: {message}"):
        assert import_dataset("d", responses=spikes, axes="neuroid,stimulus").averaged
    with pytest.raises(UsageError, match=f"^{message}"):
        import_dataset("e", responses=spikes, axes="neuroid,stimulus", format="odd")


def test_results_of_a_reader_are_checked(register, session, spikes):
    register("undeclared", type("Undeclared", (Session,), {"gives": ("recording",)}))
    with pytest.raises(UsageError, match="undeclared returned stimuli, which it does not declare in 'gives'"):
        import_dataset("d", responses=session, format="undeclared")
    register("nothing", type("Nothing", (Session,), {"read": lambda *_: None}))
    with pytest.raises(UsageError, match="must return RecordingParts, got NoneType"):
        import_dataset("d", responses=session, format="nothing")
    register("plain", type("Plain", (Spikes,), {"read": lambda *_: VALUES}))
    with pytest.raises(UsageError, match="must return a BareArray, got ndarray"):
        import_dataset("d", responses=spikes, format="plain", axes="neuroid,stimulus")


def test_an_option_of_a_reader_cannot_replace_an_option_of_every_import(register):
    register("greedy", type("Greedy", (Spikes,), {"options": (ReaderOption("region", "Region."),)}))
    result = CliRunner().invoke(data, ["add", "--help"])
    assert str(result.exception) == (
        "the reader 'greedy' declares the option 'region', which every import has; rename it"
    )


@pytest.mark.parametrize("name", registered_readers.names())
def test_readers_of_neuroalign_declare_themselves(name):
    reader = registered_readers.get(name)
    assert issubclass(reader, ArrayReader | RecordingReader)
    assert reader.title == reader.title.strip() != ""
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in reader.suffixes)
    assert reader.gives[0] == "recording"
    assert all(option.help.endswith(".") for option in reader.options)


def test_no_module_outside_the_formats_names_a_reader():
    modules = {registered_readers.get(name).__module__ for name in registered_readers.names()}
    package = Path(na.__file__).parent
    imports = {
        (path.relative_to(package).as_posix(), node.module, alias.name)
        for path in package.rglob("*.py")
        if "formats" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module in modules
        for alias in node.names
    }
    assert imports == set()


@pytest.mark.parametrize("name", registered_readers.names())
def test_the_page_on_recordings_describes_every_format(name):
    page = Path(__file__).parents[3] / "docs" / "recordings.md"
    assert f"| `{name}` |" in page.read_text(encoding="utf-8")


def test_an_installed_package_registers_a_reader_as_an_entry_point(tmp_path, monkeypatch):
    (tmp_path / "my_formats.py").write_text(
        "import numpy as np\n"
        "from neuroalign.datasets.formats.bare import BareArray\n"
        "from neuroalign.datasets.formats.reader import ArrayReader\n"
        "class Words(ArrayReader):\n"
        "    title = 'numbers as words'\n"
        "    suffixes = ('.words',)\n"
        "    def read(self, path, options):\n"
        "        return BareArray(np.array([[1.0, 2.0], [4.0, 3.0]]))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("words", "my_formats:Words", "neuroalign.formats")
    installed = list(registry.entry_points(group="neuroalign.formats"))
    monkeypatch.setattr(registry, "entry_points", lambda group: [*installed, point])
    fresh = registry.Registry("reader", "neuroalign.formats")
    monkeypatch.setattr("neuroalign.datasets.formats.detect.readers", fresh)
    (tmp_path / "x.words").write_text("one two\nfour three\n")
    imported = import_dataset("d", responses=tmp_path / "x.words", axes="neuroid,stimulus")
    assert imported.responses.values.tolist() == [[1, 4], [2, 3]]
