"""Tests of precomputed latents of any kind: arrays, tensors, data frames, labelled arrays and .npy files."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError, ModelError, UsageError
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import as_model, load_model

IDS = ["c", "a", "b"]
VALUES = np.array([[3.0, 30.0], [1.0, 10.0], [2.0, 20.0]])
LABELLED = xr.DataArray(VALUES, dims=("stimulus", "unit"), coords={"stimulus": IDS})


@pytest.fixture
def stimuli():
    return StimulusSet.from_arrays(np.zeros((3, 2, 2), dtype=np.uint8), ids=["a", "b", "c"])


def expect_paired(model, stimuli):
    latents = compute_latents(model, stimuli)
    assert latents.dims == ("stimulus", "unit")
    assert latents.sel(stimulus="b").values.tolist() == [2.0, 20.0]
    assert latents.sel(stimulus="c").values.tolist() == [3.0, 30.0]


@pytest.mark.parametrize(
    ("obj", "options"),
    [
        (LABELLED, {}),
        (LABELLED.transpose("unit", "stimulus"), {}),
        (pd.DataFrame(VALUES, index=IDS), {}),
        (pd.DataFrame(VALUES), {"stimulus": IDS}),
        (VALUES, {"stimulus": IDS}),
        (torch.tensor(VALUES, requires_grad=True), {"stimulus": IDS}),
        (torch.tensor(VALUES, dtype=torch.bfloat16), {"stimulus": np.array(IDS)}),
        (np.ma.array(VALUES), {"stimulus": IDS}),
    ],
)
def test_latents_of_any_kind_pair_by_stimulus_id(obj, options, stimuli):
    expect_paired(as_model(obj, **options), stimuli)


@pytest.mark.parametrize(
    ("obj", "options", "message"),
    [
        (
            VALUES,
            {},
            "latents in an array need their stimulus ids: as_model(array, stimulus=ids), one for each of the 3",
        ),
        (pd.DataFrame(VALUES), {}, "a DataFrame of latents needs stimulus ids as its index, got 0, 1, 2, …"),
        (LABELLED.drop_vars("stimulus"), {}, "latents need their stimulus ids as the coordinate 'stimulus'"),
        (
            LABELLED.rename(unit="x"),
            {},
            "latents must have the dimensions stimulus and unit, got stimulus, x; rename",
        ),
        (
            LABELLED,
            {"stimulus": IDS},
            "latents in a DataArray have their stimulus ids as a coordinate; leave stimulus",
        ),
        (VALUES, {"stimulus": IDS[:2]}, "stimulus has shape (2,); the values have 3 along 'stimulus'"),
        (VALUES, {"stimulus": ["a", "a", "b"]}, "stimulus ids must be unique; repeated: a"),
        (
            VALUES * 1j,
            {"stimulus": IDS},
            "latents must be numbers: values must be real numbers, got complex128",
        ),
    ],
)
def test_latents_without_sure_ids_are_refused(obj, options, message):
    with pytest.raises(UsageError) as caught:
        as_model(obj, **options)
    assert str(caught.value).startswith(message)


def test_ids_with_accents_pair_in_both_spellings():
    stimuli = StimulusSet.from_arrays(np.zeros((2, 2, 2), dtype=np.uint8), ids=["b", "caf\xe9"])
    latents = as_model(VALUES[:2], stimulus=["cafe\u0301", "b"]).latents(stimuli)
    assert latents.sel(stimulus="caf\xe9").values.tolist() == [3.0, 30.0]
    assert latents.sel(stimulus="b").values.tolist() == [1.0, 10.0]


@pytest.mark.parametrize("returned", [LABELLED.transpose(), LABELLED, pd.DataFrame(VALUES, index=IDS)])
def test_a_model_may_return_them(returned, stimuli):
    class Mine:
        identifier = "mine"

        def latents(self, stimuli):
            return returned

    expect_paired(Mine(), stimuli)


def test_a_file_of_latents_with_ids(tmp_path, stimuli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("z.npy", VALUES.astype(np.float32))
    (tmp_path / "ids.txt").write_text("c\na\nb\n")
    pd.DataFrame({"stimulus_id": IDS, "x": 0}).to_csv("ids.csv", index=False)
    for ids in ("ids.txt", "ids.csv", "[c,a,b]"):
        model = load_model(f"z.npy[ids={ids}]")
        assert model.identifier.startswith("z-")
        expect_paired(model, stimuli)
    assert load_model("z.npy[ids=ids.txt]+pca[n=1]").latents(stimuli).shape == (3, 1)


def test_files_of_latents_that_cannot_be_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("z.npy", VALUES)
    np.save("objects.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    (tmp_path / "two.txt").write_text("c\na\n")
    for name, error, message in (
        (
            "z.npy",
            ModelError,
            "z.npy needs the stimulus ids of its rows: write z.npy[ids=FILE], with one id in each",
        ),
        ("z.npy[ids=two.txt]", ModelError, "the latents in z.npy cannot be used: stimulus has shape (2,)"),
        ("z.npy[ids=none.txt]", ModelError, "none.txt must be a file, got no file"),
        ("z.npy[x=1]", UsageError, "z.npy takes no options; got x"),
        ("none.npy[ids=two.txt]", ModelError, "none.npy must be a file, got no file"),
        ("objects.npy[ids=two.txt]", DatasetError, "cannot read the NumPy file objects.npy"),
    ):
        with pytest.raises(error) as caught:
            load_model(name)
        assert str(caught.value).startswith(message)
