"""Folders in the layouts that laboratories publish, made by a script beside the source tree, from import to score."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import neuroalign as na
from neuroalign.datasets.importing.importer import import_dataset

SCRIPT = Path(__file__).parents[4] / "shared" / "layouts" / "make_layouts.py"

pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the script that makes the layouts is not here")


def make(layout, root):
    """Make the files of one layout."""
    root.mkdir(exist_ok=True)
    runpy.run_path(str(SCRIPT))[layout](root)


def test_sensorium(tmp_path):
    make("sensorium", tmp_path)
    (folder,) = (tmp_path / "sensorium").iterdir()
    dataset = import_dataset("d", responses=folder)
    assert dataset.recording.shape == (12, 6)
    assert dataset.stimuli.table["tier"].value_counts().to_dict() == {"train": 6, "test": 2, "validation": 2}
    assert np.isfinite(na.score("pca[n=3]", "d", "ridge").value)


def test_cadena2024(tmp_path):
    make("cadena2024", tmp_path)
    dataset = import_dataset("d", responses=tmp_path / "cadena2024_v4", window="70,160")
    assert dataset.recording.sizes == {"presentation": 10, "neuroid": 5}
    assert len(dataset.stimuli) == 6
    assert np.isfinite(na.score("pca[n=2]", "d", "ridge[n_folds=3]").value)
