"""A benchmark and a family of a third party in every output, without a changed line of neuroalign."""

import json
import subprocess
import sys

import pytest

from neuroalign.datasets.catalogue import datasets_folder
from neuroalign.datasets.folder import write_folder

pytestmark = pytest.mark.slow

#: Registers the plug-ins, scores two families by the benchmark, and prints the outputs as JSON. A process of its own
#: keeps the registered names away from other tests.
SCRIPT = '''
import contextlib, io, json, sys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

import neuroalign as na
from neuroalign.cli import run
from neuroalign.models.model import ModelFamily
from neuroalign.results.numbers import Number
from neuroalign.scoring.resampling import NeuronStatistic, Resampling


@na.register_benchmark("strength")
@dataclass(frozen=True, kw_only=True)
class Strength(na.Benchmark):
    """Mean over neurons of the largest correlation with a unit."""

    identifier: ClassVar[str] = "strength"
    symbol: ClassVar[str] = "S"
    numbers: ClassVar[tuple[Number, ...]] = (Number("spread", "spread of the strengths", "spread"),)
    arrays: ClassVar[dict[str, tuple[str, ...]]] = {
        "weights": ("unit", "neuroid"), "predicted_latents": ("stimulus", "unit")
    }

    def score(self, model, dataset, *, join="exact"):
        latents, responses = self.align(model, dataset, join=join)
        n_units = latents.sizes["unit"]
        r = np.corrcoef(latents.values.T, responses.values.T)[:n_units, n_units:]
        best = np.abs(r).max(axis=0)
        data = xr.Dataset(
            {
                "strength": ("neuroid", best),
                "weights": (("unit", "neuroid"), r),
                "predicted_latents": (("stimulus", "unit"), latents.values[:10]),
            },
            coords={
                "stimulus": latents["stimulus"].values[:10],
                "unit": latents["unit"].values,
                "neuroid": responses["neuroid"].values,
                "informative": ("unit", latents["informative"].values),
            },
        )
        return self.make_score(
            model, dataset, value=float(best.mean()), error=0.1, error_over="neurons",
            beside={"spread": float(best.std())}, data=data,
        )

    def resampling(self, statistic="", scores=()):
        def terms(score):
            return NeuronStatistic.weighted_mean(score.data["neuroid"].values, score.data["strength"].values)

        return Resampling(self.find_statistic(statistic), from_score=terms)


class Painter:
    """The true factors with noise, and a decoder."""

    def __init__(self, identifier, noise, seed):
        self.identifier, self.fingerprint, self.noise, self.seed = identifier, identifier, noise, seed

    def latents(self, stimuli):
        factors = na.load_dataset("toy").factors.loc[stimuli.ids].to_numpy()
        values = factors + self.noise * np.random.default_rng(self.seed).standard_normal(factors.shape)
        return na.arrays.latents(values, stimulus=stimuli.ids, unit=list("wxyz"), kl=[1.0, 2.0, 3.0, 4.0])

    def decode(self, latents):
        return np.clip(0.5 + latents.values.reshape(-1, 2, 2) / 8, 0, 1).astype(np.float32)


class Painters(ModelFamily):
    identifier = "painters"
    noise = 0.3

    def grid(self, dataset=None):
        return [{"seed": seed} for seed in range(3)]

    def instance(self, dataset=None, **options):
        return Painter(self.instance_identifier(**options), self.noise, options["seed"])


@na.register_model("painters")
class First(Painters):
    pass


@na.register_model("own_ceiling")
class Second(Painters):
    identifier = "own_ceiling"
    noise = 0.1
    is_ceiling = True


def call(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(list(arguments))
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


folder = sys.argv[1]
print(json.dumps({
    "score": call("score", "painters", "toy", "-b", "strength"),
    "score_ceiling": call("score", "own_ceiling", "toy", "-b", "strength"),
    "leaderboard": call("leaderboard", "toy"),
    "latex": call("leaderboard", "toy", "--format", "latex"),
    "site": call("leaderboard", "toy", "--html", folder + "/site"),
    "compare": call(
        "compare", "painters", "own_ceiling", "toy", "-b", "strength", "--neurons", "50", "--ceiling", "own_ceiling"
    ),
    "figures": call("figures", "toy", "-b", "strength", "--ceiling", "own_ceiling", "-o", folder + "/figures"),
}))
'''


@pytest.fixture(scope="module")
def outputs(dataset_factory, tmp_path_factory):
    folder = tmp_path_factory.mktemp("third_party")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROALIGN_HOME", str(folder / "home"))
        write_folder(dataset_factory(), datasets_folder() / "toy")
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(folder)], capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_every_command_succeeds(outputs):
    _, printed = outputs
    assert {name: (output["code"], output["err"]) for name, output in printed.items() if output["code"]} == {}


def test_tables_of_scores_have_the_symbol_and_the_numbers(outputs):
    _, printed = outputs
    text = printed["score"]["out"]
    assert "painters, 3 instances, on single (simulated neurons)" in text
    assert "\nstrength (± is the standard error over neurons)\n" in text
    heading = next(line for line in text.splitlines() if line.split()[-2:] == ["S", "spread"])
    assert heading.startswith(" ")


def test_leaderboards_rank_both_families(outputs):
    _, printed = outputs
    lines = printed["leaderboard"]["out"].splitlines()
    families = [line.split()[0] for line in lines if line.startswith(("painters", "own_ceiling"))]
    assert families[:2] == ["own_ceiling", "painters"]
    assert r"own\_ceiling & 3" in printed["latex"]["out"]


def test_the_site_has_pages_of_both_families(outputs):
    folder, _ = outputs
    names = sorted(path.name.rpartition("-")[0] for path in (folder / "site" / "families").iterdir())
    assert names == ["own-ceiling", "painters"]
    assert "spread of the strengths" in (folder / "site" / "index.html").read_text("utf-8")


def test_comparisons_name_the_scores(outputs):
    _, printed = outputs
    text = printed["compare"]["out"]
    assert text.startswith("painters against own_ceiling on single (simulated neurons), by strength\n")
    assert "own_ceiling scores higher than painters by " in text


def test_figures_are_drawn_from_the_declared_arrays(outputs):
    folder, printed = outputs
    assert {path.stem for path in (folder / "figures").iterdir()} == {
        "scores_strength",
        "neurons_strength",
        *(f"{kind}_{family}" for kind in ("udr", "units_by_neurons", "traversals") for family in FAMILIES),
        "decoded_faces",
    }
    assert printed["figures"]["err"] == ""
    # The family that declares itself the ceiling is drawn as a bound, not as a row.
    assert (folder / "figures" / "scores_strength.svg").read_text("utf-8").count("own_ceiling") == 1


FAMILIES = ("painters", "own_ceiling")
