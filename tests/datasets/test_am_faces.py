"""Import of AM-faces from files as a laboratory holds them: the stand-in, exported in that shape."""

import io
import tomllib
import zipfile
from importlib import resources

import h5py
import numpy as np
import pandas as pd
import pytest
import tomli_w
from PIL import Image

import neuroalign as na
from neuroalign.cli import run as run_cli
from neuroalign.datasets.am_faces import am_faces_sim
from neuroalign.datasets.landmarks.csv import write_landmark_csv
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.results.store import ResultsStore


def export(folder, ids):
    """Write the stand-in as the files that docs/am_faces.md describes, and return the options of ``data add``.

    Parameters
    ----------
    folder : Path
    ids : array of str
        Faces to write, in the order of the table.
    """
    whole = am_faces_sim()
    stimuli, table = whole.stimuli, whole.stimuli.table.loc[ids]
    shown = np.array([stimulus for stimulus in ids if table["presented"][stimulus]])
    # The cells see the faces in an order of their own, which is not the order of names.
    shown = np.random.default_rng(0).permutation(shown)
    rows = pd.Index(whole.responses["stimulus"].values).get_indexer(shown)
    cube = whole.trials[rows].transpose(2, 0, 1)
    with h5py.File(folder / "am_cells.mat", "w", userblock_size=512) as file:
        node = file.create_dataset("responses", data=cube.T)
        node.attrs["MATLAB_class"] = np.bytes_("double")
    with (folder / "am_cells.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM")
    with zipfile.ZipFile(folder / "faces.zip", "w") as archive:
        for stimulus in ids:
            png = io.BytesIO()
            Image.open(io.BytesIO(stimuli.image_bytes(stimulus))).save(png, "PNG")
            archive.writestr(f"faces/{stimulus}.png", png.getvalue())
    names = pd.DataFrame({"stimulus_id": ids, "filename": [f"{stimulus}.png" for stimulus in ids]})
    names.to_csv(folder / "all_faces.csv", index=False)
    (folder / "presented.txt").write_text("".join(f"{stimulus}\n" for stimulus in shown))
    held_out = [stimulus for stimulus in ids if not table["training"][stimulus]]
    (folder / "held_out.txt").write_text("".join(f"{stimulus}\n" for stimulus in held_out))
    neurons = whole.recording["neuroid_id"].values
    pd.DataFrame({"neuroid_id": neurons, "region": "AM", "animal": whole.recording["animal"].values}).to_csv(
        folder / "neurons.csv", index=False
    )
    write_landmark_csv(stimuli.landmarks.sel(stimulus=ids), folder / "landmarks.csv")
    return {
        "--responses": "am_cells.mat",
        "--axes": "neuroid,stimulus,repetition",
        "--images": "faces.zip",
        "--stimuli": "all_faces.csv",
        "--presented": "presented.txt",
        "--held-out": "held_out.txt",
        "--landmarks": "landmarks.csv",
        "--neurons": "neurons.csv",
    }


def add(folder, options):
    """Run ``neuroalign data add AM-faces`` on exported files."""
    arguments = [
        part if part.startswith("--") or name == "--axes" else str(folder / part)
        for name, value in options.items()
        for part in (name, value)
    ]
    assert run_cli(["data", "add", "AM-faces", *arguments, "--mirror-training"]) == 0


def expect_stand_in(dataset, ids):
    """Compare a dataset with the stand-in, by the ids of faces and neurons."""
    whole = am_faces_sim()
    assert not dataset.simulated
    chosen = np.isin(whole.responses["stimulus"].values, ids)
    np.testing.assert_array_equal(dataset.responses["neuroid"], whole.responses["neuroid"])
    np.testing.assert_array_equal(dataset.responses["stimulus"], whole.responses["stimulus"][chosen])
    np.testing.assert_array_equal(dataset.trials, whole.trials[chosen])
    for column in ("presented", "training"):
        pd.testing.assert_series_equal(
            dataset.stimuli.table[column].loc[ids], whole.stimuli.table[column].loc[ids], check_dtype=False
        )
    np.testing.assert_array_equal(dataset.recording["animal"], whole.recording["animal"])
    np.testing.assert_allclose(
        dataset.stimuli.landmarks.sel(stimulus=ids), whole.stimuli.landmarks.sel(stimulus=ids), atol=1e-4
    )
    training: list[StimulusSet] = [dataset.stimuli.training(), whole.stimuli.select(ids).training()]
    assert all(stimuli.mirrored for stimuli in training)
    batches = [next(iter(stimuli.batches(8, size=64, channels=1))) for stimuli in training]
    np.testing.assert_array_equal(*batches)


@pytest.fixture
def some_faces():
    """Each 20th face, and all faces that were held out or not presented, of which 30 of each kind."""
    table = am_faces_sim().stimuli.table
    further = [table.index[~table[column]][:30] for column in ("presented", "training")]
    return np.array(sorted({*table.index[::20], *further[0], *further[1]}))


def test_the_files_of_a_laboratory_become_am_faces(tmp_path, some_faces):
    add(tmp_path, export(tmp_path, some_faces))
    dataset = na.load_dataset("AM-faces")
    assert dataset.identifier == "AM-faces"
    expect_stand_in(dataset, some_faces)


@pytest.mark.slow
def test_all_faces_come_in_and_the_study_of_the_paper_runs(tmp_path):
    ids = am_faces_sim().stimuli.ids
    add(tmp_path, export(tmp_path, ids))
    dataset = na.load_dataset("AM-faces")
    assert dataset.recording.sizes["neuroid"] == 159
    assert dataset.responses.sizes["stimulus"] == 2100
    expect_stand_in(dataset, ids)
    # Few families show that the study runs on the recording; the stand-ins test its claims.
    text = resources.files("neuroalign.studies").joinpath("higgins2020.toml").read_text(encoding="utf-8")
    study = tomllib.loads(text)
    families = study["families"]
    study["families"] = {name: families[name] for name in ("β-VAE", "AAM", "Neuron subsets")}
    study["families"]["AAM"]["grids"]["small"]["options"]["n"] = [10]
    study["families"]["Neuron subsets"]["grids"]["small"]["options"] = {"n": [10], "seed": [0]}
    study["scorings"]["drawn_stimuli"]["options"]["n_draws"] = 2
    for scoring in study["scorings"].values():
        if "families" in scoring:
            scoring["families"] = [name for name in scoring["families"] if name in study["families"]] or [
                "β-VAE"
            ]
    (tmp_path / "study.toml").write_text(tomli_w.dumps(study), encoding="utf-8")
    folder = tmp_path / "report"
    assert run_cli(["reproduce", str(tmp_path / "study.toml"), "--output", str(folder)]) == 0
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "159 recorded neurons" in report
    # The networks that neuroalign brings saw the faces of the stand-in, and the report says so.
    assert "trained on faces, not on the images of this dataset" in report
    assert {score.dataset for score in ResultsStore().scores()} == {"AM-faces"}
