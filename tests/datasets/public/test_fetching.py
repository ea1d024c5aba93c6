"""Downloads from a server on this machine, with all the faults that a download can have."""

import hashlib
import io
import json
import re
import socket
import threading
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.io import savemat

from neuroalign.cli import run as run_command_line
from neuroalign.cli.data import data
from neuroalign.datasets.catalogue import added_names, load_dataset
from neuroalign.datasets.folder import write_folder
from neuroalign.datasets.formats.detect import all_readers
from neuroalign.datasets.public import downloading, fetching, listing
from neuroalign.datasets.public.fetching import downloads_folder, fetch_dataset
from neuroalign.errors import DatasetError, DownloadError, UnknownNameError, UsageError

from . import conftest as faults

RESPONSES, IMAGES = "/fixed-commit/made2023-a/cells.npy", "/fixed-commit/made2023-a/images.zip"


def remains(home):
    """Paths of all files and folders in the home."""
    return sorted(path.relative_to(home).as_posix() for path in home.rglob("*"))


def test_fetch(listed, server, neuroalign_home):
    fetched = fetch_dataset("made2023-a")
    assert fetched.identifier == "made2023-a"
    assert fetched.averaged
    # image2 before image10: the i-th image belongs to the i-th column.
    ids = [f"image{number}" for number in range(1, 13)]
    np.testing.assert_array_equal(fetched.responses.sel(stimulus=ids).values, listed["made2023-a"].T)
    assert set(fetched.recording["region"].values) == {"V4"}
    assert set(fetched.recording["animal"].values) == {"WE"}
    assert fetched.stimuli.has_images
    assert fetched.metadata["licence"] == "CC0 of made2023"
    assert fetched.metadata["citation"] == "Nobody (2023) on made2023"
    assert fetched.metadata["source"] == "https://example.org/made2023"
    assert fetched.metadata["description"] == "Made up. a few neurons."
    assert [path for path, _ in server.requests] == [RESPONSES, IMAGES]
    assert {headers["Accept-Encoding"] for _, headers in server.requests} == {"identity"}
    assert remains(neuroalign_home / "downloads") == [
        "made2023-a",
        "made2023-a/cells.npy",
        "made2023-a/images.zip",
    ]
    assert load_dataset("made2023-a").content_hash == fetched.content_hash


def test_second_fetch_asks_no_server(listed, server, monkeypatch):
    first = fetch_dataset("plain2020")
    server.close()
    assert fetch_dataset("plain2020").content_hash == first.content_hash
    # The files are kept, so that --force needs no server either.
    assert fetch_dataset("plain2020", force=True).content_hash == first.content_hash


