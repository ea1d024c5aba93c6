"""Tests of the one table of families and benchmarks for a paper."""

import re
import shutil
import subprocess
from copy import deepcopy

import numpy as np
import pytest

from neuroalign.comparison.leaderboard import leaderboards
from neuroalign.errors import UnknownNameError, UsageError
from neuroalign.reporting.text.paper_formats import describe_making, format_paper_table
from neuroalign.reporting.text.paper_table import Cell, lay_out_paper_table, split_columns
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_score

RATIO, RIDGE = "correlation_ratio[turns=0]", "ridge"


@pytest.fixture(scope="module")
def ranked(dataset, tmp_path_factory):
    """Three families by two benchmarks; the third family must not be interpreted."""
    store = ResultsStore(tmp_path_factory.mktemp("stores") / "results")
    means = {"zoo_net": (0.5, 0.2), "pca": (0.3, 0.4), "weak": (0.9, 0.1)}
    for name, column in ((RATIO, 0), (RIDGE, 1)):
        benchmark = load_benchmark(name)
        for family, values in means.items():
            for seed in range(3 if family != "pca" else 4):
                beside = {"variance_explained": -0.1 if family == "weak" else 0.4, "explained_share": 0.5}
                score = make_score(
                    values[column] + 0.02 * (seed - 1),
                    model=f"{family}[seed={seed}]",
                    family=family,
                    dataset=dataset,
                    benchmark=benchmark,
                    beside=beside if column == 0 else {},
                )
                store.save(f"{family}{column}{seed}", score)
    tables = leaderboards(dataset, [RATIO, RIDGE], store=store)
    for table in tables:
        table["letters"] = ["a", "b", ""] if table.attrs["name"] == RATIO else ["a", "b", "b"]
    return tables


@pytest.fixture
def tables(ranked):
    return deepcopy(ranked)


def test_rows_columns_and_marks(tables):
    table = lay_out_paper_table(tables)
    assert table.headings == ["correlation ratio[turns=0]", "ridge"]
    assert list(table.rows) == ["zoo_net", "pca", "weak"]
    half = (tables[0]["ci_high"][0] - tables[0]["ci_low"][0]) / 2
    assert table.rows["zoo_net"][0] == Cell(f"0.50 ± {half:.2f}", "a", True)
    # Four seeds give the mean .31.
    assert table.rows["pca"][0].text.startswith("0.31 ± ")
    assert table.rows["pca"][1].is_best
    # The highest mean is not the best where it must not be interpreted.
    assert (table.rows["weak"][0].letters, table.rows["weak"][0].is_best) == ("†", False)
    assert table.rows["weak"][0].text.startswith("0.90 ± ")
    notes = " ".join(table.footnotes)
    assert "± is half of the 95 % interval over instances." in notes
    assert "n = 4 for pca. n = 3 for zoo_net and weak." in notes
    assert "† weak: in all 3 instances the units explain no variance (-0.100): do not interpret" in notes
    assert table.caption == "Scores of 3 families of models on single (simulated neurons)."


def test_columns_names_and_caption(tables):
    table = lay_out_paper_table(
        tables,
        columns=[RIDGE, f"{RATIO}:variance_explained"],
        names={"zoo_net": "ZooNet", RIDGE: "Ridge, r"},
        caption="Ours.",
        made_by="made here",
    )
    assert table.headings[0] == "Ridge, r"
    assert [cell.text for cell in table.rows["ZooNet"]][1] == "0.400"
    assert list(table.rows) == ["pca", "ZooNet", "weak"]
    assert (table.caption, table.footnotes[-1]) == ("Ours.", "made here")
    with pytest.raises(UnknownNameError, match=r"^no column is called 'ridges'; did you mean ridge\?$"):
        lay_out_paper_table(tables, columns=["ridges"])
    with pytest.raises(UnknownNameError, match=r"^no number of ridge is called 'chance'; there are: "):
        lay_out_paper_table(tables, columns=["ridge:chance"])
    with pytest.raises(UnknownNameError, match=r"^no row or column is called 'zoo'; "):
        lay_out_paper_table(tables, names={"zoo": "Zoo"})
    with pytest.raises(UsageError, match="needs one score at least"):
        lay_out_paper_table([])


def test_recorded_neurons_are_never_the_best_model(tables):
    for table in tables:
        table["family"] = table["family"].replace("pca", "neuron_subset")
        table.attrs["mine"] = {"family": "", "tests": []}
    table = lay_out_paper_table(tables, columns=[RIDGE], names={"neuron_subset": "Neurons"})
    # The neurons score higher than every model.
    assert [cell.is_best for row in table.rows.values() for cell in row] == [False, True, False]
    assert next(iter(table.rows)) == "Neurons"
    assert "Neurons: recorded neurons in place of a model, a ceiling; never bold." in table.footnotes
    assert table.caption == "Scores of 2 families of models on single (simulated neurons)."


def test_two_rows_of_one_name_are_refused(tables):
    with pytest.raises(UsageError, match=r"^rows must have different names, got 'pca' for zoo_net and pca; "):
        lay_out_paper_table(tables, names={"zoo_net": "pca"})


