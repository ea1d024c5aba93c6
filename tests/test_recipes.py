"""Scripts of docs/recipes on tiny files in the published layout."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io

import neuroalign as na
from neuroalign.cli import run as run_cli

SCRIPT = Path(__file__).parents[1] / "docs" / "recipes" / "nsd_shared.py"
SESSIONS, TRIALS = 30, 750


@pytest.fixture
def nsd(tmp_path):
    """Betas of subject 4 in the layout of NSD: 30 sessions of 750 trials of 2 × 3 × 2 voxels, and 40 images."""
    nibabel = pytest.importorskip("nibabel")
    rng = np.random.default_rng(0)
    root, space = tmp_path / "nsd", "ppdata/subj04/func1pt8mm"
    roi = np.zeros((2, 3, 2))
    roi[0, 1, 0], roi[1, 2, 1], roi[1, 0, 1] = 5, 5, 2
    for folder in (
        "nsddata/experiments/nsd",
        f"nsddata/{space}/roi",
        f"nsddata_betas/{space}/betas_fithrf_GLMdenoise_RR",
    ):
        (root / folder).mkdir(parents=True)
    nibabel.save(nibabel.Nifti1Image(roi, np.eye(4)), root / f"nsddata/{space}/roi/areas.nii.gz")
    # Each subject sees 10,000 images up to three times; here, the subject's image k has the number 73,000 - k.
    order = np.concatenate([rng.permutation(10_000) + 1 for _ in range(3)])
    subject_images = np.tile(73_000 - np.arange(1, 10_001), (8, 1))
    shown = subject_images[3, order[: SESSIONS * TRIALS] - 1]
    numbers, counts = np.unique(shown, return_counts=True)
    three, two = numbers[counts == 3][:6], numbers[counts == 2][:3]
    scipy.io.savemat(
        root / "nsddata/experiments/nsd/nsd_expdesign.mat",
        {"masterordering": order[None], "subjectim": subject_images, "sharedix": np.r_[two, three][None]},
    )
    values = rng.integers(-3000, 3000, (SESSIONS * TRIALS, 2, 3, 2)).astype(np.int16)
    for session in range(SESSIONS):
        name = f"nsddata_betas/{space}/betas_fithrf_GLMdenoise_RR/betas_session{session + 1:02d}.hdf5"
        with h5py.File(root / name, "w") as file:
            file["betas"] = values[session * TRIALS : (session + 1) * TRIALS]
    (root / "nsddata_stimuli/stimuli/nsd").mkdir(parents=True)
    with h5py.File(root / "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5", "w") as file:
        bricks = file.create_dataset("imgBrick", (73_000, 8, 8, 3), np.uint8, chunks=(1, 8, 8, 3))
        for number in three:
            bricks[number - 1] = rng.integers(0, 256, (8, 8, 3))
    return root, np.sort(three), shown, values


def test_betas_of_the_natural_scenes_dataset(nsd, tmp_path):
    root, images, shown, values = nsd
    out = tmp_path / "out"
    command = [sys.executable, str(SCRIPT), str(root), str(out), "--subject", "4", "--complete-for", "4"]
    subprocess.run([*command, "--roi", "areas", "--labels", "5", "--raw"], check=True, capture_output=True)
    arguments = ["--responses", str(out / "betas.npy"), "--axes", "neuroid,stimulus,repetition"]
    files = ["--neurons", str(out / "voxels.csv"), "--images", str(out / "images")]
    assert run_cli(["data", "add", "nsd", *arguments, *files]) == 0
    dataset = na.load_dataset("nsd[region='areas-5']")
    assert dataset.responses["neuroid"].values.tolist() == ["0-1-0", "1-2-1"]
    assert dataset.responses["stimulus"].values.tolist() == [f"nsd{number:05d}" for number in images]
    for column, (x, y, z) in enumerate([(0, 1, 0), (1, 2, 1)]):
        # h5py shows the axes of MATLAB in the reverse order.
        expected = np.array([values[shown == number][:, z, y, x] / 300 for number in images])
        np.testing.assert_allclose(dataset.trials[:, :, column], expected, rtol=1e-6)
    voxels = pd.read_csv(out / "voxels.csv")
    assert voxels.columns.tolist() == ["voxel", "x", "y", "z", "region", "animal"]
