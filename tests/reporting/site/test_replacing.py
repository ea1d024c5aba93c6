"""Replacement of a folder: at every moment the old or the new folder is complete."""

import os
import shutil

import psutil
import pytest

from neuroalign.files.folders import previous_folder
from neuroalign.files.home import TEMPORARY_PREFIX
from neuroalign.reporting.site.replacing import atomic_folder


class Crash(BaseException):
    """End of the process, which no handler of ordinary errors catches."""


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "page").write_text("old")
    return folder


def replace(path):
    with atomic_folder(path) as new:
        (new / "page").write_text("new")


def test_a_folder_is_made_and_replaced(tmp_path):
    path = tmp_path / "deep" / "site"
    replace(path)
    (path / "other").write_text("of the old folder")
    replace(path)
    assert [(file.name, file.read_text()) for file in path.iterdir()] == [("page", "new")]
    assert [entry.name for entry in path.parent.iterdir()] == ["site"]


def test_a_block_that_fails_leaves_the_old_folder(site):
    def crash():
        with atomic_folder(site) as new:
            (new / "page").write_text("half")
            raise Crash

    with pytest.raises(Crash):
        crash()
    assert (site / "page").read_text() == "old"
    assert [entry.name for entry in site.parent.iterdir()] == ["site"]


@pytest.mark.parametrize("step", [0, 1])
def test_each_rename_that_fails_leaves_the_old_folder(site, monkeypatch, step):
    rename, calls = os.rename, []

    def fail(source, target):
        calls.append(source)
        if len(calls) == step + 1:
            raise PermissionError("in use")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(PermissionError):
        replace(site)
    assert (site / "page").read_text() == "old"
    assert [entry.name for entry in site.parent.iterdir()] == ["site"]


def test_a_deletion_that_fails_leaves_the_new_folder(site, monkeypatch):
    def fail(path, ignore_errors=False):
        if not ignore_errors:
            raise PermissionError("in use")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", fail)
        replace(site)
    assert (site / "page").read_text() == "new"
    [left] = site.parent.glob(f"{TEMPORARY_PREFIX}*")
    assert (left / "page").read_text() == "old"
    replace(site)
    assert left.exists(), "this process still runs"
    monkeypatch.setattr(psutil, "pid_exists", lambda number: False)
    replace(site)
    assert [entry.name for entry in site.parent.iterdir()] == ["site"]


def test_a_process_killed_between_the_renames_leaves_the_old_folder_for_the_next_call(site):
    def crash():
        with atomic_folder(site):
            assert (site / "page").read_text() == "old"
            raise Crash

    os.rename(site, previous_folder(site))
    with pytest.raises(Crash):
        crash()
    assert (site / "page").read_text() == "old"
    assert [entry.name for entry in site.parent.iterdir()] == ["site"]
