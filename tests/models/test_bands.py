"""Several models as the bands of one model, and their score by banded ridge."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from neuroalign.benchmarks.banded_ridge import BandedRidgeBenchmark
from neuroalign.cli.score import score as score_command
from neuroalign.datasets.folder import write_folder
from neuroalign.errors import UsageError
from neuroalign.metrics import banded_ridge, fold_labels
from neuroalign.model_zoo.neurons import NeuronModel
from neuroalign.models.bands import Bands
from neuroalign.models.loading import load_model
from neuroalign.testing import make_dataset
from neuroalign.testing.units import example_model


@pytest.fixture(scope="module")
def dataset():
    return make_dataset(n_stimuli=60, n_neurons=6, n_factors=3, seed=4)


def test_bands_are_the_units_of_the_models_side_by_side(dataset):
    model = load_model("bands[models=[pca[n=2],pca[n=3]]]")
    assert model.identifier == "bands[models=[pca[n=2],pca[n=3]]]"
    assert load_model(model.identifier).identifier == model.identifier
    latents = model.latents(dataset.stimuli)
    assert latents["band"].values.tolist() == ["pca[n=2]"] * 2 + ["pca[n=3]"] * 3
    expected = [load_model(name).latents(dataset.stimuli).values for name in ("pca[n=2]", "pca[n=3]")]
    np.testing.assert_allclose(latents.values, np.hstack(expected))
    assert len(set(latents["unit"].values)) == 5
    assert "neuroid" not in latents.coords


def test_neurons_keep_their_ids(dataset):
    names = dataset.responses["neuroid"].values
    model = Bands([NeuronModel(dataset, "two neurons", neuroids=names[:2]), example_model(dataset)])
    latents = model.latents(dataset.stimuli)
    assert latents["neuroid"].values[:3].tolist() == [*names[:2], "units:0"]
    score = BandedRidgeBenchmark(n_draws=2).score(model, dataset)
    itself = BandedRidgeBenchmark(n_draws=2, self_pairs="include").score(model, dataset)
    assert (score.data["r"].values[:2] < 0.99).all()
    np.testing.assert_allclose(itself.data["r"].values[:2], 1, atol=0.01)


def test_the_score_is_banded_ridge(dataset):
    model = load_model("bands[models=[pca[n=2],pca[n=3]]]")
    score = BandedRidgeBenchmark(n_folds=4, n_draws=3, seed=1).score(model, dataset)
    latents = model.latents(dataset.stimuli).sel(stimulus=dataset.responses["stimulus"].values)
    expected = banded_ridge(
        latents.values,
        dataset.responses.values,
        bands=latents["band"].values,
        folds=fold_labels(60, 4, seed=1),
        n_draws=3,
        seed=1,
    )
    np.testing.assert_allclose(score.data["r"].values, expected.r)
    np.testing.assert_allclose(score.data["r2_of_band"].values, expected.r2_of_bands)
    assert score.data["band"].values.tolist() == ["pca[n=2]", "pca[n=3]"]
    assert score.beside["bands"] == 2
    assert score.notes[0].startswith("R² of each band, mean over neurons: pca[n=2] ")


def test_one_model_is_one_band(dataset):
    score = BandedRidgeBenchmark(n_folds=4).score(example_model(dataset), dataset)
    assert "one band: the score is the score of ridge" in score.notes[0]


def test_several_models_on_the_command_line(dataset, tmp_path):
    write_folder(dataset, tmp_path / "toy")
    arguments = [
        "pca[n=2]",
        "pca[n=3]",
        str(tmp_path / "toy"),
        "-b",
        "banded_ridge[n_folds=3,n_draws=2]",
        "--json",
    ]
    result = CliRunner().invoke(score_command, arguments)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["model"] == "bands[models=[pca[n=2],pca[n=3]]]"
    assert document["scores"][0]["beside"]["bands"] == 2


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bands[models=[pca[n=2]]]", "two or more different models"),
        ("bands[models=[pca[n=2],pca[n=2]]]", "two or more different models"),
        ("bands[models=[pca[n=2],pca]]", "a band must be one model"),
    ],
)
def test_faulty_bands_are_refused(spec, message):
    with pytest.raises(UsageError, match=message):
        load_model(spec)
