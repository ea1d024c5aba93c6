import shutil
from dataclasses import replace

import numpy as np
import pytest

from neuroalign import arrays
from neuroalign.comparison.leaderboard import leaderboard
from neuroalign.errors import NeuroalignError, NeuroalignWarning, UnknownNameError
from neuroalign.models.loading import load_model
from neuroalign.models.model import FixedFamily
from neuroalign.names.registry import models
from neuroalign.reporting.figures.gathering import gather_figures
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.evaluate import score_all


class Painter:
    """The true factors, turned by a seed, with a decoder that paints them."""

    def __init__(self, dataset, *, beta, seed):
        self.identifier = f"painter[beta={beta},seed={seed}]"
        self.fingerprint = f"painter {beta} {seed}"
        noise = np.random.default_rng([beta, seed]).standard_normal((4, 4))
        turn, _ = np.linalg.qr(np.eye(4) + 0.5 / beta * noise)
        self._latents = arrays.latents(
            dataset.factors.to_numpy() @ turn,
            stimulus=dataset.stimuli.ids,
            unit=list("wxyz"),
            kl=[1.0, 2.0, 3.0, 0.5],
        )

    def latents(self, stimuli):
        return self._latents.sel(stimulus=stimuli.ids)

    def decode(self, latents):
        return np.clip(0.5 + latents.values.reshape(-1, 2, 2) / 8, 0, 1).astype(np.float32)


class PainterFamily(FixedFamily):
    """Instances by beta and seed."""

    def __init__(self, members):
        super().__init__("painter", members)

    def instance(self, dataset=None, **options):
        name = f"painter[beta={options['beta']},seed={options['seed']}]"
        return next(item for item in self._members if item.identifier == name)

    def instances(self, dataset=None):
        return self._members


def gathered(dataset, **options):
    figures = list(gather_figures(dataset, **options))
    return (
        {figure.name: figure.axes for figure in figures if figure.axes is not None},
        {figure.name: figure.reason for figure in figures if figure.axes is None},
    )


DECODING = "decoding[n_permutations=2]"
BENCHMARKS = [
    "alignment[n_folds=3,n_lambdas=20]",
    "variance_explained[n_folds=3,n_lambdas=20]",
    "correlation_ratio[n_permutations=2]",
    DECODING,
    "linear_recombination[benchmark=correlation_ratio,n_draws=2]",
]


@pytest.fixture(scope="module")
def toy(tmp_path_factory, dataset_factory):
    """A dataset, four painters of it, and the folder with the scores of the painters and of two subsets of neurons."""
    dataset = dataset_factory()
    family = PainterFamily([Painter(dataset, beta=beta, seed=seed) for beta in (1, 4) for seed in (0, 1)])
    folder = tmp_path_factory.mktemp("scored")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROALIGN_HOME", str(folder))
        score_all(family, dataset, BENCHMARKS)
        subsets = [load_model(f"neuron_subset[n=4,seed={seed}]", dataset=dataset) for seed in (0, 1)]
        score_all(FixedFamily("neuron_subset", subsets), dataset, BENCHMARKS)
    return dataset, family, folder


@pytest.fixture
def scored(toy, neuroalign_home):
    """The dataset, with a copy of its scores as the store, and the painters registered."""
    dataset, family, folder = toy
    shutil.copytree(folder, neuroalign_home, dirs_exist_ok=True)
    with models.registered("painter", family):
        yield dataset


DRAWN = {
    "scores_alignment",
    "neurons_alignment",
    "scores_variance_explained",
    "neurons_variance_explained",
    "scores_correlation_ratio",
    "neurons_correlation_ratio",
    "unit_proportion_correlation_ratio",
    "scores_decoding",
    "native_and_recombined_linear_recombination",
    "udr_painter",
    "units_by_neurons_painter",
    "units_by_neurons_neuron_subset",
    "traversals_painter",
    "decoded_faces",
}


