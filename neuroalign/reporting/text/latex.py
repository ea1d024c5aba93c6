"""Leaderboards as LaTeX tables in the style of booktabs, for pdfLaTeX, XeLaTeX and LuaLaTeX."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import groupby

import pandas as pd

from neuroalign.comparison.leaderboard_findings import describe_cautions, describe_findings
from neuroalign.reporting.text.leaderboard_blocks import (
    WORDS,
    Block,
    lay_out_blocks,
    left_out_line,
    notes_on_tests,
    title_of,
)

# Letters of a name above which it may break.
_LONG_NAME = 24

_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)


def _greek_letter(name: str) -> str:
    case = "CAPITAL" if name[0].isupper() else "SMALL"
    # The Unicode standard writes lambda without b.
    return unicodedata.lookup(f"GREEK {case} LETTER {name.upper().replace('LAMBDA', 'LAMDA')}")


_SIGNS: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "’": "'",
    "\N{NO-BREAK SPACE}": "~",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "²": "$^2$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "†": r"\dag{}",
    "▸": r"$\triangleright$",
    **{_greek_letter(name): rf"$\{name}$" for name in _GREEK.split()},
}
# Commands of the accents that Unicode combines with a letter: ü is u with a diaeresis.
_ACCENTS: Mapping[str, str] = {
    "\N{COMBINING GRAVE ACCENT}": "`",
    "\N{COMBINING ACUTE ACCENT}": "'",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "^",
    "\N{COMBINING TILDE}": "~",
    "\N{COMBINING DIAERESIS}": '"',
    "\N{COMBINING RING ABOVE}": "r",
    "\N{COMBINING CARON}": "v",
    "\N{COMBINING CEDILLA}": "c",
}
_NUMBER = re.compile(r"(-?)(\d[\d,]*(?:\.\d+)?)(?:e([+-]?\d+))?")


def escape_latex(text: str) -> str:
    r"""Write text as LaTeX: signs with a meaning in LaTeX, Greek letters and accents become commands.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        ASCII for the scripts that pdfLaTeX knows; other characters stay as they are.

    Examples
    --------
    >>> print(escape_latex("50 % of κ & beta_vae by Müller"))
    50 \% of $\kappa$ \& beta\_vae by M\"{u}ller
    """
    return "".join(map(_escape_character, text))


def write_latex(tables: Sequence[pd.DataFrame]) -> str:
    """Write leaderboards as LaTeX tables.

    Parameters
    ----------
    tables : sequence of DataFrame
        Leaderboards from :func:`neuroalign.leaderboard`.

    Returns
    -------
    str
        One ``table`` environment for each leaderboard, with findings, cautions and left-out scores in the caption.
    """
    return "\n\n".join(_write_table(table) for table in tables)


def _escape_character(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    letter, accent = (*unicodedata.normalize("NFD", character), "", "")[:2]
    return rf"\{_ACCENTS[accent]}{{{letter}}}" if accent in _ACCENTS and letter.isascii() else character


def _write_table(table: pd.DataFrame) -> str:
    if table.empty:
        return "\n".join(
            f"% {line}" for line in [title_of(table), "nothing scored yet", *left_out_line(table)]
        )
    untested: dict[str, list[str]] = {}
    for family, note in zip(table["family"], table["note"], strict=True):
        if note not in ("", "best"):
            untested.setdefault(note.removeprefix("no test: "), []).append(family)
    caption = " ".join(
        [
            f"{title_of(table)}.",
            *(f"Caution: {caution}" for caution in describe_cautions(table)),
            *notes_on_tests(table),
            *describe_findings(table),
            *(f"No test ({why}): {', '.join(families)}." for why, families in untested.items()),
            *left_out_line(table),
        ]
    )
    return write_float(caption, f"{table.attrs['dataset']}-{table.attrs['name']}", lay_out_blocks(table))


def write_float(caption: str, name: str, blocks: Sequence[Block]) -> str:
    """Write blocks as one LaTeX ``table`` with a caption.

    Parameters
    ----------
    caption : str
        Plain text.
    name : str
        Name from which the label of the table is made.
    blocks : sequence of Block
        Tables, one below the other.

    Returns
    -------
    str
    """
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs,graphicx}",
            r"\begin{table}",
            r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{' '.join(map(escape_breakable, caption.split(' ')))}}}",
            rf"\label{{tab:{label}}}\smallskip",
            "\n\n\\medskip\n".join(map(_write_tabular, blocks)),
            r"\end{table}",
        ]
    )


def _write_tabular(block: Block) -> str:
    """Write one block by pandas' Styler, in its natural width or, if that is too wide, in the width of the text."""
    # The caption has the reasons for missing tests.
    names = [name for name in block.headings if name != "note"]
    places = [list(block.headings).index(name) for name in names]
    cells = [
        [_cell(name, row[place]) for name, place in zip(names, places, strict=True)] for row in block.rows
    ]
    tests, headings = zip(*(_test_and_heading(block.headings[name]) for name in names), strict=True)
    columns = [family_cell(headings[0]), *map(_heading, headings[1:])]
    spanning = [escape_latex(test) for test in tests]
    frame = pd.DataFrame(cells, columns=[spanning, columns] if any(tests) else columns)
    tabular = frame.style.hide(axis="index").to_latex(
        hrules=True,
        column_format="".join("l" if name in WORDS else "r" for name in names),
        multicol_align="c",
    )
    if any(tests):
        # The Styler rules off the whole heading, but not the test above its columns.
        first_row, end, others = tabular.partition("\\\\\n")
        tabular = f"{first_row}{end}{_rules_below(tests)}\n{others}"
    return fit_width(tabular)


