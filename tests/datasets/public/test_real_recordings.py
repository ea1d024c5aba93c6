"""Fetched recordings, from a local server with the real files where they are available."""

import hashlib
import json

import numpy as np
import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.public.fetching import fetch_dataset
from neuroalign.datasets.public.listing import collections


@pytest.fixture
def mirror(server, recordings):
    """The server, with each file of the list that is available, found by its checksum."""
    paths = [path for path in recordings.glob("*/*") if path.suffix in (".npy", ".mat", ".zip")]
    content = {hashlib.sha256(path.read_bytes()).hexdigest(): path.read_bytes() for path in paths}
    for members in collections().values():
        for member in members:
            for file in member.files:
                if file.sha256 in content:
                    path = "/" + file.url.split("/", 3)[3]
                    server.files[path] = content[file.sha256]
    return server


def test_chang2017(mirror, capsys):
    assert run(["data", "fetch", "chang2017"]) == 0
    out = capsys.readouterr().out
    assert "Added chang2017-am: 99 recorded neurons × 2000 stimuli, averaged, no images" in out
    assert "licence: not stated for the recordings" in out
    am, mlmf = load_dataset("chang2017-am"), load_dataset("chang2017-mlmf")
    assert am.responses.values.mean() == pytest.approx(7.529505, abs=1e-6)
    assert mlmf.responses.shape == (2000, 106)
    assert am.stimuli.identifier == mlmf.stimuli.identifier == "chang2017"
    assert set(mlmf.recording["region"].values) == {"ML/MF"}


def test_cowley2023_single_trials(mirror):
    fetched = fetch_dataset("cowley2023-210325")
    assert fetched.trials.shape == (640, 10, 50)
    assert fetched.recording.sizes["presentation"] == 4840
    assert fetched.stimuli.has_images
    assert set(fetched.recording["animal"].values) == {"PE"}


@pytest.mark.slow
def test_cowley2023_means(mirror, recordings):
    fetched = fetch_dataset("cowley2023-201025")
    values = np.load(recordings / "cowley2023" / "responses_mean_201025.npy")
    np.testing.assert_array_equal(fetched.responses.sel(stimulus="image0001").values, values[:, 0])
    np.testing.assert_array_equal(fetched.responses.sel(stimulus="image1200").values, values[:, 1199])


def test_a_collection_stops_at_the_first_session_that_the_server_lacks(mirror, capsys):
    assert run(["data", "fetch", "cowley2023"]) == 1
    assert capsys.readouterr().err.endswith("responses_190923.npy: HTTP status 404\n")


@pytest.mark.slow
def test_freiwald2010(mirror):
    fetched = fetch_dataset("freiwald2010")
    assert fetched.responses.shape == (200, 187)
    assert fetched.metadata["window_ms"] == [80, 340]
    assert fetched.stimuli.table.loc["10_back", "orientation"] == "back"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "model", "r", "ceiling"),
    [
        (["chang2017"], "neurons:chang2017-mlmf", 0.2011, np.nan),
        (["freiwald2010"], "factors[columns=[person,orientation],categories=person]", 0.4949, 0.7230),
        (["cowley2023-210325"], "pca[n=20]", 0.2689, 0.8603),
        (["cowley2023-201025"], "pca[n=20]", 0.2116, np.nan),
    ],
)
def test_fetched_recordings_are_scored(mirror, capsys, names, model, r, ceiling):
    assert run(["data", "fetch", *names]) == 0
    dataset = "chang2017-am" if names == ["chang2017"] else names[0]
    capsys.readouterr()
    assert run(["score", model, dataset, "-b", "ridge[n_permutations=0]", "--json"]) == 0
    score = json.loads(capsys.readouterr().out)["scores"][0]
    assert score["value"] == pytest.approx(r, abs=1e-3)
    assert (np.nan if score["ceiling"] is None else score["ceiling"]) == pytest.approx(
        ceiling, abs=1e-3, nan_ok=True
    )
