import csv
import io
import json
import re
import shutil
import subprocess
from copy import deepcopy

import numpy as np
import pytest

from neuroalign.cli import run
from neuroalign.comparison.leaderboard import SCOPE_OF_WELCH, leaderboard, leaderboards
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.folder import write_folder
from neuroalign.reporting.text.latex import escape_latex
from neuroalign.reporting.text.leaderboard import format_leaderboards
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_score

#: Scores without an axis index are ranked by C.
BY_C = "alignment[turns=0]"
HOSTILE = "50%_of{everything}\\$x^2&<script>"
STYLES = ("table", "markdown", "latex", "csv", "json")


@pytest.fixture(scope="module")
def folder(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets") / "toy"
    write_folder(dataset, folder)
    return str(folder)


@pytest.fixture(scope="module")
def store(folder, tmp_path_factory):
    """Two families on alignment, one of one instance on another set of options."""
    store = ResultsStore(tmp_path_factory.mktemp("stores") / "results")
    benchmark, dataset = load_benchmark(BY_C), load_dataset(folder)
    rng = np.random.default_rng(0)
    for index, (family, mean, options) in enumerate(
        [(HOSTILE, 0.7, {}), ("b", 0.3, {})] * 4 + [("b", 0.5, {"n_folds": 3}), ("c", 0.1, {})]
    ):
        score = make_score(
            mean + 0.01 * rng.standard_normal(),
            error=0.05,
            model=f"{family}[seed={index}]",
            family=family,
            dataset=dataset,
            benchmark=benchmark,
            benchmark_version=benchmark.version - (family == "c"),
            options={**benchmark.options(), **options},
            null=0.05,
        )
        store.save(f"aa{index:02}", score)
    return store


@pytest.fixture(scope="module")
def ranked(folder, store):
    ranked = leaderboards(load_dataset(folder), store=store)
    # The table of two families first.
    return sorted((table for table in ranked if len(table)), key=len, reverse=True)


@pytest.fixture
def tables(ranked):
    """Copies of the tables: tests write into them."""
    return deepcopy(ranked)


@pytest.mark.parametrize("style", STYLES)
def test_simulated_neurons_are_called_so_on_every_table(tables, style):
    text = format_leaderboards(tables, style)
    assert len(tables) == 2
    if style == "csv":
        assert {row["simulated"] for row in csv.DictReader(io.StringIO(text))} == {"True"}
    elif style == "json":
        assert [table["simulated"] for table in json.loads(text)["leaderboards"]] == [True, True]
    else:
        assert len(re.findall(r"\(simulated neurons\)", text)) == 2


@pytest.mark.parametrize("style", ["table", "markdown", "latex", "json"])
def test_what_the_test_does_not_cover_and_what_is_left_out_is_said(tables, style):
    text = format_leaderboards(tables, style)
    assert SCOPE_OF_WELCH in text
    assert "of another version of the benchmark" in text


def test_table_shows_interval_letters_and_chance(tables):
    text = format_leaderboards(tables[:1], "markdown")
    scores, beside, tests = (block.splitlines() for block in text.split("\n\n")[1:4])
    for heading in ("family", "mean", "95 % interval", "letters (Welch)"):
        assert re.search(rf" {re.escape(heading)} +\|", scores[0])
    for heading in ("SE over neurons", "chance"):
        assert re.search(rf" {heading} +\|", beside[0])
    for heading in ("difference", "Hedges' g", "Welch: p (Holm)"):
        assert re.search(rf" {re.escape(heading)} +\|", tests[0])
    best, other = tables[0].iloc[0], tables[0].iloc[1]
    assert f"{best['ci_low']:.3f} to {best['ci_high']:.3f}" in scores[2]
    assert f"| {other['difference']:.3f} |" in re.sub(" +", " ", tests[2])
    assert other["difference"] == pytest.approx(best["mean"] - other["mean"])
    # Arrays of these scores hold nothing, so there is no test with neurons, no letters, and that is said.
    assert " p (Holm) " not in tests[0].replace("Welch: p (Holm)", "")
    assert " letters " not in scores[0].replace("letters (Welch)", "")
    assert "Not tested over neurons: " in text


@pytest.mark.parametrize("style", ["table", "markdown", "latex", "json", "csv"])
def test_the_test_with_neurons_stands_beside_welchs(tables, style):
    table = tables[0].copy()
    table["crossed_ci_low"], table["crossed_ci_high"] = [np.nan, -0.125], [np.nan, 0.875]
    table["crossed_p_raw"] = table["crossed_p"] = [np.nan, 0.1875]
    table.attrs |= {"no_neurons": "", "n_neurons": 30, "welch_only": [[HOSTILE, "b"]]}
    text = format_leaderboards([table], style)
    if style == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert (rows[1]["crossed_p"], rows[1]["crossed_ci_low"]) == ("0.1875", "-0.125")
        return
    if style == "json":
        (board,) = json.loads(text)["leaderboards"]
        assert board["welch_only"] == [[HOSTILE, "b"]]
        assert board["rows"][1]["crossed_p"] == 0.1875
        assert "crossed_p" in board["pairs"][0]
        return
    assert ("$-0.125$ to 0.875" if style == "latex" else "-0.125 to 0.875") in text
    assert text.count("0.188") == 1
    assert "1 pair of families differs by Welch's test only" in text
    assert "adds the variance of a paired bootstrap over neurons" in text


def test_csv_keeps_every_digit(tables):
    rows = list(csv.DictReader(io.StringIO(format_leaderboards(tables, "csv"))))
    assert [float(row["mean"]) for row in rows] == [*tables[0]["mean"], *tables[1]["mean"]]
    assert rows[0]["family"] == HOSTILE
    assert json.loads(rows[-1]["options"])["n_folds"] == 3


def test_json_has_every_pair_and_no_nan(tables):
    boards = json.loads(format_leaderboards(tables, "json"), parse_constant=pytest.fail)["leaderboards"]
    (pair,) = boards[0]["pairs"]
    assert pair["welch_p_raw"] == pytest.approx(tables[0]["welch_p_raw"][1])
    assert boards[0]["rows"][0]["welch_p"] is None
    assert boards[0]["left_out"] == {"of another version of the benchmark": 1}


def test_json_of_a_statistic_without_a_bound_has_null(tables):
    tables[0].attrs["statistic"]["perfect"] = float("nan")
    boards = json.loads(format_leaderboards(tables, "json"), parse_constant=pytest.fail)["leaderboards"]
    assert boards[0]["statistic"]["perfect"] is None


def _n_columns(row):
    spanned = [int(item) for item in re.findall(r"\\multicolumn\{(\d+)\}", row)]
    return len(re.findall(r"(?<!\\)&", row)) + 1 + sum(item - 1 for item in spanned)


def test_latex_is_a_whole_table_with_names_escaped(tables):
    text = format_leaderboards(tables, "latex")
    escaped = r"50\%\_of\{everything\}\textbackslash{}\$x\textasciicircum{}2\&\textless{}script\textgreater{}"
    # It is long, so it may break after its punctuation.
    assert escaped in text.replace(r"\allowbreak{}", "")
    assert escaped not in text
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2
    first = text.partition(r"\end{table}")[0]
    tabulars = re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", first, re.DOTALL)
    assert len(tabulars) == 3
    # A heading and the families; the tests also have a row with their names.
    for (columns, body), n_rows in zip(tabulars, (3, 3, 3), strict=True):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) == n_rows
        assert {_n_columns(row) for row in rows} == {len(columns)}
    assert re.search(r" & Welch & .*\\\\$", first, re.MULTILINE)
    assert r"\cmidrule(lr){3-3}" in first
    assert r"\times 10^{-" in first
    assert "Welch's test, the paper's" in first
    assert "siunitx" not in text
    # Nothing that pdflatex would stumble over.
    assert [item for item in text if not item.isascii()] == []


