import json
import subprocess
import sys

import numpy as np
import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import datasets_folder
from neuroalign.datasets.folder import write_folder
from neuroalign.names.registry import benchmarks


@pytest.fixture
def added(dataset):
    """The toy dataset, in the user's folder."""
    write_folder(dataset, datasets_folder() / "toy")
    return "toy"


@pytest.fixture
def model_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def brightness(pixels):\n    return pixels.reshape(len(pixels), -1)[:, :3]\n")
    return f"{file}:brightness"


@pytest.fixture
def factors_file(tmp_path, dataset):
    """The true factors, used as a model through a Python file of the user's."""
    np.savez(tmp_path / "factors.npz", values=dataset.factors.to_numpy(), ids=dataset.stimuli.ids)
    file = tmp_path / "truth.py"
    file.write_text(
        "import numpy as np, xarray as xr\n"
        f"with np.load({str(tmp_path / 'factors.npz')!r}) as stored:\n"
        "    factors = xr.DataArray(stored['values'], dims=('stimulus', 'unit'), coords={'stimulus': stored['ids']})\n"
    )
    return f"{file}:factors"


def test_help_and_lists_are_quick_and_load_nothing_heavy():
    code = (
        "import sys, neuroalign\n"
        "from neuroalign.cli import cli, run\n"
        "commands = [[]] + [[name] for name in cli.list_commands(None)]\n"
        "found = {name: cli.get_command(None, name) for name in cli.list_commands(None)}\n"
        "commands += [[name, item] for name, group in found.items() for item in getattr(group, 'commands', ())]\n"
        "codes = {run([*command, '--help']) for command in commands}\n"
        "codes |= {run(['list', kind]) for kind in ('models', 'reducers', 'datasets', 'benchmarks')}\n"
        "heavy = {'torch', 'timm', 'matplotlib', 'numpy', 'xarray', 'pandas', 'scipy', 'sklearn'} & set(sys.modules)\n"
        "print(len(commands) > 20, codes, sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("\nTrue {0} []\n"), done.stdout + done.stderr


def test_summaries_of_commands_are_whole(capsys):
    for command in ([], ["data"], ["cache"], ["list"]):
        run([*command, "--help"])
        assert "..." not in capsys.readouterr().out.partition("Commands:")[2]


def test_score_prints_a_row_for_each_benchmark(added, factors_file, capsys):
    assert run(["score", factors_file, added, "-b", "alignment", "-b", "correlation_ratio"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("factors on single (simulated neurons)\n")
    rows = [line.split("  ")[0] for line in out.split("\n\n")[1].splitlines()[1:]]
    assert rows == ["variance explained", "alignment", "", "correlation ratio", ""]
    following = " ".join(out.partition("\nnext: ")[2].split())
    # The command takes the dataset as it was given here, also a folder.
    assert following == (
        f"neuroalign leaderboard {added} shows it beside other models; score with --each shows all numbers"
    )


def test_score_with_each_prints_a_block_for_each_benchmark(added, factors_file, capsys):
    assert run(["score", factors_file, added, "-b", "alignment", "-b", "correlation_ratio", "--each"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("factors on single (simulated neurons)\n")
    assert "\n\nalignment (± is the standard error over neurons)\n" in out
    assert "\n\ncorrelation_ratio (± is the standard error over neurons)\n" in out
    assert "\n  axis index κ " in out
    assert "\n  chance " in out


def test_one_benchmark_with_two_options_has_two_blocks(added, factors_file, capsys):
    benchmarks = ["-b", "alignment", "-b", "alignment[n_units=50]"]
    assert run(["score", factors_file, added, *benchmarks, "--each"]) == 0
    blocks = capsys.readouterr().out.split("\n\n")
    start = next(i for i, block in enumerate(blocks) if block.startswith("alignment[n_units=all]"))
    assert "units in the base of the logarithm (D)           4\n" in blocks[start + 1]
    assert blocks[start + 2].startswith("alignment[n_units=50]")
    assert "units in the base of the logarithm (D)           50\n" in blocks[start + 3]


def test_turns_of_the_axis_index(added, factors_file, capsys):
    by = ["-b", "alignment", "-b", "variance_explained"]
    assert run(["score", factors_file, added, *by, "--turns", "3", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["scores"]
    assert first["options"]["turns"] == 3
    # The native score is the best of four scores.
    assert first["beside"]["axis_index_p"] == 0.25
    assert first["cautions"] == []
    assert "turns" not in second["options"]
    assert run(["score", factors_file, added, "-b", "alignment", "--turns", "0"]) == 0
    out = capsys.readouterr().out
    assert "  no κ: turns = 0\n" in out
    assert run(["score", factors_file, added, "-b", "alignment", "--turns", "0", "--each"]) == 0
    out = capsys.readouterr().out
    assert "\nno axis index κ: turns = 0\n" in out
    assert "axis index κ  " not in out
    # An option of the benchmark is kept where the command does not say otherwise.
    assert run(["score", factors_file, added, "-b", "alignment[turns=2]", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"][0]["options"]["turns"] == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            ["-b", "alignment[turns=5]", "--turns", "9"],
            "--turns 9 and alignment[turns=5] differ; give the number of turns once",
        ),
        (
            ["-b", "variance_explained", "--turns", "9"],
            "--turns must go with a benchmark that has an axis index, got variance_explained",
        ),
        (
            ["-b", "alignment", "--turns", "1"],
            "turns must be 0 or at least 2, got 1: a single turn has no spread",
        ),
    ],
)
def test_turns_that_cannot_be(added, factors_file, capsys, options, expected):
    assert run(["score", factors_file, added, *options]) == 2
    assert expected in capsys.readouterr().err


def test_score_json_is_one_document_and_nothing_else(added, factors_file, capsys):
    assert run(["score", factors_file, added, "-b", "alignment", "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["simulated"] is True
    assert document["scores"][0]["value"] > 0.9
    assert captured.err == ""


def test_a_benchmark_that_takes_long_is_scored_only_where_it_is_named(added, factors_file, capsys):
    assert run(["score", factors_file, added, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    by_default = {instance["benchmark"] for instance in document["scores"] + document["failures"]}
    offered = {name for name, benchmark in benchmarks.items() if not benchmark.on_request}
    assert by_default == offered
    assert run(["score", factors_file, added, "-b", "stimulus_bootstrap[n_draws=2]", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"][0]["benchmark"] == "stimulus_bootstrap"


def test_second_time_comes_from_the_store(added, factors_file, capsys, monkeypatch):
    assert run(["score", factors_file, added, "-b", "alignment", "--json"]) == 0
    first = capsys.readouterr().out
    monkeypatch.setattr("neuroalign.benchmarks.alignment.lasso_cv", None)
    assert run(["score", factors_file, added, "-b", "alignment", "--json"]) == 0
    assert capsys.readouterr().out == first


@pytest.mark.slow
def test_leaderboard_formats(added, factors_file, model_file, capsys):
    for model in (factors_file, model_file):
        assert run(["score", model, added, "-b", "alignment[turns=0]"]) == 0
    capsys.readouterr()
    assert run(["leaderboard", added, "--json"]) == 0
    board = json.loads(capsys.readouterr().out)["leaderboards"][0]
    assert [row["family"] for row in board["rows"]] == ["factors", "brightness"]
    # The brightness explains nothing.
    assert board["rows"][1]["welch_p_raw"] is None
    assert board["rows"][1]["note"] == "no test: must not be interpreted"
    for style, expected in (
        ("table", "single (simulated neurons): alignment"),
        ("csv", "family,n,mean"),
        ("latex", "\\toprule"),
        ("markdown", "|"),
    ):
        assert run(["leaderboard", added, "--format", style]) == 0
        assert expected in capsys.readouterr().out


def test_leaderboard_where_one_of_two_is_empty(added, factors_file, capsys):
    assert run(["score", factors_file, added, "-b", "alignment"]) == 0
    capsys.readouterr()
    assert run(["leaderboard", added, "-b", "alignment", "-b", "decoding[turns=0]"]) == 0
    assert "decoding[turns=0] version 2, lower is better\n\nnothing scored yet" in capsys.readouterr().out


def test_leaderboard_of_nothing(added, capsys):
    assert run(["leaderboard", added]) == 1
    assert "nothing has been scored on single yet; try: neuroalign score MODEL toy" in capsys.readouterr().err
    assert run(["leaderboard", added, "-b", "alignment"]) == 1
    assert "nothing has been scored on single by alignment yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["scor"], "no command is called 'scor'; did you mean score?"),
        (["score", "beta_vea", "toy"], "no model is called 'beta_vea'; did you mean beta_vae?"),
        (["score", "pca", "AM-face-sim"], "no dataset is called 'AM-face-sim'; did you mean AM-faces-sim"),
        (["score", "pca[n=10", "toy"], "cannot read 'pca[n=10'"),
        (
            ["score", "pca", "AM-faces-sim", "-b", "alignmnt"],
            "no benchmark is called 'alignmnt'; did you mean alignment?",
        ),
        (
            ["score", "pca", "AM-faces-sim", "-b", "alignment[n_fold=3]"],
            "no option of alignment is called 'n_fold'; did you mean n_folds?",
        ),
        (
            ["score", "pca", "AM-faces-sim", "-b", "alignment[n_folds=many]"],
            "alignment: n_folds must be a whole number of at least 0, got 'many'",
        ),
        (["score", "pca", "/nowhere/at/all"], "/nowhere/at/all is not a dataset folder"),
        (["score", "nothing.py:model", "toy"], "the file nothing.py does not exist"),
        (["score", "nothing.py", "toy"], "say which model in nothing.py: nothing.py:NAME"),
        (["score", "timm:", "toy"], "'timm:' must have a name after the colon: timm:NAME"),
        (["score", "pca"], "Missing argument 'DATASET'"),
        (["score", "pca", "AM-faces-sim", "--jobs", "0"], "--jobs must be a positive number"),
        (["info", "algnment"], "did you mean alignment?"),
        (["list", "model"], "no list is called 'model'; did you mean models?"),
        (["list", "layers"], "Missing argument 'MODEL'"),
        (
            ["list", "layers", "pca[n=3]"],
            "pca[n=3] has no layers to choose from; name a network, such as timm:",
        ),
        (
            ["list", "layers", "neuron_subset", "--dataset", "toy"],
            ",seed=0] has no layers to choose from; name a network",
        ),
    ],
)
def test_wrong_calls_get_one_line_and_exit_code_2(added, args, message, capsys):
    assert run(args) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_failing_benchmark_does_not_lose_the_others(added, tmp_path, capsys):
    file = tmp_path / "single.py"
    file.write_text("def single(pixels):\n    return pixels.mean(axis=(1, 2))\n")
    assert run(["score", f"{file}:single", added, "-b", "alignment", "-b", "variance_explained"]) == 1
    captured = capsys.readouterr()
    assert "variance_explained" in captured.out
    assert "no alignment for single" in captured.err


def test_a_reason_is_given_once_for_all_that_it_holds_for(added, tmp_path, capsys):
    file = tmp_path / "broken.py"
    file.write_text("def broken(pixels):\n    return 1 / 0\n")
    assert run(["score", f"{file}:broken", added, "-b", "alignment", "-b", "variance_explained"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "neuroalign: no alignment, variance_explained for broken: the latents of broken cannot be computed: "
        "ZeroDivisionError: division by zero (broken.py, line 2)\n"
    )


def test_info_and_list(added, capsys):
    assert run(["info", added]) == 0
    assert "presentations per stimulus: 3 to 3" in capsys.readouterr().out
    assert run(["info", "alignment", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 2
    assert run(["info", "alignment[n_folds=3]"]) == 0
    assert "n_folds = 3" in capsys.readouterr().out
    assert run(["info", "variance_explained", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["question"] == "How much of the neurons do all units of the model explain together?"
    assert described["compares"] == "populations"
    assert described["ignores"].split(", ")[-2:] == ["constant units", "copies of units"]
    assert run(["info", "alignment[folds=3]"]) == 2
    capsys.readouterr()
    assert run(["info", "pca"]) == 0
    assert ":data:" not in capsys.readouterr().out
    assert run(["list", "datasets"]) == 0
    assert "toy" in capsys.readouterr().out


def test_info_and_list_of_reducers(capsys):
    assert run(["list", "reducers", "--json"]) == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out)["reducers"]]
    assert names == ["nmf", "pca", "sae", "srp", "subsample"]
    assert run(["info", "+pca", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["reducer"] == "+pca"
    assert described["options"] == ["n", "solver = 'exact'"]
    for name in ("srp", "+srp"):
        assert run(["info", name]) == 0
        assert capsys.readouterr().out.startswith(
            "reducer: +srp\noptions: n = None\n    eps = 0.1\n    seed = 0\n"
        )
    assert run(["info", "+srb"]) == 2
    assert "no reducer is called 'srb'; did you mean srp?" in capsys.readouterr().err


@pytest.mark.slow
def test_command_scores_a_group(added, capsys):
    # Some benchmarks of the group need more stimuli or other data: the others are scored, with exit code 0.
    assert run(["score", "pca[n=2]", added, "-b", "single-units", "--turns", "0", "--json"]) == 0
    scored = {score["benchmark"] for score in json.loads(capsys.readouterr().out)["scores"]}
    assert {"alignment", "correlation_ratio"} <= scored
    assert "variance_explained" not in scored


def test_info_of_a_benchmark_fits_the_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert run(["info", "alignment"]) == 0
    sentences = capsys.readouterr().out.partition("version:")[0].splitlines()
    assert sentences[1] == "question: Does each neuron need only one unit of the model?"
    assert max(map(len, sentences)) <= 60
    assert any(line.startswith("    ") for line in sentences)


@pytest.mark.parametrize("name", sorted(benchmarks.names()))
def test_every_benchmark_says_which_question_it_answers(name):
    registered = benchmarks.get(name)
    assert registered.question.endswith("?")
    assert registered.advice.endswith(".")
    assert registered.score_by_chance


@pytest.mark.parametrize("kind", ["models", "reducers", "datasets", "benchmarks"])
def test_a_list_fits_the_terminal_and_describes_things(kind, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["list", kind]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert run(["list", kind, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)[kind]
    indent = max(len(row["name"]) for row in rows) + 2
    assert [line for line in lines if line[:indent].strip() not in {"", *(row["name"] for row in rows)}] == []
    # A docstring with a verb would describe the function, not the model or dataset that has the name.
    assert [row for row in rows if row["summary"].startswith(("Return ", "Load ", "Use "))] == []


@pytest.fixture
def network_file(tmp_path):
    file = tmp_path / "networks.py"
    file.write_text(
        "import torch\n"
        "class Sum(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = torch.nn.Conv2d(3, 2, 3)\n"
        "        self.lstm = torch.nn.LSTM(14, 5)\n"
        "    def forward(self, x):\n"
        "        return self.lstm(self.conv(x).mean(1) + 1)[0]\n"
        "network = Sum()\n"
    )
    return f"{file}:network"


def test_list_layers(added, network_file, capsys):
    assert run(["list", "layers", network_file, "--dataset", added]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "network"
    assert [line.split() for line in lines[4:]] == [
        ["(output)", "14", "×", "5", "70"],
        ["conv", "2", "×", "14", "×", "14", "392"],
        ["lstm#0", "14", "×", "5", "70"],
    ]
    assert run(["list", "layers", network_file, "--dataset", added, "--nodes", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["model"] == "network"
    shapes = {row["name"]: row["shape"] for row in document["layers"]}
    assert shapes["conv"] == [2, 14, 14]
    assert shapes["add"] == [14, 14]


def test_list_layers_of_a_network_by_name(added, capsys):
    assert (
        run(["list", "layers", "timm:test_resnet", "--weights", "random", "--dataset", added, "--json"]) == 0
    )
    shapes = {row["name"]: row["shape"] for row in json.loads(capsys.readouterr().out)["layers"]}
    assert shapes["pre_logits"] == [96]
    assert shapes["layer3"] == [192, 10, 10]


def test_cache_info_and_clear(added, factors_file, capsys):
    run(["score", factors_file, added, "-b", "alignment"])
    capsys.readouterr()
    assert run(["cache", "info", "--json"]) == 0
    # The record, its arrays and the index.
    assert json.loads(capsys.readouterr().out)["results"]["files"] == 3
    assert run(["cache", "clear", "results", "--yes"]) == 0
    assert "cleared" in capsys.readouterr().out
    assert run(["cache", "clear", "results", "--yes"]) == 0
    assert "nothing to clear" in capsys.readouterr().out


def test_cite_prints_an_entry_for_each_reference(capsys):
    assert (
        run(["cite", "cka", "ica", "autoencoder[n_latents=10]", "AM-faces-sim", "timm:resnet18@layer3"]) == 0
    )
    out = capsys.readouterr().out
    assert out.startswith("@misc{neuroalign,\n  author = {{The neuroalign developers}},\n")
    assert "% 1 benchmark: cka\n@misc{kornblith2019,\n  author = {{Kornblith} and others},\n" in out
    assert "% 1 model: autoencoder\n@misc{hinton2006," in out
    # Two places of one paper are one entry.
    assert "% 2 models: ica, autoencoder\n@misc{higgins2020," in out
    assert "higgins2020b" not in out
    assert "% Model without a reference: timm:resnet18(at)layer3\n" in out
    assert run(["cite", "cka", "alignmnet"]) == 2
    assert capsys.readouterr().err == (
        "neuroalign: no benchmark, dataset or model is called 'alignmnet'; did you mean alignment?\n"
    )
