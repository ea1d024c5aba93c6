"""Scores of other laboratories neither replace scores that were computed here nor pass for them."""

import json
import math
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import neuroalign
from neuroalign.cli import run
from neuroalign.comparison.leaderboard import leaderboard
from neuroalign.comparison.score_groups import group_scores
from neuroalign.datasets.catalogue import datasets_folder, load_dataset
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.errors import NeuroalignWarning
from neuroalign.reporting.site.writing import write_site
from neuroalign.results.store import ResultsStore, score_key
from neuroalign.scoring.benchmark import load_benchmark, registered_benchmarks
from neuroalign.scoring.imported import import_results
from neuroalign.testing import make_dataset

BENCHMARK = "variance_explained[n_lambdas=10]"


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    simulated = make_dataset("cells", n_stimuli=24, n_neurons=4, n_factors=2, image_size=6)
    folder = tmp_path_factory.mktemp("recorded") / "cells"
    write_folder(replace(simulated, simulated=False, truth=None), folder)
    return read_folder(folder)


@pytest.fixture
def dataset(cells):
    write_folder(cells, datasets_folder() / "cells")
    return load_dataset("cells")


@pytest.fixture(scope="module")
def computed(cells):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return neuroalign.score("pca[n=2]", cells, BENCHMARK, use_cache=False)


@pytest.fixture
def ours(dataset, computed):
    """Store the score of a PCA as a score that was computed here, and return it with its key."""
    key = key_of(computed)
    ResultsStore().save(key, computed)
    return key, ResultsStore().load(key)


def key_of(score):
    provenance = score.provenance
    return score_key(
        model=score.model,
        family=score.family,
        identity=provenance["identity"],
        decoder=None,
        dataset=score.dataset,
        dataset_hash=provenance["dataset_hash"],
        benchmark=score.benchmark,
        benchmark_version=score.benchmark_version,
        options=score.options,
        join=provenance["join"],
    )


@pytest.fixture
def send(tmp_path):
    """Import a score as another laboratory would send it, and return the report."""

    def send(score, **provenance):
        score = replace(score, provenance={**score.provenance, **provenance})
        theirs = ResultsStore(tmp_path / "theirs")
        theirs.save(key_of(score), score)
        return import_results(theirs.folder)

    return send


def shifted(score, by):
    """Return a score of other neurons with consistent arrays."""
    values = score.data["variance_explained"] + by
    return replace(
        score, value=score.value + by, data=score.data.assign(variance_explained=values), beside={}
    )


def test_a_key_is_the_digest_of_the_identity(ours):
    key, score = ours
    assert key == key_of(score)
    assert score.provenance["identified_by"] == "fingerprint"


def test_a_later_score_of_our_model_gets_a_row_of_its_own(dataset, ours, send):
    _, score = ours
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    report = send(shifted(score, 0.01), identity="a" * 64, created=later)
    assert len(report.imported) == 1
    table = leaderboard(dataset, BENCHMARK)
    rows = dict(zip(table["family"], table["mean"], strict=True))
    assert rows == {
        "pca[n=2]": pytest.approx(score.value),
        "pca[n=2] (imported from theirs)": pytest.approx(score.value + 0.01),
    }


def test_a_family_with_our_model_does_not_hide_our_row(dataset, ours, send):
    _, score = ours
    assert len(send(replace(score, family="zz")).imported) == 1
    assert set(leaderboard(dataset, BENCHMARK)["family"]) == {"pca[n=2]", "zz (imported from theirs)"}


def test_an_imported_score_under_our_key_is_never_printed_as_ours(dataset, ours, send):
    key, score = ours
    other = shifted(score, 0.01)
    (ResultsStore().folder / key[:2] / f"{key}.json").unlink()
    assert len(send(other).imported) == 1
    with pytest.warns(
        NeuroalignWarning,
        match=rf"^pca\[n=2\] on cells by variance_explained differs from the score that was imported from theirs: "
        rf"the new one is {score.value:.6g}, the stored one {other.value:.6g}$",
    ):
        again = neuroalign.score("pca[n=2]", dataset, BENCHMARK)
    assert again.value == score.value
    assert ResultsStore().load_own(key).value == score.value
    # Only our row is left, since both have one key.
    assert leaderboard(dataset, BENCHMARK)["family"].tolist() == ["pca[n=2]"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": 57.0}, "value of variance_explained must be between -inf and 1, got 57"),
        ({"null": -3.0, "value": 1.5}, "must be between -inf and 1, got 1.5"),
        ({"value": 0.99999, "error": 0.0}, "as its arrays give, got 0.99999"),
        ({"error": 1e-9}, "as its arrays give, got 1e-09"),
        ({"higher_is_better": False}, "higher_is_better must be true"),
    ],
)
def test_numbers_that_do_not_follow_from_the_arrays_are_refused(ours, send, change, reason):
    report = send(replace(ours[1], **change), identity="b" * 64)
    assert report.imported == []
    assert reason in next(iter(report.refused.values()))


