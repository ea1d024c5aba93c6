import csv
import io
import json
import shlex

import pytest

from neuroalign.cli import run
from neuroalign.datasets.folder import write_folder
from neuroalign.results.store import ResultsStore
from neuroalign.testing import make_dataset


@pytest.fixture
def toy(tmp_path):
    folder = tmp_path / "toy"
    write_folder(make_dataset(n_stimuli=36, n_neurons=4, seed=3), folder)
    return str(folder)


@pytest.fixture
def network_file(tmp_path):
    file = tmp_path / "networks.py"
    file.write_text(
        "import torch\n"
        "import neuroalign as na\n"
        "torch.manual_seed(0)\n"
        "layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 2, 3)]\n"
        "net = na.as_model(torch.nn.Sequential(*layers), pool='mean', identifier='net')\n"
    )
    return str(file)


def test_the_layer_of_a_network_is_chosen_inside_the_folds(toy, network_file, capsys):
    command = ["score", f"{network_file}:net@*", toy, "-b", "linear[n_folds=3,n_permutations=5]"]
    assert run([*command, "--choose-layer", "--json"]) == 0
    (choice,) = json.loads(capsys.readouterr().out)["choices"]
    assert choice["score"]["model"] == "choose_layer[among=net@*]"
    assert [row["layer"] for row in choice["layers"]] == ["net@0", "net@1", "net@2"]
    assert choice["failures"] == {"(output)": "has the same values as 2"}
    for fold in choice["folds"]:
        inner = {layer: scores["all neurons"] for layer, scores in fold["inner_scores"].items()}
        assert fold["chosen"]["all neurons"] == max(inner, key=inner.get)
        assert fold["n_stimuli"] == 12

    # The ordinary scores are the scores of the sweep, under the same keys.
    stored = {score.model: score.value for score in ResultsStore().scores()}
    assert run([*command, "--json"]) == 0
    swept = {row["model"]: row["score"]["value"] for row in json.loads(capsys.readouterr().out)["rows"]}
    assert {name: stored[name] for name in swept} == swept
    assert choice["naive_maximum"] == max(swept.values())
    assert len(list(ResultsStore().scores())) == 4

    assert run([*command, "--choose-layer"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines if line[:1] in ("1", "2", "3")]
    names = {"net@0": "0", "net@1": "1", "net@2": "2"}
    assert [row[2] for row in rows] == [names[fold["chosen"]["all neurons"]] for fold in choice["folds"]]


def test_several_models_are_candidates_and_each_neuron_may_have_one(toy, capsys):
    models = ["pca[n=2]", "pca[n=3]"]
    command = ["score", *models, toy, "-b", "linear[n_folds=3]", "--choose-layer"]
    assert run([*command, "--by", "neuroid_id", "--json"]) == 0
    (choice,) = json.loads(capsys.readouterr().out)["choices"]
    assert [group["group"] for group in choice["groups"]] == [f"neuroid_id=n0{place}" for place in range(4)]
    assert sum(layer["n_chosen"] for layer in choice["layers"]) == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-b", "rsa"], "needs a benchmark with held-out predictions of each fold, got rsa; take one of"),
        ([], "--choose-layer must go with --benchmark; take one of banded_ridge, linear"),
        (
            ["-b", "ridge[seed=3]", "--windows", "bins", "--by", "region"],
            "choose a layer in one window: neuroalign score 'pca[n=2]' 'pca[n=3]' 'TOY[window=START:END]' -b "
            "'ridge[seed=3]' --choose-layer --by region",
        ),
        (
            ["-b", "ridge", "--also", "pca[n=4]"],
            "write neuroalign score 'pca[n=2]' 'pca[n=3]' 'pca[n=4]' TOY -b ridge --choose-layer",
        ),
        (
            ["-b", "ridge", "--common-units", "2", "--seed", "5"],
            "draw units by a reducer: neuroalign score 'pca[n=2]+subsample[n=2,seed=5]' "
            "'pca[n=3]+subsample[n=2,seed=5]' TOY -b ridge --choose-layer",
        ),
        (["-b", "ridge", "--csv", "--json"], "--json and --csv must not both be given"),
        (
            ["-b", "ridge", "--figure", "a.gif"],
            "the name of a figure must end in .svg, .pdf, .png, got 'a.gif'",
        ),
        (["-b", "one_to_one", "--by", "region"], "one_to_one matches all neurons together"),
        (["-b", "ridge", "--available"], "--available must go with a collection"),
    ],
)
def test_faults_take_one_line(toy, capsys, arguments, message):
    assert run(["score", "pca[n=2]", "pca[n=3]", toy, "--choose-layer", *arguments]) != 0
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line.replace(toy, "TOY")


def test_a_collection_names_the_command_for_one_of_its_datasets(toy, capsys):
    words = ["pca[n=2]", "pca[n=3]", f"{toy}[region=*]", "-b", "linear[n_folds=3]", "--choose-layer"]
    assert run(["score", *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    named = shlex.split(line.partition("in each of its datasets: ")[2])
    assert named[:4] == ["neuroalign", "score", "pca[n=2]", "pca[n=3]"]
    assert named[4].startswith(f"{toy}[region=")
    assert run([*named[1:], "--csv"]) == 0


def test_the_choice_as_csv_and_as_a_figure(toy, network_file, tmp_path, capsys):
    figure = tmp_path / "choice.svg"
    command = [
        "score",
        f"{network_file}:net@*",
        toy,
        "-b",
        "linear[n_folds=3,n_permutations=5]",
        "--choose-layer",
    ]
    assert run([*command, "--csv", "--figure", str(figure)]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert run([*command, "--json"]) == 0
    (choice,) = json.loads(capsys.readouterr().out)["choices"]
    assert [(row["fold"], row["layer"]) for row in rows] == [
        (str(fold), layer) for fold in (1, 2, 3) for layer in ("net@0", "net@1", "net@2")
    ]
    for row in rows:
        fold = choice["folds"][int(row["fold"]) - 1]
        assert float(row["inner_score"]) == fold["inner_scores"][row["layer"]]["all neurons"]
        assert (row["is_chosen"] == "True") == (row["layer"] == fold["chosen"]["all neurons"])
    assert float(rows[0]["score"]) == pytest.approx(choice["score"]["value"])
    text = figure.read_text()
    assert "chosen, with the number of folds" in text
    assert "choose_layer[among=" in text