@pytest.mark.slow
def test_every_kind_of_figure(scored):
    drawn, left_out = gathered(scored, benchmarks=BENCHMARKS)
    assert {name.partition("[")[0] for name in drawn} == DRAWN
    assert left_out == {
        "udr_neuron_subset": "its units have no prior from which to diverge, which UDR needs",
        "decoded_faces of neuron_subset": f"{_best_subset()} has no decoder",
        "traversals_neuron_subset": f"{_best_subset()} has no decoder",
    }
    named = {name.partition("[")[0]: axes for name, axes in drawn.items()}
    # Subsets of neurons are the ceiling, but where the scores have one of their own.
    assert [text.get_text() for text in named["scores_alignment"].get_yticklabels()] == ["painter\n(n = 4)"]
    assert len(named["scores_variance_explained"].get_yticklabels()) == 2
    assert len(named["udr_painter"].collections[0].get_offsets()) == 4
    assert "within β" in named["udr_painter"].texts[0].get_text()
    assert len(named["decoded_faces"].images) == 3 * 8
    assert [text.get_text() for text in named["traversals_painter"].get_yticklabels()] == [
        "unit y",
        "unit x",
        "unit w",
        "unit z",
    ]
    for axes in drawn.values():
        assert "single, simulated neurons" in axes.get_title(loc="left")


def _best_subset():
    scores = [
        instance
        for instance in ResultsStore().scores()
        if instance.benchmark == "decoding" and instance.family != "painter"
    ]
    return min(scores, key=lambda score: score.value).model


@pytest.mark.slow
def test_scores_have_the_arrays_that_their_benchmarks_declare(scored):
    store = ResultsStore()
    declaring = set()
    for key, score in store.items():
        arrays = load_benchmark(score.benchmark).arrays
        data = store.load(key).data
        assert {name: data[name].dims for name in arrays} == dict(arrays)
        declaring |= {score.benchmark} if arrays else set()
    assert declaring == {"alignment", "decoding", "variance_explained"}


def test_labels_of_traversals_name_factor_and_neuron(scored):
    drawn, _ = gathered(scored, benchmarks=[DECODING], models=["painter[beta=4,seed=0]"])
    store = ResultsStore()
    (key,) = [
        key
        for key, score in store.items()
        if (score.benchmark, score.model) == ("decoding", "painter[beta=4,seed=0]")
    ]
    matched = store.load(key).data
    latents = models.get("painter").instance(beta=4, seed=0).latents(scored.stimuli)
    texts = [text.get_text().split("\n") for text in drawn["traversals_painter"].texts]
    for unit, (factor, neuron) in zip("yxwz", texts, strict=True):
        r = scored.factors.apply(
            lambda column, unit=unit: abs(np.corrcoef(column, latents.sel(unit=unit))[0, 1])
        )
        assert factor == f"{r.idxmax().replace('_', ' ')}, |r| = {r.max():.2f}"
        pair = matched.sel(matched_unit=unit)
        assert neuron == f"{pair['matched_neuroid'].item()}, r = {pair['correlation'].item():.2f}"


def test_models_that_are_asked_for(scored):
    drawn, left_out = gathered(scored, benchmarks=BENCHMARKS[:1], models=["painter"])
    assert {name.partition("[")[0] for name in drawn} == {
        "scores_alignment",
        "neurons_alignment",
        "udr_painter",
        "units_by_neurons_painter",
    }
    assert left_out == {
        "decoded_faces": "no stored score has predicted latents; neuroalign score MODEL DATASET -b decoding computes "
        "them"
    }
    with pytest.raises(UnknownNameError, match="no scored model is called 'paintre'; did you mean painter"):
        gathered(scored, benchmarks=BENCHMARKS[:1], models=["paintre"])


def test_instances_that_are_named_for_a_benchmark(scored):
    alignment = load_benchmark(BENCHMARKS[0])
    names = {f"painter[beta=4,seed={seed}]" for seed in (0, 1)}
    drawn, _ = gathered(scored, benchmarks={alignment: names}, models=sorted(names), with_udr=False)
    assert not [name for name in drawn if name.startswith("udr")]
    by_index, by_value = [axes for name, axes in drawn.items() if name.startswith("scores_alignment")]
    for axes, label in ((by_index, "axis index κ"), (by_value, "alignment")):
        assert axes.get_xlabel() == label
        assert [name.get_text() for name in axes.get_yticklabels()] == ["painter\n(n = 2)"]
    nobody, _ = gathered(scored, benchmarks={alignment: set()}, models=sorted(names))
    assert nobody == {}