def fit_width(tabular: str) -> str:
    """Write a tabular in its natural width or, where it is wider than the text, in the width of the text.

    Parameters
    ----------
    tabular : str
        LaTeX.
    """
    return "\n".join(
        [
            rf"\sbox0{{{tabular.rstrip()}}}%",
            r"\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi",
        ]
    )


def _cell(column: str, text: str) -> str:
    if column == "family":
        return family_cell(text)
    return escape_latex(text) if column in WORDS else _NUMBER.sub(_number, escape_latex(text))


def _number(match: re.Match[str]) -> str:
    sign, mantissa, exponent = match.groups()
    if exponent is not None:
        return rf"${sign}{mantissa} \times 10^{{{int(exponent)}}}$"
    return f"${sign}{mantissa}$" if sign else mantissa


def family_cell(name: str) -> str:
    """Write the name of a family as a cell, in several lines if it is long.

    Parameters
    ----------
    name : str
    """
    broken = " ".join(map(escape_breakable, name.split()))
    return rf"\parbox[t]{{10em}}{{\raggedright {broken}\strut}}" if len(name) > _LONG_NAME else broken


def escape_breakable(word: str) -> str:
    r"""Escape a word for LaTeX, and let it break after its punctuation if it is long.

    Parameters
    ----------
    word : str

    Examples
    --------
    >>> print(escape_breakable("beta_vae"))
    beta\_vae
    """
    if len(word) <= _LONG_NAME:
        return escape_latex(word)
    return "".join(
        escape_latex(letter) + (r"\allowbreak{}" if not letter.isalnum() else "") for letter in word
    )


def _test_and_heading(text: str) -> tuple[str, str]:
    test, colon, heading = text.partition(":\n")
    return (test, heading) if colon else ("", text)


def _heading(text: str) -> str:
    lines = r" \\ ".join(map(escape_latex, text.split("\n")))
    return rf"\shortstack[r]{{\strut {lines}}}" if "\n" in text else lines


def _rules_below(tests: Sequence[str]) -> str:
    """Return the rules below the names of tests, each as wide as the columns of its test."""
    rules, start = "", 1
    for test, columns in groupby(tests):
        stop = start + len(list(columns))
        rules += rf"\cmidrule(lr){{{start}-{stop - 1}}}" if test else ""
        start = stop
    return rules
