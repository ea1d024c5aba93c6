"""Docstrings in a terminal."""

from neuroalign.names.docstrings import reflow

DOCSTRING = """Score of units that are compared
with neurons.

Parameters
----------
rule : {"1se", "min"}
    Choice of the penalty, in one
    line of many.
folds, seed
    See another class.

Notes
-----
- One item.
- Another item.

Examples
--------
>>> score = na.score("pca[n=10]", "AM-faces-sim")
"""


def test_paragraphs_are_wrapped_and_other_lines_kept():
    assert (
        reflow(DOCSTRING, 30)
        == """Score of units that are
compared with neurons.

Parameters
----------
rule : {"1se", "min"}
    Choice of the penalty, in
    one line of many.
folds, seed
    See another class.

Notes
-----
- One item.
- Another item.

Examples
--------
>>> score = na.score("pca[n=10]", "AM-faces-sim")
"""
    )


def test_a_wide_terminal_joins_lines():
    lines = reflow(DOCSTRING, 100).split("\n")
    assert lines[0] == "Score of units that are compared with neurons."
    assert lines[5] == "    Choice of the penalty, in one line of many."
