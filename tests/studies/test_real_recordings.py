"""Studies of real recordings without images, held-out stimuli or landmarks."""

from pathlib import Path

import pytest

import neuroalign as na
from neuroalign.studies.run import plan_study, run_study

STUDIES = Path(__file__).parents[2] / "docs" / "studies"


@pytest.fixture
def chang2017(recordings):
    for name, region in (("am", "AM"), ("mlmf", "ML/MF")):
        na.import_dataset(
            f"chang2017-{name}",
            responses=recordings / "chang2017" / f"response_{name}.mat",
            axes="neuroid,stimulus",
            stimulus_set="chang2017",
            region=region,
        )


@pytest.mark.slow
def test_neurons_of_another_area_are_a_model_of_this_one(chang2017, tmp_path):
    if not STUDIES.is_dir():
        pytest.skip("the source tree is not here")
    text = (STUDIES / "chang2017.toml").read_text(encoding="utf-8")
    text = text.replace("n = [10, 20, 30, 40, 50]", "n = [20, 40]")
    text = text.replace(
        'benchmark = "stimulus_bootstrap"',
        """benchmark = "stimulus_bootstrap"
options = { n_draws = 5 }""",
    )
    path = tmp_path / "chang2017.toml"
    path.write_text(text, encoding="utf-8")
    outcomes = run_study(plan_study(path, folder=tmp_path / "out"))
    assert {outcome.state for outcome in outcomes.values()} == {"done"}
    models = [model.identifier for model in outcomes["score Neurons of ML/MF"].value.models]
    assert models[:2] == [f"neurons:chang2017-mlmf+subsample[n=20,seed={seed}]" for seed in (0, 1)]
    report = " ".join(outcomes["report"].value.read_text(encoding="utf-8").split())
    assert "99 recorded neurons, 2,000 stimuli" in report
    # The report cautions about weak fits.
    assert "No family explains more than" in report
    assert "Simulated recordings" not in report


@pytest.mark.slow
def test_faces_without_images_leave_out_families_with_the_reason(chang2017, tmp_path):
    run = plan_study("higgins2020", dataset="chang2017-am", folder=tmp_path / "out")
    assert run.seconds()["score AAM"] >= 0
    outcomes = run_study(run)
    left_out = {name: outcome.reason for name, outcome in outcomes.items() if outcome.state != "done"}
    assert set(left_out) == {
        f"score {name}"
        for name in (
            "β-VAE",
            "VAE",
            "AE",
            "Classifier",
            "VGG-Face (PCA)",
            "VGG-Face (raw)",
            "PCA",
            "ICA",
            "AAM",
        )
    }
    assert "has no images" in left_out["score β-VAE"]
    assert "has no landmarks" in left_out["score AAM"]
    assert {result.primary.verdict for result in outcomes["test claims"].value} == {"cannot tell"}
    report = outcomes["report"].value.read_text(encoding="utf-8")
    assert "chang2017-am marks no held-out stimuli that were recorded" in report
