import os
import stat
from pathlib import Path

import platformdirs
import pytest

from neuroalign.files.home import TEMPORARY_PREFIX, atomic_path, home


def test_home_is_where_the_variable_says(monkeypatch):
    monkeypatch.setenv("NEUROALIGN_HOME", "/somewhere/else")
    assert home() == Path("/somewhere/else")
    monkeypatch.setenv("NEUROALIGN_HOME", "~/mine")
    assert home() == Path.home() / "mine"


@pytest.mark.parametrize("unset", [True, False])
def test_home_is_the_platforms_folder_otherwise(monkeypatch, unset):
    if unset:
        monkeypatch.delenv("NEUROALIGN_HOME")
    else:
        monkeypatch.setenv("NEUROALIGN_HOME", "")
    assert home() == Path(platformdirs.user_data_dir("neuroalign"))


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "file.json"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name.startswith(TEMPORARY_PREFIX)
        assert temporary.suffix == ".json"
        temporary.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupted_block_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def interrupted():
        with atomic_path(path) as temporary:
            temporary.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_fails_before_writing_says_why(tmp_path):
    def fail():
        with atomic_path(tmp_path / "file"):
            raise ValueError("why")

    with pytest.raises(ValueError, match="why"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_files_are_as_readable_as_the_umask_says(tmp_path):
    before = os.umask(0o022)
    try:
        with atomic_path(tmp_path / "file") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644
