"""The command ``neuroalign leaderboard`` with several datasets, collections and board files."""

import csv
import io
import json
from dataclasses import replace

import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import datasets_folder
from neuroalign.datasets.folder import write_folder
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_dataset, make_score

BENCHMARK = "variance_explained"


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Make two simulated recordings and a recorded one, with scores of two families."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROALIGN_HOME", str(home))
        store = ResultsStore()
        for seed, (name, simulated) in enumerate({"one": True, "two": True, "real": False}.items()):
            dataset = make_dataset(name, n_stimuli=20, n_neurons=4, images=False, seed=seed)
            dataset = replace(dataset, simulated=simulated)
            write_folder(dataset, datasets_folder() / name)
            for place, family in enumerate(("pca", "ica")):
                values = {f"n0{neuron}": 0.1 * neuron + 0.2 * place + 0.05 * seed for neuron in range(4)}
                score = make_score(
                    model=f"{family}[n=5]",
                    family=family,
                    dataset=dataset,
                    benchmark=load_benchmark(BENCHMARK),
                    per_neuron=values,
                )
                store.save(f"{seed}{place}00", score)
    return home


@pytest.fixture(autouse=True)
def _home(stored, monkeypatch):
    monkeypatch.setenv("NEUROALIGN_HOME", str(stored))


def test_several_datasets(capsys):
    assert run(["leaderboard", "one", "two", "-b", BENCHMARK]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"2 datasets (simulated neurons): {BENCHMARK} version 3"
    rows = [line.split() for line in lines if line.startswith(("pca", "ica"))]
    # Means over neurons are 0.15 + 0.2 (ica) and, on two, + 0.05.
    assert [[row[0], row[1], row[5], *row[-2:]] for row in rows] == [
        ["ica", "1", "0.375", "0.350", "0.400"],
        ["pca", "2", "0.175", "0.150", "0.200"],
    ]


def test_one_dataset_without_options_is_the_table_of_one_dataset(capsys):
    assert run(["leaderboard", "one", "-b", BENCHMARK]) == 0
    alone = capsys.readouterr().out
    assert alone.startswith(f"one (simulated neurons): {BENCHMARK} version 3\n\n")
    assert "letters" in alone or "SE over" in alone
    assert run(["leaderboard", "one", "-b", BENCHMARK, "--over", "neurons"]) == 0
    assert "95 % of" in capsys.readouterr().out


def test_a_board_file(tmp_path, capsys):
    path = tmp_path / "mine.toml"
    path.write_text(
        f'title = "My board"\ndatasets = ["one", "two"]\nbenchmarks = ["{BENCHMARK}"]\nmodels = ["ica"]\n'
        'over = "neurons"\nresamples = 200\nseed = 3\n',
        encoding="utf-8",
    )
    assert run(["leaderboard", str(path), "--json"]) == 0
    (board,) = json.loads(capsys.readouterr().out)["boards"]
    assert (board["title"], board["board"]) == ("My board", "mine")
    assert (board["over"], board["n_resamples"], board["seed"]) == ("neurons", 200, 3)
    assert [row["family"] for row in board["rows"]] == ["ica"]
    assert run(["leaderboard", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"My board (simulated neurons): {BENCHMARK} version 3")
    # An option takes the place of an entry.
    assert run(["leaderboard", str(path), "--json", "-m", "pca", "--over", "sessions"]) == 0
    (board,) = json.loads(capsys.readouterr().out)["boards"]
    assert [row["family"] for row in board["rows"]] == ["pca"]
    assert board["over"] == "sessions"
    # Beside another dataset, a file is a collection: one column.
    (tmp_path / "both.toml").write_text('datasets = ["one"]\n', encoding="utf-8")
    assert run(["leaderboard", str(tmp_path / "both.toml"), "two", "--json"]) == 0
    (board,) = json.loads(capsys.readouterr().out)["boards"]
    assert [dataset["name"] for dataset in board["datasets"]] == ["both", "two"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('benchmark = ["ridge"]', "no key is called 'benchmark'; did you mean benchmarks?"),
        ("seed = -1", "seed must be a whole number of at least 0, got -1"),
        ("resamples = 10", "resamples must be a whole number between 100 and 1,000,000, got 10"),
        ('mean = "some"', "mean must be all or available, got 'some'"),
        ("over_ceiling = 1", "over_ceiling must be true or false, got 1"),
    ],
)
def test_faults_of_a_board_file(tmp_path, capsys, entry, message):
    path = tmp_path / "board.toml"
    path.write_text(f'datasets = ["one", "two"]\n{entry}\n', encoding="utf-8")
    assert run(["leaderboard", str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith(f"neuroalign: {path}: ")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["one", "real"], "simulated and recorded neurons never share a table, got one (simulated) and real"),
        (["one", "one"], "the board has the dataset one twice; give it once"),
        (["one", "two", "--correction", "bh"], "--correction must go with one dataset or with --html"),
        (["one", "two", "-m", "icq"], "no scored family is called 'icq'; did you mean ica?"),
        (["one", "tow"], "did you mean two?"),
        (["cowley2023"], "12 of 12 datasets of cowley2023 are not added"),
        (["one", "two", "-b", "no_benchmark"], "no benchmark is called 'no_benchmark'"),
    ],
)
def test_wrong_calls(capsys, arguments, message):
    assert run(["leaderboard", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_nothing_scored(capsys):
    assert run(["leaderboard", "one", "two", "-b", "rsa"]) == 1
    assert "nothing has been scored on one, two by rsa yet; try: neuroalign score MODEL one" in (
        capsys.readouterr().err
    )


def test_csv_has_its_notes_on_standard_error(capsys):
    assert run(["leaderboard", "one", "two", "--format", "csv"]) == 0
    captured = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(captured.out)))
    assert [row["family"] for row in rows] == ["ica", "pca"]
    assert float(rows[0]["score: two"]) == pytest.approx(0.4)
    # Each recording is one animal and one session.
    assert rows[0]["drawn"] == "animals neurons"
    assert "neuroalign: note: Mean over the datasets, which count equally." in captured.err


