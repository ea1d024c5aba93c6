"""Files in folders with links."""

import os
import re

import pytest

from neuroalign.errors import DatasetError
from neuroalign.files.plain import files_below

pytestmark = pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links on this system")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "real" / "inner").mkdir(parents=True)
    for name in ("b.png", "a.png", "inner/c.png", ".hidden"):
        (tmp_path / "real" / name).write_text(name)
    return tmp_path / "real"


def test_visible_files_below_a_folder_or_a_link_to_it(folder, tmp_path):
    names = ["a.png", "b.png", "inner/c.png"]
    assert [path.relative_to(folder).as_posix() for path in files_below(folder)] == names
    (folder / "d.png").symlink_to(folder / "a.png")
    link = tmp_path / "link"
    link.symlink_to(folder)
    names_behind_link = [path.relative_to(link).as_posix() for path in files_below(link)]
    assert names_behind_link == [*names[:2], "d.png", names[2]]


def test_links_that_would_hide_files_are_named(folder, tmp_path):
    (folder / "gone.png").symlink_to("nowhere.png")
    reason = (
        f"{folder / 'gone.png'} is a link to nowhere.png, which does not exist; "
        "replace it by the file, or delete it"
    )
    with pytest.raises(DatasetError, match=f"^{re.escape(reason)}$"):
        files_below(folder)
    (folder / "gone.png").unlink()
    (folder / "elsewhere").symlink_to(folder)
    reason = (
        f"{folder / 'elsewhere'} is a link to a folder, which is not followed; copy the folder "
        f"{os.path.realpath(folder)} to its place, or give that folder itself"
    )
    with pytest.raises(DatasetError, match=f"^{re.escape(reason)}$"):
        files_below(folder)
