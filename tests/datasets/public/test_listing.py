"""The list of public recordings that neuroalign brings."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from neuroalign.datasets.catalogue import expect_free_name
from neuroalign.datasets.public.listing import collections, members_of, public_names
from neuroalign.names.registry import datasets

RECORDINGS = [member for members in collections().values() for member in members]


def test_names():
    names = public_names()
    assert len(names) == len(set(names))
    assert not set(names) & set(datasets.names())
    assert {"chang2017-am", "chang2017-mlmf", "freiwald2010", "cowley2023"} <= set(names)
    assert len(members_of("cowley2023")) == 12
    assert [member.name for member in members_of("freiwald2010")] == ["freiwald2010"]


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
def test_entries_are_complete(recording):
    expect_free_name(recording.name)
    assert recording.licence
    assert re.search(r"\(\d{4}\)", recording.citation)
    assert recording.summary
    assert recording.options["region"]
    names = [file.name for file in recording.files]
    assert len(names) == len(set(names))
    for file in recording.files:
        # A commit of 40 digits in the address: the content behind it cannot change.
        assert re.search(r"/[0-9a-f]{40}/", urlsplit(file.url).path)
        assert file.url.startswith("https://")
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert 0 < file.n_bytes < 10_000_000


def test_entries_agree_with_the_list_beside_the_recordings(recordings):
    listed = json.loads((recordings / "public.json").read_text())
    for recording in RECORDINGS:
        entry = listed[recording.name]
        rows = entry["responses"] if isinstance(entry["responses"], list) else [entry["responses"]]
        files = [(file.url, file.n_bytes, file.sha256) for file in recording.responses]
        assert files == [tuple(row.values()) for row in rows]
        if "images" in entry:
            assert recording.images is not None
            images = recording.images
            assert (images.url, images.n_bytes, images.sha256) == tuple(entry["images"].values())
        assert ("repetition" in recording.options.get("axes", ())) == entry.get("trials", False)


def test_list_is_small():
    import neuroalign.datasets.public.listing as module

    folder = Path(module.__file__).parent
    assert sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) < 50_000
