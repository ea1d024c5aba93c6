"""Names, pipes, links, numbers and depths that no careful user gives: one line each."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import neuroalign
from neuroalign import cli
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.datasets.formats.images import ids_of_images, image_fault
from neuroalign.datasets.image_sources import MOST_PIXELS, bytes_of, open_image, size_of
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, NeuroalignError, NeuroalignWarning, UsageError, printable
from neuroalign.files.plain import open_plain, read_toml
from neuroalign.files.sums import SUMS
from neuroalign.results.store import ResultsStore
from neuroalign.studies.study import load_study
from neuroalign.testing import make_dataset, make_score

from .sound_files import png_of_size

CASES = Path(__file__).parents[3] / "shared" / "cases" / "attack"


@pytest.fixture
def folder(tmp_path):
    write_folder(make_dataset(n_stimuli=12, n_neurons=5, n_factors=2, image_size=8), tmp_path / "d")
    (tmp_path / "d" / SUMS).unlink()  # a person who writes a file can write its sum, too
    return tmp_path / "d"


def one_line(call, refusal=NeuroalignError):
    with pytest.raises(refusal) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# TOML.


DEEP = "x = " + "[" * 100_000
LONG = "x = " + "9" * 5000
TOML = {
    DEEP: "its tables or lists are nested too deeply",
    LONG: "Exceeds the limit (4300 digits) for integer string conversion",
    "x = 1\nx = 2": "Cannot overwrite a value",
    "x = '\x00'": "Found invalid character",
}


@pytest.mark.parametrize("text", TOML, ids=["deep", "long", "twice", "nul"])
def test_odd_toml_is_one_line_in_every_reader(text, tmp_path, folder):
    for path in (tmp_path / "study.toml", folder / "dataset.toml"):
        path.write_text(text)
    assert TOML[text] in one_line(lambda: read_toml(tmp_path / "study.toml"), ValueError)
    assert TOML[text] in one_line(lambda: load_study(tmp_path / "study.toml"))
    assert TOML[text] in one_line(lambda: read_folder(folder))


def test_toml_of_latin_1(tmp_path):
    (tmp_path / "x.toml").write_bytes("x = 'é'".encode("latin-1"))
    assert one_line(lambda: read_toml(tmp_path / "x.toml"), ValueError) == "it is not text in UTF-8 (byte 5)"


# Pipes, devices and links.


def test_pipes_devices_and_loops_are_refused_at_once(tmp_path, folder):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    (tmp_path / "inside").mkdir()
    os.mkfifo(tmp_path / "inside" / "spike_times.npy")
    np.savetxt(tmp_path / "x.csv", np.zeros((4, 3)), delimiter=",")
    for odd, kind in (
        (tmp_path / "pipe.csv", "a pipe"),
        (Path("/dev/zero"), "a device"),
        (tmp_path / "loop.csv", "a link that leads to itself"),
        (tmp_path / "inside", "a folder with a pipe, spike_times.npy"),
    ):
        assert kind in one_line(lambda odd=odd: import_dataset("d", responses=odd))
        for option in ("stimuli", "neurons", "images"):
            given = {option: odd}
            assert kind in one_line(
                lambda given=given: import_dataset("d", responses=tmp_path / "x.csv", **given)
            )
    (folder / "stimuli.csv").unlink()
    os.mkfifo(folder / "stimuli.csv")
    assert "stimuli.csv must be a file, got a pipe" in one_line(lambda: read_folder(folder))
    with pytest.raises(ValueError, match="it is a pipe, not a file"):
        open_plain(folder / "stimuli.csv")


def test_a_pipe_among_the_records_does_not_stop_them(neuroalign_home):
    store = ResultsStore()
    store.save("ab" * 32, make_score(0.5))
    os.mkfifo(store.folder / "ab" / f"{'cd' * 32}.json")
    with pytest.warns(NeuroalignWarning, match="it is a pipe, not a file"):
        assert [score.value for score in store.scores()] == [0.5]


def test_image_names_that_no_file_has(folder):
    table = (folder / "stimuli.csv").read_text()
    (folder / "images" / "loop.png").symlink_to(folder / "images" / "loop.png")
    for name, message in (
        ("loop.png", "no file has this name"),
        ("/etc/passwd", "lies outside"),
        ("../../x.png", "lies outside"),
        ("x" * 5000, "1 images are missing"),
    ):
        (folder / "stimuli.csv").write_text(table.replace("s003.png", name))
        assert message in one_line(lambda: read_folder(folder))


# Images.


def test_postscript_is_never_decoded(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    for call in (lambda: open_image(path, "s"), lambda: size_of(path, "s")):
        assert "it is not an image, or an image of an unknown format" in one_line(call)
    assert image_fault(path) == "it is not an image, or an image of an unknown format; save it again as PNG"
    assert bytes_of(path, "s") == path.read_bytes()


def test_only_listed_decoders_run(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "x.tga")
    shutil.copy(tmp_path / "x.tga", tmp_path / "x.png")
    reason = "it is not an image, or an image of an unknown format; save it again as PNG"
    assert image_fault(tmp_path / "x.png") == reason


@pytest.mark.parametrize(("width", "height"), [(MOST_PIXELS + 1, 1), (2**31 - 1, 2**31 - 1)])
def test_claimed_sizes_of_images(tmp_path, width, height):
    (tmp_path / "x.png").write_bytes(png_of_size(width, height))
    for call in (lambda: open_image(tmp_path / "x.png", "s"), lambda: size_of(tmp_path / "x.png", "s")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Image, "MAX_IMAGE_PIXELS", None)
            message = one_line(call)
        assert f"it claims {width:,} × {height:,} pixels; at most 89,478,485 are accepted" in message


# Names and numbers.


def test_numbers_of_thousands_of_digits_in_image_names():
    names = [f"{'9' * 5000}8.png", f"{'9' * 5000}10.png", "image2.png"]
    ids = ids_of_images(names, "number")
    assert [len(name) for name in ids] == [5001, 5002, 6]


@pytest.mark.parametrize(
    "name", ["", " ", "[]", "\x1b[2J", "a\x00b", "a\nb", "\ud800", "a[[[", "=1", "a[n=" + "9" * 5000 + "]"]
)
@pytest.mark.filterwarnings("ignore::neuroalign.errors.NeuroalignWarning")
def test_one_bad_name_stops_no_leaderboard(name, dataset, neuroalign_home):
    store, benchmark = ResultsStore(), neuroalign.load_benchmark("alignment")
    for number in range(2):
        score = make_score(0.4 + number / 10, model=f"pca[n={number}]", dataset=dataset, benchmark=benchmark)
        store.save(f"{number:064x}", score)
    odd = make_score(
        0.9, model=name or "x", family=name.partition("[")[0], dataset=dataset, benchmark=benchmark
    )
    path = store.folder / "ff" / f"{'f' * 64}.json"
    store.save("f" * 64, odd) if "\ud800" not in name else _write_surrogate(store, path)
    table = neuroalign.leaderboard(dataset, "alignment")
    assert "pca" in list(table["family"])
    # Leaderboards can print every name in their tables: records with other names are left out.
    assert all(
        printable(family) == family and "\n" not in family and family.strip() for family in table["family"]
    )


def _write_surrogate(store, path):
    path.parent.mkdir()
    sound = next(store.folder.glob("00/*.json")).read_text()
    path.write_text(sound.replace('"pca[n=', '"\\ud800[n='))


@pytest.mark.parametrize(
    "name", [b"caf\xe9".decode("utf-8", "surrogateescape"), "a\x00b", "x" * 5000, "../x", "a\nb"]
)
def test_odd_names_on_the_command_line(name, capsys, tmp_path):
    np.savetxt(tmp_path / "x.csv", np.zeros((4, 3)), delimiter=",")
    for words in (
        ["info", name],
        ["data", "info", name],
        ["data", "remove", name],
        ["score", "pca", name],
        ["leaderboard", name],
        ["data", "add", name, "--responses", str(tmp_path / "x.csv"), "--axes", "stimulus,neuroid"],
        ["results", "import", name],
    ):
        assert cli.run(words) in (1, 2), words
        err = capsys.readouterr().err
        assert "a fault of neuroalign" not in err, words
        assert len(err.splitlines()) == 1, words
        err.encode()


def test_images_with_names_of_latin_1(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(4):
        Image.new("L", (8, 8), number).save(folder / f"s{number}.png")
    os.rename(folder / "s3.png", os.fsencode(folder) + b"/caf\xe9.png")
    np.savetxt(tmp_path / "x.csv", np.arange(12.0).reshape(4, 3), delimiter=",")
    message = one_line(
        lambda: import_dataset(
            "d", responses=tmp_path / "x.csv", images=folder, axes="stimulus,neuroid", averaged=True
        )
    )
    assert "caf" in message


@pytest.mark.skipif(not CASES.is_dir(), reason=f"no cases in {CASES}")
def test_the_cases_of_the_attack():
    assert "nested more than 30 levels deep" in one_line(
        lambda: import_dataset("d", responses=CASES / "nested_cells_20k.mat")
    )
    assert "/a is in another file, which is never opened" in one_line(
        lambda: import_dataset("d", responses=CASES / "ext_storage_passwd.mat"), (DatasetError, UsageError)
    )
    assert "nested too deeply" in one_line(lambda: read_folder(CASES / "deep_toml"))
    stimuli = read_folder(CASES / "folder" / "img_eps").stimuli
    assert "unknown format" in one_line(lambda: stimuli.open(stimuli.ids[0]))


# Compiled functions.

COMPILED = """
import os, sys
from numba.core import caching
real = caching._CacheLocator.ensure_cache_path
def only_home(self):
    if not self.get_cache_path().startswith(sys.argv[1]):
        raise OSError(30, "Read-only file system")
    real(self)
caching._CacheLocator.ensure_cache_path = only_home
from neuroalign.metrics.lasso.compiling import compiled
@compiled
def double(x):
    return 2 * x
print(double(21.0), type(double._cache).__name__)
"""


@pytest.mark.slow
def test_compiled_functions_need_no_writable_installation(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(COMPILED)
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    nowhere = str(script / "nowhere")
    for home, kind in ((tmp_path / "home", "FunctionCache"), (Path(nowhere), "NullCache")):
        environment |= {"NEUROALIGN_HOME": str(home), "HOME": nowhere, "XDG_CACHE_HOME": nowhere}
        run = subprocess.run(
            [sys.executable, "-P", str(script), str(tmp_path / "home")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert run.stdout.split() == ["42.0", kind]
    assert len(list((tmp_path / "home" / "compiled").rglob("*.nbi"))) == 1