def test_names_of_files_need_no_digest(tables):
    for table in tables:
        table["family"] = table["family"].replace("zoo_net", "hf:./zoo#1f0c3a9b@hidden.2")
        table.attrs["mine"] = {"family": "", "tests": []}
    table = lay_out_paper_table(tables, names={"hf:./zoo@hidden.2": "Zoo"})
    assert set(table.rows) == {"Zoo", "pca", "weak"}


def test_the_plain_name_stands_for_a_row_that_comes_with_neuroalign(tables):
    for table in tables:
        table["family"] = table["family"].replace({"pca": "pca (shipped)"})
    table = lay_out_paper_table(tables, columns=[RIDGE], names={"pca": "PCA"})
    assert set(table.rows) == {"PCA (shipped)", "zoo_net", "weak"}


def test_a_row_that_the_columns_leave_out_may_have_a_name(tables):
    tables[1] = tables[1][tables[1]["family"] != "pca"]
    table = lay_out_paper_table(tables, columns=[RIDGE], names={"pca": "PCA"})
    assert set(table.rows) == {"zoo_net", "weak"}


def test_small_differences_keep_their_sign(tables):
    tables[1].attrs["mine"] = {
        "family": "pca",
        "tests": [{"family": "zoo_net", "difference": -0.004, "p": 0.03}],
    }
    tables[0].attrs["mine"] = {"family": "pca", "tests": []}
    assert any("zoo_net -0.004, p = 0.030." in note for note in lay_out_paper_table(tables).footnotes)


def test_columns_are_split_outside_brackets():
    assert split_columns("ridge, alignment[turns=0,seed=1]:value") == [
        "ridge",
        "alignment[turns=0,seed=1]:value",
    ]


def test_the_own_row_is_marked_and_tested(tables):
    tables[1].attrs["mine"] = {
        "family": "pca",
        "tests": [{"family": "zoo_net", "difference": 0.2, "p": 0.03}],
    }
    tables[0].attrs["mine"] = {"family": "pca", "tests": []}
    table = lay_out_paper_table(tables)
    assert "▸ pca less others by ridge (Holm over 1 test): zoo_net +0.200, p = 0.030." in table.footnotes
    assert r"$\triangleright$ \textit{pca} & 0.31" in format_paper_table(table, "latex")
    assert "\n| ▸ *pca* | 0.31" in format_paper_table(table, "markdown")
    assert "▸ <em>pca</em></th>" in format_paper_table(table, "html")


def test_formats(tables):
    made = describe_making("neuroalign leaderboard toy --format latex", tables)
    assert re.fullmatch(
        r"neuroalign [\d.]+\S*, correlation_ratio\[turns=0\] version \d+, ridge version \d+, single with content "
        r"[0-9a-f]{12}, 20\d\d-\d\d-\d\d by: neuroalign leaderboard toy --format latex",
        made,
    )
    table = lay_out_paper_table(tables, names={"zoo_net": "Zoo <β> & net_1"}, made_by=made)
    latex = format_paper_table(table, "latex")
    assert (
        r"Zoo \textless{}$\beta$\textgreater{} \& net\_1 & \textbf{0.50 $\pm$ 0.05}\,\textsuperscript{a}"
        in latex
    )
    assert [latex.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert latex.count(r"\begin{table}") == latex.count(r"\end{table}") == 1
    assert [letter for letter in latex if not letter.isascii()] == []
    assert "toy -{}-format latex" in latex
    assert "explain no variance ($-$0.100)" in latex
    markdown = format_paper_table(table, "markdown").splitlines()
    assert markdown[2] == "| family | correlation ratio[turns=0] | ridge |"
    assert markdown[4].startswith(r"| Zoo \<β\> & net\_1 | **0.50 ± 0.05** <sup>a</sup> |")
    page = format_paper_table(table, "html")
    assert "Zoo &lt;β&gt; &amp; net_1</th>" in page
    assert "<strong>0.50 ± 0.05</strong><sup>a</sup></td>" in page
    assert made in page
    assert page.count("<tr") == 1 + 3 + 1


def test_narrow_intervals_have_a_third_decimal(tables):
    tables[0]["ci_low"], tables[0]["ci_high"] = [0.499, np.nan, np.nan], [0.501, np.nan, np.nan]
    cells = [cells[0].text for cells in lay_out_paper_table(tables).rows.values()]
    assert cells == ["0.500 ± 0.001", "0.310", "0.900"]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.parametrize("columns", ["", "twocolumn"])
def test_latex_compiles_and_fits_its_column(tables, tmp_path, columns):
    table = lay_out_paper_table(
        tables,
        names={"weak": "timm:resnet18@layer3[weights=random,seed=0]+pca[n=30]"},
        made_by=describe_making("neuroalign leaderboard a_dataset --columns 'x,y'", tables),
    )
    document = rf"\documentclass[{columns}]{{article}}\usepackage{{booktabs,graphicx}}\begin{{document}}"
    (tmp_path / "paper.tex").write_text(
        f"{document}\n{format_paper_table(table, 'latex')}\n\\end{{document}}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