def test_damaged_file_in_the_cache_is_downloaded_again(listed, server):
    fetch_dataset("plain2020")
    (downloads_folder() / "plain2020" / "cells.npy").write_bytes(b"damaged")
    np.testing.assert_array_equal(
        fetch_dataset("plain2020", force=True).responses.values, listed["plain2020"].T
    )
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            faults.truncated,
            r"http://127.0.0.1:\d+/\S+/cells.npy ended after \d+ of \d+ bytes; try again later",
        ),
        (
            faults.corrupted,
            r"http:\S+/cells.npy is not the listed file: its SHA-256 differs from \w{12}…; try again later",
        ),
        (
            faults.longer,
            r"http://127.0.0.1:\d+/\S+/cells.npy is not the listed file: it has more than \d+ bytes",
        ),
        (
            faults.endless,
            r"http://127.0.0.1:\d+/\S+/cells.npy is not the listed file: it has more than \d+ bytes",
        ),
        (faults.dropped, r"127.0.0.1 broke the connection while cells.npy was downloaded; try again later"),
        (faults.hung, r"127.0.0.1 sent nothing for 0.3 s while cells.npy was downloaded; try again later"),
        (faults.status(404), r"127.0.0.1 does not give http://127.0.0.1:\d+\S+/cells.npy: HTTP status 404"),
        (faults.status(403), r".*: HTTP status 403"),
        (faults.status(503), r".*: HTTP status 503"),
        (faults.redirect("/other"), r".*: HTTP status 404"),
        (faults.redirect(RESPONSES), r"127.0.0.1 redirects http://127.0.0.1:\d+\S+/cells.npy without end"),
        (
            faults.redirect("file:///etc/passwd"),
            r"127.0.0.1 redirects http://\S+/cells.npy to an address that is not on the web",
        ),
    ],
)
def test_failed_download_leaves_nothing_behind(listed, server, neuroalign_home, fault, message, capsys):
    server.faults[RESPONSES] = fault
    assert run_command_line(["data", "fetch", "made2023-a"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"neuroalign: {message}\n", err), err
    assert remains(neuroalign_home) == []


def test_complete_files_survive_the_failure_of_the_next(listed, server, neuroalign_home):
    server.faults[IMAGES] = [faults.dropped]
    with pytest.raises(DownloadError):
        fetch_dataset("made2023-a")
    assert added_names() == []
    assert remains(neuroalign_home) == ["downloads", "downloads/made2023-a", "downloads/made2023-a/cells.npy"]
    fetch_dataset("made2023-a")
    assert [path for path, _ in server.requests] == [RESPONSES, IMAGES, IMAGES]


def test_interrupted_download_leaves_nothing_behind(listed, server, neuroalign_home, monkeypatch, capsys):
    def interrupt(sink, chunk):
        raise KeyboardInterrupt

    monkeypatch.setattr("neuroalign.datasets.public.downloading._Sink.write", interrupt)
    assert run_command_line(["data", "fetch", "made2023-a"]) == 130
    assert capsys.readouterr() == ("", "\nneuroalign: interrupted\n")
    assert remains(neuroalign_home) == []


def test_slow_and_redirected_downloads_are_complete(listed, server):
    server.files["/elsewhere"] = server.files[RESPONSES]
    server.faults[RESPONSES] = faults.redirect("/elsewhere")
    server.faults["/elsewhere"] = faults.slow
    assert fetch_dataset("made2023-a").responses.shape == (12, 3)


def test_attempts_are_repeated(listed, server, monkeypatch):
    monkeypatch.setattr(downloading, "RETRIES", 3)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server.faults[RESPONSES] = [faults.dropped, faults.corrupted, faults.status(503)]
    assert fetch_dataset("made2023-a").responses.shape == (12, 3)
    assert [path for path, _ in server.requests] == [RESPONSES] * 4 + [IMAGES]


def test_refusals_are_not_repeated(listed, server, monkeypatch):
    monkeypatch.setattr(downloading, "RETRIES", 3)
    server.faults[RESPONSES] = faults.status(404)
    with pytest.raises(DownloadError):
        fetch_dataset("made2023-a")
    assert len(server.requests) == 1


def test_no_connection(listed, server, neuroalign_home, monkeypatch, capsys):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("NEUROALIGN_MIRROR", f"http://127.0.0.1:{unused.getsockname()[1]}")
        assert run_command_line(["data", "fetch", "made2023-a"]) == 1
    assert capsys.readouterr().err == (
        "neuroalign: cannot reach 127.0.0.1 to download cells.npy; check the network, or name a proxy (HTTPS_PROXY) or "
        "a mirror (NEUROALIGN_MIRROR)\n"
    )
    assert remains(neuroalign_home) == []


def test_proxy_of_the_usual_variable_is_used(listed, server, monkeypatch):
    monkeypatch.setenv("NEUROALIGN_MIRROR", "http://recordings.invalid")
    monkeypatch.setenv("HTTP_PROXY", server.url)
    fetch_dataset("plain2020")
    assert server.requests[0][0] == "http://recordings.invalid/fixed-commit/plain2020/cells.npy"


@pytest.mark.parametrize(
    "mirror",
    [
        "localhost:8000",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://host/path",
        "http://host?x=1",
        "file:///x",
    ],
)
def test_wrong_mirrors(listed, server, monkeypatch, mirror):
    monkeypatch.setenv("NEUROALIGN_MIRROR", mirror)
    with pytest.raises(UsageError, match="NEUROALIGN_MIRROR must be the address of a server, such as"):
        fetch_dataset("plain2020")


def test_mirror_keeps_the_path(monkeypatch):
    monkeypatch.delenv("NEUROALIGN_MIRROR", raising=False)
    url = "https://example.org/a/b%20c.npy?raw=1"
    assert downloading.mirrored(url) == url
    monkeypatch.setenv("NEUROALIGN_MIRROR", "http://host:8000/")
    assert downloading.mirrored(url) == "http://host:8000/a/b%20c.npy?raw=1"


def test_messages_hide_passwords(listed, server, monkeypatch):
    server.faults[RESPONSES] = faults.status(404)
    monkeypatch.setenv("NEUROALIGN_MIRROR", server.url.replace("//", "//user:secret@"))
    with pytest.raises(DownloadError) as caught:
        fetch_dataset("made2023-a")
    assert "secret" not in str(caught.value)


def test_dataset_of_other_files_is_not_replaced(listed, dataset, neuroalign_home):
    write_folder(dataset, neuroalign_home / "datasets" / "plain2020")
    with pytest.raises(
        DatasetError, match="was made from other files than the public recording of this name"
    ):
        fetch_dataset("plain2020")
    assert fetch_dataset("plain2020", force=True).responses.shape == (5, 4)


def test_failed_download_keeps_the_dataset_that_it_would_replace(listed, server):
    before = fetch_dataset("plain2020").content_hash
    (downloads_folder() / "plain2020" / "cells.npy").unlink()
    server.faults["/fixed-commit/plain2020/cells.npy"] = faults.truncated
    with pytest.raises(DownloadError):
        fetch_dataset("plain2020", force=True)
    assert load_dataset("plain2020").content_hash == before


def test_unknown_names(listed, server):
    with pytest.raises(
        UnknownNameError, match=r"no public recording is called 'made2032-a'; did you mean made2023-a"
    ):
        fetch_dataset("made2032-a")
    with pytest.raises(
        UsageError, match=r"made2023 denotes 2 recordings; fetch one of them: made2023-a, made2023-b"
    ):
        fetch_dataset("made2023")
    assert CliRunner().invoke(data, ["fetch", "plain2020", "wrong"]).exit_code == 1
    assert server.requests == []


def test_names_of_recordings_that_were_not_fetched(listed):
    with pytest.raises(
        UnknownNameError, match=r"do not have yet; get it with: neuroalign data fetch plain2020"
    ):
        load_dataset("plain2020")
    with pytest.raises(
        UnknownNameError, match=r"made2023 denotes 2 public recordings.*: made2023-a, made2023-b; fetch"
    ):
        load_dataset("made2023[region=V4]")


def test_command_fetches_a_collection(listed):
    result = CliRunner().invoke(data, ["fetch", "made2023", "made2023-b", "plain2020"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line for line in lines if not line.startswith("  ")] == [
        "Added made2023-a: 3 recorded neurons × 12 stimuli, averaged, with images",
        "Added made2023-b: 2 recorded neurons × 12 stimuli, averaged, with images",
        "Added plain2020: 4 recorded neurons × 5 stimuli, averaged, no images",
        "Next: neuroalign score neurons:OTHER-DATASET plain2020",
    ]
    # The terms are printed once for each collection.
    assert [line for line in lines if "licence" in line] == [
        "  licence: CC0 of made2023",
        "  licence: CC0 of plain2020",
    ]
    assert "  citation: Nobody (2023) on made2023" in lines
    assert "  description: Made up. a few neurons." in lines
    again = CliRunner().invoke(data, ["fetch", "made2023"])
    assert "Fetched before: made2023-a: 3 recorded neurons × 12 stimuli" in again.stdout
    assert again.stdout.splitlines()[-1] == "Next: neuroalign score pca made2023-b"


def test_command_prints_one_json_document(listed):
    result = CliRunner().invoke(data, ["fetch", "made2023", "--json"])
    assert [(row["name"], row["neurons"], row["licence"]) for row in json.loads(result.stdout)] == [
        ("made2023-a", 3, "CC0 of made2023"),
        ("made2023-b", 2, "CC0 of made2023"),
    ]


def test_command_lists_the_recordings(listed):
    CliRunner().invoke(data, ["fetch", "made2023-b"])
    result = CliRunner().invoke(data, ["fetch"])
    assert result.stdout.splitlines() == [
        "made2023: the 2 recordings below, 0.0 MB",
        "  made2023-a: a few neurons, 0.0 MB",
        "  made2023-b: a few neurons, 0.0 MB, added",
        "plain2020: a few neurons, 0.0 MB",
    ]
    rows = json.loads(CliRunner().invoke(data, ["fetch", "--json"]).stdout)
    assert [(row["name"], row["added"]) for row in rows] == [
        ("made2023-a", False),
        ("made2023-b", True),
        ("plain2020", False),
    ]


def test_two_commands_at_the_same_time(listed, neuroalign_home):
    """One of them adds the dataset; the other finds it, or fails because it exists."""
    all_readers()  # the registry is loaded before threads use it
    outcomes = []

    def fetch():
        try:
            outcomes.append(fetch_dataset("plain2020").content_hash)
        except (DatasetError, OSError) as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=fetch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 2
    assert load_dataset("plain2020").content_hash in outcomes
    np.testing.assert_array_equal(load_dataset("plain2020").responses.values, listed["plain2020"].T)
    assert [path for path in remains(neuroalign_home) if "unfinished" in path or "/tmp" in path] == []


def test_rasters_as_mat_files(server, tmp_path, monkeypatch):
    """A recording in the layout of Zhang & Desimone: one .mat file for each site, imported by the listed options."""
    listed = {name: members for name, members in listing.collections().items() if name == "zhang2011"}
    options = dict(listed["zhang2011"][0].options)
    stimuli = [(name, place) for name in ("car", "kiwi") for place in ("upper", "lower")] * 3
    files = []
    for number in range(3):
        raster = np.zeros((len(stimuli), 1000), dtype=np.uint8)
        # Before the window, its first and last millisecond, after it: the onset is at sample 501, counted from 1.
        raster[:, [599, 600, 899, 900]] = 1
        raster[number, 700] = 1
        content = io.BytesIO()
        labels = {
            "stimulus_ID": np.array([[name for name, _ in stimuli]], dtype=object),
            "stimulus_position": np.array([[place for _, place in stimuli]], dtype=object),
        }
        info = {"session_ID": 1001.0, "unit": "A", "alignment_event_time": 501.0}
        savemat(content, {"raster_data": raster, "raster_labels": labels, "raster_site_info": info})
        path = f"bp100{number}spk_01A_raster_data.mat"
        server.files[f"/fixed-commit/{path}"] = content.getvalue()
        digest = hashlib.sha256(content.getvalue()).hexdigest()
        files.append(listing.PublicFile(faults.ROOT + path, len(content.getvalue()), digest))
    recording = replace(listed["zhang2011"][0], responses=tuple(files))
    monkeypatch.setattr(fetching, "members_of", lambda name: (recording,))
    fetched = fetch_dataset("zhang2011")
    assert fetched.recording["neuroid_id"].values.tolist() == [f"bp100{number}spk_01A" for number in range(3)]
    assert fetched.stimuli.ids.tolist() == ["car_lower", "car_upper", "kiwi_lower", "kiwi_upper"]
    trials = fetched.recording.sel(presentation=fetched.recording["stimulus_id"].values == "car_upper")
    np.testing.assert_array_equal(trials.values, [[3, 2, 2], [2, 2, 2], [2, 2, 2]])
    assert fetched.metadata["window_ms"] == options["window"] == [100, 400]
    assert len(fetched.metadata["files"]) == 3