def test_scores_of_an_earlier_version_follow_from_their_arrays_too(ours, send):
    _, score = ours
    before = replace(score, benchmark_version=score.benchmark_version - 1)
    for change in ({"value": score.value + 0.01}, {"error": score.error / 2}):
        [reason] = send(replace(before, **change), identity="b" * 64).refused.values()
        assert ", as its arrays give, got " in reason
    assert len(send(before, identity="c" * 64).imported) == 1
    # Nothing is known of the arrays of a version before recomputes_since.
    oldest = replace(score, benchmark_version=0, value=score.value + 0.01)
    assert len(send(oldest, identity="d" * 64).imported) == 1


def test_bounds_depend_on_the_options_of_a_benchmark():
    def limits(name):
        return load_benchmark(name).limits()

    assert limits("alignment") == (0, 1)
    assert limits("alignment[n_units=3]") == (-math.inf, 1)
    assert limits("linear_recombination[benchmark=correlation_ratio]") == (-1, 1)
    assert limits("linear_recombination[benchmark=variance_explained]") == (-math.inf, math.inf)
    assert limits("stimulus_bootstrap[benchmark=cka]") == (-1, 1)
    assert limits("stimulus_bootstrap[benchmark=alignment,statistic=axis_index]") == (-math.inf, math.inf)
    assert limits("factor_disentanglement[metric=mig]") == (0, 1)
    assert limits("factor_disentanglement[metric=explicitness]") == (-math.inf, 1)


def test_only_benchmarks_of_benchmarks_are_unbounded():
    unbounded = {
        benchmark.identifier
        for benchmark in registered_benchmarks()
        if benchmark.bounds == (-math.inf, math.inf)
    }
    assert unbounded == {"linear_recombination", "stimulus_bootstrap"}


def test_an_imported_score_outside_the_bounds_of_its_options_is_refused(ours, send):
    _, score = ours
    benchmark = load_benchmark("linear_recombination[benchmark=one_to_one]")
    forged = replace(
        score,
        benchmark=benchmark.identifier,
        benchmark_version=benchmark.version,
        options=benchmark.options(),
        value=2.5,
        null=0.0,
        ceiling=float("nan"),
        beside={},
    )
    [reason] = send(forged, identity="b" * 64).refused.values()
    assert reason == "value of linear_recombination must be between -2 and 2, got 2.5"


def test_arrays_of_another_kind_are_refused(ours, send):
    _, score = ours
    report = send(replace(score, data=score.data.drop_vars("variance_explained")), identity="b" * 64)
    [message] = report.refused.values()
    assert message.startswith("its arrays must be arrays of variance_explained, got ")


def test_a_recorded_dataset_is_not_simulated_and_the_reverse(ours, send, dataset, cells):
    _, score = ours
    [reason] = send(score, simulated=True, identity="b" * 64).refused.values()
    assert reason == "simulated must be false: the dataset is recorded here"
    # The content of the dataset counts under every name.
    [*_, reason] = send(replace(score, dataset="x"), simulated=True, identity="c" * 64).refused.values()
    assert reason == "simulated must be false: the dataset is recorded here"
    write_folder(replace(cells, simulated=True), datasets_folder() / "toy")
    other = load_dataset("toy")
    other = replace(other, identifier="own", recording=other.recording + 1)
    write_folder(other, datasets_folder() / "own")
    content = load_dataset("own").content_hash
    reasons = send(replace(score, dataset="y"), identity="f" * 64, dataset_hash=content).refused.values()
    assert "simulated must be true: the dataset is simulated here" in reasons
    reasons = send(replace(score, dataset="toy"), identity="d" * 64, dataset_hash="e" * 64).refused.values()
    assert "simulated must be true: the dataset is simulated here" in reasons


def test_the_version_of_a_foreign_score_does_not_count(dataset, ours):
    key, score = ours
    unknown = replace(score, benchmark="gone")
    foreign = replace(
        unknown,
        benchmark_version=1_000_000,
        higher_is_better=False,
        provenance={**score.provenance, "imported": {"from": "lab"}},
    )
    groups = group_scores([("a" * 64, foreign), (key, unknown)], dataset)
    [group] = [group for group in groups if group.benchmark == "gone"]
    assert (group.benchmark_version, group.higher_is_better) == (score.benchmark_version, True)
    assert list(group.families) == ["pca[n=2]"]


def test_a_score_that_an_earlier_version_imported_is_not_ours(dataset, ours):
    key, score = ours
    store = ResultsStore()
    store.save(
        key, replace(score, provenance={**score.provenance, "imported": {"from": "lab", "at": "then"}})
    )
    assert store.load_own(key) is None
    assert leaderboard(dataset, BENCHMARK)["family"].tolist() == ["pca[n=2] (imported from lab)"]


def test_every_output_marks_imported_rows(dataset, ours, send, capsys, tmp_path):
    _, score = ours
    send(replace(score, model="other", family="other"), identity="f" * 64)
    mark = "other (imported from theirs)"
    for kind in ("table", "markdown", "latex", "csv", "json"):
        assert run(["leaderboard", "cells", "-b", BENCHMARK, "--format", kind]) == 0
        output = " ".join(capsys.readouterr().out.replace("│", " ").split())
        assert "imported from" in output, kind
        if kind == "json":
            assert mark in json.dumps(json.loads(output))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_site(tmp_path / "site", dataset, [BENCHMARK])
    pages = [path.read_text() for path in (tmp_path / "site").rglob("*.html")]
    assert any(mark in page for page in pages)