def test_signs_greek_letters_and_accents_become_commands():
    assert escape_latex("κ β Λ ü é 50 % a_b & <c> ±2 −1 r²") == (
        "$\\kappa$ $\\beta$ $\\Lambda$ \\\"{u} \\'{e} 50 \\% a\\_b \\& \\textless{}c\\textgreater{} "
        "$\\pm$2 $-$1 r$^2$"
    )
    # A letter without a command stays.
    assert escape_latex("猫") == "猫"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles_and_fits_its_column(tables, tmp_path):
    table = tables[0].copy()
    table["crossed_ci_low"], table["crossed_ci_high"] = [np.nan, -0.125], [np.nan, 0.875]
    table["crossed_p_raw"] = table["crossed_p"] = [np.nan, 1.5e-13]
    table["family"] = [HOSTILE, "timm:resnet18@layer3[weights=random,seed=0]+pca[n=30]"]
    table.attrs |= {"no_neurons": "", "welch_only": [table["family"].tolist()]}
    text = format_leaderboards([table, *tables[1:]], "latex")
    document = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}"
    (tmp_path / "paper.tex").write_text(f"{document}\n{text}\n\\end{{document}}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


def test_small_p_in_latex_is_the_number(tables):
    text = format_leaderboards(tables[:1], "latex")
    mantissa, exponent = re.findall(r"\$([0-9.]+) \\times 10\^\{(-\d+)\}\$", text)[0]
    assert float(f"{mantissa}e{exponent}") == pytest.approx(tables[0]["welch_p_raw"][1], rel=0.05)


@pytest.mark.slow
def test_command_takes_a_correction_and_notes_what_csv_leaves_out(store, folder, capsys):
    shutil.copytree(store.folder, ResultsStore().folder)
    assert run(["leaderboard", folder, "--format", "csv", "--correction", "bh"]) == 0
    captured = capsys.readouterr()
    assert ",bh," in captured.out
    assert "left out: 1 of another version of the benchmark" in captured.err
    assert run(["leaderboard", folder, "-b", BY_C, "--correction", "bh"]) == 0
    out = capsys.readouterr().out
    assert " p (BH)" in out
    assert ", 1 with other options." in out


def with_axis_index(table):
    """The table of a benchmark that ranks by another number than its score."""
    table = table.assign(
        mean=[0.41, 0.08], ci_low=[0.35, 0.01], ci_high=[0.47, 0.15], value=[0.7, 0.3], letters=["a", "b"]
    )
    table["crossed_ci_low"], table["crossed_ci_high"] = [np.nan, 0.2], [np.nan, 0.4]
    table["crossed_p_raw"] = table["crossed_p"] = [np.nan, 0.02]
    table["value_difference"], table["value_p_raw"], table["value_p"] = (
        [np.nan, 0.35],
        [np.nan, 0.25],
        [np.nan, 0.25],
    )
    table["family"] = ["beta_vae", "neuron_subset"]
    statistic = {
        "identifier": "axis_index",
        "label": "axis index κ",
        "higher_is_better": True,
        "perfect": 1.0,
    }
    table.attrs |= {
        "statistic": statistic,
        "value_statistic": {**statistic, "identifier": "at_common_d", "label": "alignment C at D = 50"},
        "no_neurons": "",
        "reliability": 0.7,
        "cautions": {family: [] for family in table["family"]},
    }
    return table


@pytest.mark.parametrize("style", ["table", "markdown", "latex"])
def test_the_axis_index_stands_first_and_c_beside_it(tables, style):
    text = format_leaderboards([with_axis_index(tables[0])], style)
    flat = " ".join(text.split())
    assert ("axis index $\\kappa$" if style == "latex" else "axis index κ") in flat
    assert re.search(r"0\.410\W+0\.350 to 0\.470\W+0\.700\W+a\W+a\b", flat)
    if style != "table":
        assert "alignment C at D = 50, beta_vae less" in flat.replace(r"\_", "_")
        assert "chance of C" in flat.replace(r"chance \\ of C", "chance of C")
    assert "Median split-half reliability of the neurons: 0.70." in flat
    if style == "table":
        tables_only = text.partition("\n\n1 pair")[0].partition("Median")[0].splitlines()[1:]
        assert [line for line in tables_only if len(line) > 80] == []


def test_json_and_csv_hold_statistic_and_score(tables):
    table = with_axis_index(tables[0])
    (board,) = json.loads(format_leaderboards([table], "json"))["leaderboards"]
    assert (board["statistic"]["identifier"], board["reliability"]) == ("axis_index", 0.7)
    assert (board["rows"][0]["mean"], board["rows"][0]["value"]) == (0.41, 0.7)
    (first, _) = csv.DictReader(io.StringIO(format_leaderboards([table], "csv")))
    assert (first["statistic"], first["mean"], first["value"]) == ("axis_index", "0.41", "0.7")


def test_an_empty_leaderboard_can_be_written(dataset):
    for style in STYLES:
        assert format_leaderboards([leaderboard(dataset, "alignment")], style)


def test_a_terminal_of_80_letters_holds_every_line(tables):
    table = with_axis_index(tables[0])
    table["family"] = ["timm:vit_small_patch16_224@blocks.6+pca[n=50]", "beta_vae"]
    cautions = ["explains 3.4 % of the explainable variance (0.025 of 0.744): do not interpret alignment"]
    table.attrs |= {"cautions": dict.fromkeys(table["family"], cautions), "unreadable": []}
    text = format_leaderboards([table], "table", width=80)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "\ntimm:vit_smal" in text
    # Names and sentences stay whole in a wide terminal, and in a file.
    assert "vit_small_patch16_224@blocks.6+pca[n=50]  " in format_leaderboards([table], "table", width=140)
    assert f"caution: beta_vae: {cautions[0]}." in format_leaderboards([table], "table").splitlines()
