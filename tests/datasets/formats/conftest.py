"""Folders in the layouts that laboratories publish, made by a script beside the source tree."""

import runpy
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[4] / "shared" / "layouts" / "make_layouts.py"


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A function that makes the files of one layout once, and returns their folder; tests must not change them."""
    if not _SCRIPT.is_file():
        pytest.skip("the script that makes the layouts is not here")
    root = tmp_path_factory.mktemp("layouts")
    makers = {}

    def make(layout, folder=None):
        if layout not in makers:
            makers[layout] = runpy.run_path(str(_SCRIPT))[layout]
            makers[layout](root)
        return root / (folder or layout)

    return make