def test_a_site(tmp_path, capsys):
    path = tmp_path / "mine.toml"
    path.write_text(
        f'title = "My board"\ndatasets = ["one", "two"]\nbenchmarks = ["{BENCHMARK}"]\nresamples = 200\n'
    )
    site = tmp_path / "site"
    assert run(["leaderboard", str(path), "--html", str(site), "--correction", "bh", "-m", "ica"]) == 0
    assert capsys.readouterr().out == f"written to {site}; open {site / 'index.html'}\n"
    page = (site / "index.html").read_text("utf-8")
    assert "<title>My board – neuroalign</title>" in page
    # The mean over the datasets of the family that is shown.
    assert '<td class="mean" data-sort="0.375">0.375</td>' in page
    assert "pca" not in page
    (leaderboard, _) = sorted(site.glob("on/*/index.html"))
    assert "Left out: 1 of families that are not on the board." in leaderboard.read_text("utf-8")
    assert run(["leaderboard", "one", "two", "-b", "rsa", "--html", str(tmp_path / "empty")]) == 1
    assert (
        "nothing has been scored on one, two by rsa yet; try: neuroalign score MODEL one"
        in capsys.readouterr().err
    )
    assert not (tmp_path / "empty").exists()


def test_info_lists_the_datasets_of_a_collection(tmp_path, capsys):
    assert run(["info", "cowley2023"]) == 0
    text = capsys.readouterr().out
    assert "cowley2023-190923 (not added)" in text
    assert "get them with: neuroalign data fetch cowley2023\n" in text
    path = tmp_path / "mine.toml"
    path.write_text('datasets = ["one", "two"]\n', encoding="utf-8")
    assert run(["info", str(path), "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described == {"collection": "mine", "n_datasets": 2, "datasets": ["one", "two"]}