def test_nothing_scored(dataset):
    with pytest.raises(
        NeuroalignError, match="nothing has been scored on single yet; try: neuroalign score MODEL"
    ):
        gathered(dataset)
    with pytest.raises(UnknownNameError, match="alignmen"):
        gathered(dataset, benchmarks=["alignmen"])


def test_instances_scored_alone_are_not_shown_twice(scored):
    family = models.get("painter")
    score_all(family.instance(beta=4, seed=0), scored, BENCHMARKS[:1])
    drawn, _ = gathered(scored, benchmarks=BENCHMARKS[:1])
    assert (
        sum(instance.model == "painter[beta=4,seed=0]" for instance in ResultsStore().scores())
        == len(BENCHMARKS) + 1
    )
    assert {name.partition("_")[0] for name in drawn} == {"scores", "neurons", "udr", "units"}
    assert not [name for name in drawn if "painter[" in name]
    (axes,) = [axes for name, axes in drawn.items() if name.startswith("neurons")]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "neuron_subset (n = 2)",
        "painter (n = 4)",
    ]


@pytest.mark.slow
def test_a_record_runs_no_code_and_no_other_model(scored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text("open('ran', 'w').close()\nmodel = None\n")
    store = ResultsStore()
    for key, stored in [*store.items()]:
        if (stored.benchmark, stored.model) != ("decoding", "painter[beta=4,seed=0]"):
            continue
        score = store.load(key)
        for model, family in [("evil.py:model", "evil"), ("timm:resnet18@fc", "net")]:
            store.save(f"{family}{key}", replace(score, model=model, family=family))
        changed = {**score.provenance, "model_fingerprint": "of another"}
        store.save(f"zz{key}", replace(score, family="forged", provenance=changed))
    _, left_out = gathered(scored, benchmarks=BENCHMARKS)
    assert (
        left_out["traversals_evil"]
        == "evil.py:model is not a registered model, so it is not loaded from a record"
    )
    assert "timm:resnet18@fc is not a registered model" in left_out["traversals_net"]
    assert "is not the model that was scored under this name; score it again" in left_out["traversals_forged"]
    assert not (tmp_path / "ran").exists()


def test_a_decoder_that_fails_loses_no_other_figure(scored, monkeypatch):
    def fail(self, latents):
        raise RuntimeError("out of\npaint")

    monkeypatch.setattr(Painter, "decode", fail)
    drawn, left_out = gathered(scored, benchmarks=[DECODING])
    assert left_out["traversals_painter"].startswith(
        "the images cannot be decoded: RuntimeError: out of paint (test_gathering.py, line "
    )
    assert "decoded_faces" not in drawn
    assert list(drawn) == [
        "scores_decoding[n_permutations=2]_axis_index",
        "scores_decoding[n_permutations=2]",
    ]


def test_arrays_that_cannot_be_read(scored):
    for path in ResultsStore().folder.rglob("*.nc"):
        path.write_bytes(b"damaged")
    with pytest.warns(NeuroalignWarning, match="unreadable"):
        drawn, left_out = gathered(scored, benchmarks=BENCHMARKS[:1])
    assert [name.partition("[")[0] for name in drawn] == [
        "scores_alignment",
        "scores_alignment",
        "udr_painter",
    ]
    assert left_out["units_by_neurons_painter"] == "the arrays of its scores cannot be read"


def test_figures_have_the_intervals_of_leaderboards(scored):
    drawn, _ = gathered(scored, benchmarks=BENCHMARKS[:1])
    (axes,) = [axes for name, axes in drawn.items() if name.endswith("axis_index")]
    table = leaderboard(scored, BENCHMARKS[0]).set_index("family")
    (interval,) = [line for line in axes.lines if line.get_label() == "interval"]
    np.testing.assert_allclose(
        interval.get_xdata(), table.loc["painter", ["ci_low", "ci_high"]].to_numpy(float)
    )
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert f"mean, 95 % CI over {table.loc['painter', 'interval_over']}" in labels
