"""Instances with identical latents, equal names, and models that were trained on other images."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from neuroalign.cli import run
from neuroalign.comparison import compare
from neuroalign.comparison.leaderboard import leaderboard
from neuroalign.datasets.folder import write_folder
from neuroalign.errors import ModelError, NeuroalignWarning
from neuroalign.models.latents_file import latents_folder
from neuroalign.models.loading import as_model, load_model
from neuroalign.models.model import FixedFamily, ModelFamily
from neuroalign.results.score import find_repeated, summarise
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.evaluate import score, score_all

#: The axis index matters to none of these tests.
RATIO = "correlation_ratio[turns=0]"


class Projections(ModelFamily):
    """Random projections, of which some are the same."""

    identifier = "projections"

    def __init__(self, draws):
        self.draws = draws

    def grid(self, dataset=None):
        return [{"seed": seed} for seed in range(len(self.draws))]

    def instance(self, dataset=None, *, seed=0):
        weights = np.random.default_rng(self.draws[seed]).standard_normal((64, 5))
        return as_model(
            lambda pixels: pixels.reshape(len(pixels), -1) @ weights,
            identifier=self.instance_identifier(seed=seed),
            image_size=8,
        )


def test_identical_instances_count_once(dataset):
    family = Projections([7, 3, 7, 7])
    with pytest.warns(
        NeuroalignWarning,
        match=r"^2 of 4 instances of projections have the same latents as another instance and are left "
        r"out: projections\[seed=2\], projections\[seed=3\]$",
    ):
        scores, failures = score_all(family, dataset, [RATIO])
    assert [result.model for result in scores] == ["projections[seed=0]", "projections[seed=1]"]
    assert failures == []
    repeats = "projections[seed=2], projections[seed=3]"
    note = f"its latents are identical to the latents of {repeats}, so they count once"
    assert note in scores[0].notes
    assert note not in scores[1].notes
    with pytest.warns(NeuroalignWarning, match="2 of 4 instances"):
        whole = score(family, dataset, RATIO)
    assert whole.value == np.mean([result.value for result in scores])
    assert len(whole.instances) == 2
    # Each instance is stored, and a leaderboard counts those that differ.
    assert sum(1 for _ in ResultsStore().scores()) == 4
    table = leaderboard(dataset, RATIO)
    assert table["n"].tolist() == [2]
    assert table["mean"][0] == pytest.approx(whole.value)
    assert table.attrs["left_out"] == {"with the very latents of another instance": 2}


def test_other_scores_of_identical_latents_are_kept(dataset):
    first = score(Projections([7]).instance(), dataset, RATIO)
    other = replace(first, model="other", value=first.value + 0.1)
    assert find_repeated([first, other]) == {}
    assert find_repeated([first, replace(first, model="other")]) == {"other": first.model}


def test_equal_scores_of_other_latents_count_separately(dataset):
    first = score(Projections([7]).instance(), dataset, RATIO)
    norm, *products = first.provenance["latents_projections"]
    for difference, repeated in ((1e-7, {"other": first.model}), (1e-3, {})):
        moved = [norm, products[0] + difference * norm, *products[1:]]
        provenance = {**first.provenance, "latents_hash": "0" * 64, "latents_projections": moved}
        other = replace(first, model="other", provenance=provenance)
        assert find_repeated([first, other]) == repeated
    # Scores of earlier versions have no projections.
    del provenance["latents_projections"]
    assert find_repeated([first, replace(first, model="other", provenance=provenance)]) == {}


def test_latents_that_differ_by_rounding_are_the_same(dataset):
    class Noisy(Projections):
        def instance(self, dataset=None, *, seed=0):
            weights = np.random.default_rng(7).standard_normal((64, 5))
            weights *= 1 + 1e-13 * np.random.default_rng(seed).standard_normal(weights.shape)
            weights[0, 0] += self.draws[seed]
            return as_model(
                lambda pixels: pixels.reshape(len(pixels), -1).astype(np.float64) @ weights,
                identifier=self.instance_identifier(seed=seed),
                image_size=8,
            )

    with pytest.warns(NeuroalignWarning, match=r"^1 of 3 instances of .* left out: projections\[seed=1\]$"):
        scores, _ = score_all(Noisy([0.0, 0.0, 1e-3]), dataset, [RATIO])
    assert [result.model for result in scores] == ["projections[seed=0]", "projections[seed=2]"]
    hashes = {score.provenance["latents_hash"] for score in ResultsStore().scores()}
    assert len(hashes) == 3


def test_instances_of_one_name_are_refused(dataset):
    members = Projections([1, 2]).instances()
    members[1].identifier = members[0].identifier
    with pytest.raises(
        ModelError,
        match=r"^each instance of two must have a name of its own, got 2 instances named projections\[seed=0\]$",
    ):
        score_all(FixedFamily("two", members), dataset, [RATIO])


def test_compare_without_cache_writes_no_files(dataset, neuroalign_home):
    factors = dataset.stimuli.table[[f"factor_{index}" for index in range(4)]].to_numpy()
    of_image = {image.tobytes(): row for image, row in zip(dataset.stimuli.pixels(), factors, strict=True)}

    mixing = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]

    def read(images, mixing):
        return np.stack([of_image[image.tobytes()] for image in images]) @ mixing

    models = [
        as_model(partial(read, mixing=matrix), identifier=name, fingerprint=name)
        for name, matrix in (("a", np.eye(4)), ("b", mixing))
    ]
    compared = compare(
        *models, dataset, ceiling=None, n_resamples=20, n_stimulus_resamples=2, use_cache=False
    )
    assert "stimuli" in [inference.over for inference in compared.generalisations if not inference.reason]
    assert not latents_folder().is_dir()
    assert [path for path in neuroalign_home.rglob("*") if path.is_file()] == []


class Trained:
    """A model that states its training stimuli."""

    def __init__(self, trained_on, trained_on_hash=None):
        self.identifier = f"trained on {trained_on}"
        self.trained_on = trained_on
        self.trained_on_hash = trained_on_hash

    def latents(self, stimuli):
        return as_model(lambda pixels: pixels[:, 0, :4], identifier="row").latents(stimuli)


NOTE = "trained on the images of elsewhere, not on the images of single"


def test_scores_say_where_a_model_was_trained_on_other_images(dataset):
    elsewhere = score(Trained("elsewhere"), dataset, RATIO)
    assert elsewhere.provenance["trained_on"] == "elsewhere"
    assert NOTE in elsewhere.notes
    own = [
        Trained("single"),
        Trained("toy"),
        Trained("elsewhere", dataset.stimuli.training().content_hash),
    ]
    for model in own:
        result = score(model, dataset, RATIO)
        assert result.provenance["trained_on"] == model.trained_on
        assert NOTE not in result.notes
    other = Trained("toy", "0" * 64)
    assert "trained on the images of toy, not on the images of single" in score(other, dataset, RATIO).notes
    assert "trained_on" not in score(load_model("pca[n=2]"), dataset, RATIO).provenance
    family = summarise([elsewhere], family="all")
    assert family.provenance["trained_on"] == "elsewhere"
    assert NOTE in family.notes
    # A record that an earlier version stored gets its note when it is read.
    store = ResultsStore()
    for key, stored in list(store.items()):
        if stored.model == elsewhere.model:
            store.save(key, replace(stored, notes=(), provenance={**stored.provenance, "trained_on": None}))
    assert NOTE in score(Trained("elsewhere"), dataset, RATIO).notes


@pytest.mark.slow
@pytest.mark.parametrize("family", ["beta_vae", "vae", "autoencoder", "classifier"])
def test_bundled_networks_say_that_they_saw_other_faces(tmp_path, dataset_factory, capsys, family):
    write_folder(dataset_factory(n_stimuli=30), tmp_path / "mine")
    assert run(["score", family, str(tmp_path / "mine"), "-b", RATIO]) == 0
    note = "trained on the images of AM-faces-sim, not on the images of single"
    assert f"caution (!): {note}" in " ".join(capsys.readouterr().out.split())
    [stored, *_] = ResultsStore().scores()
    assert stored.provenance["trained_on"] == "AM-faces-sim"
    assert note in stored.notes
    for style in ("table", "markdown", "latex"):
        assert run(["leaderboard", str(tmp_path / "mine"), "-b", RATIO, "--format", style]) == 0
        printed = " ".join(capsys.readouterr().out.replace("\\_", "_").split())
        assert f"{family}: {note}." in printed
