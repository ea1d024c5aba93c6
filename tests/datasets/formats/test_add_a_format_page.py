"""The readers on the page "Add a file format" work as the page describes them."""

import json
import re
import shlex
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, UsageError
from neuroalign.names.registry import readers

PAGE = Path(__file__).parents[3] / "docs" / "add_a_format.md"
BLOCKS = re.findall(r"```\w*\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
COUNTS = np.array([[3.0, 6.0, 9.0], [6.0, 0.0, 3.0]])
"""2 neurons × 3 stimuli."""


@pytest.fixture(autouse=True)
def page_readers(monkeypatch, tmp_path):
    """Register the readers of the page, and forget them after the test."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        for name, module, cls in (
            ("spikes", "# my_package/spikes.py", "SpikesReader"),
            ("session", "# my_package/sessions.py", "SessionReader"),
        ):
            namespace = {"__name__": "my_package"}
            exec(next(block for block in BLOCKS if block.startswith(module)), namespace)
            stack.enter_context(readers.registered(name, namespace[cls]))
        yield


def test_the_command_of_the_page():
    Path("cells.spk").write_text("SPIKES\n3 6 9\n6 0 3\n")
    command = next(block for block in BLOCKS if block.startswith("neuroalign data add"))
    assert run(shlex.split(command)[1:]) == 0
    dataset = load_dataset("my-cells")
    np.testing.assert_allclose(dataset.responses.values, (COUNTS / 0.3).T, rtol=1e-15)
    assert dataset.metadata["notes"][1] == "Counts were divided by 0.3 s."


def test_the_program_of_the_page():
    Path("cells.spk").write_text("SPIKES\n3 6 9\n6 0 3\n")
    namespace = {}
    exec(next(block for block in BLOCKS if block.startswith("import neuroalign as na")), namespace)
    np.testing.assert_allclose(namespace["dataset"].responses.values, (COUNTS / 0.3).T, rtol=1e-15)
    Path("cells.spk").write_text("SPIKES\n3 six 9\n")
    with pytest.raises(DatasetError, match=r"cannot read the spike counts cells\.spk: could not convert"):
        import_dataset("other", responses="cells.spk", axes="neuroid,stimulus")


def test_the_recording_reader_of_the_page():
    session = {
        "stimuli": ["x", "y", "z"],
        "categories": ["car", "cat", "cow"],
        "neurons": ["a", "b"],
        "area": "V4",
        "rates": COUNTS.T.tolist(),
    }
    Path("cells.session").write_text(json.dumps({"session": session}))
    dataset = import_dataset("my-cells", responses="cells.session")
    assert dataset.responses.values.tolist() == COUNTS.T.tolist()
    assert dataset.responses["region"].values.tolist() == ["V4", "V4"]
    assert dataset.stimuli.table["category"].tolist() == ["car", "cat", "cow"]
    with pytest.raises(UsageError, match="--responses must be one session, got 2"):
        import_dataset("other", responses=["cells.session", "cells.session"])
