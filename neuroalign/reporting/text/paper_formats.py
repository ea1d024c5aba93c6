"""Tables for a paper in LaTeX, Markdown and HTML."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import pandas as pd

from neuroalign.reporting.text.latex import escape_breakable, escape_latex, family_cell, fit_width
from neuroalign.reporting.text.paper_table import OWN, Cell, PaperTable

# Sign of a negative number, which is not a hyphen of a word, a date or an exponent.
_MINUS = re.compile(r"(?<=[ (\[])-(?=\d)|^-(?=\d)")


def format_paper_table(table: PaperTable, style: str) -> str:
    """Write a table for a paper in one format.

    Parameters
    ----------
    table : PaperTable
        Table from :func:`neuroalign.reporting.text.paper_table.lay_out_paper_table`.
    style : {"latex", "markdown", "html"}
        LaTeX needs the packages booktabs and graphicx. HTML is one ``table`` element.

    Returns
    -------
    str
    """
    return PAPER_STYLES[style](table)


def describe_making(command: str, tables: Sequence[pd.DataFrame]) -> str:
    """State the command, the date and the versions behind a table.

    Parameters
    ----------
    command : str
        Command as it was typed; empty for a call in Python.
    tables : sequence of DataFrame
        Leaderboards.

    Returns
    -------
    str
        One sentence.
    """
    benchmarks = dict.fromkeys(
        f"{table.attrs['name']} version {table.attrs['benchmark_version']}" for table in tables if len(table)
    )
    content = next((table.attrs["dataset_hash"][:12] for table in tables), "")
    dataset = next((table.attrs["dataset"] for table in tables), "")
    by = f" by: {command}" if command else ""
    return (
        f"neuroalign {version('neuroalign')}, {', '.join(benchmarks)}, {dataset} with content {content}, "
        f"{datetime.now(UTC):%Y-%m-%d}{by}"
    )


def _write_latex(table: PaperTable) -> str:
    rows = [
        " & ".join([_latex_name(name, table.own), *map(_latex_cell, cells)]) + r" \\"
        for name, cells in table.rows.items()
    ]
    headings = [
        rf"\shortstack[r]{{\strut {_two_lines(heading)}}}" if len(heading) > 14 else escape_latex(heading)
        for heading in table.headings
    ]
    tabular = "\n".join(
        [
            rf"\begin{{tabular}}{{l{'r' * len(table.headings)}}}",
            r"\toprule",
            " & ".join(["family", *headings]) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )
    label = re.sub(r"[^a-z0-9]+", "-", table.label.lower()).strip("-")
    notes = [_latex_sentence(note) for note in table.footnotes]
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs,graphicx}; table* spans both columns of a page",
            r"\begin{table}",
            r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{_latex_sentence(table.caption)}}}",
            rf"\label{{tab:{label}}}\smallskip",
            fit_width(tabular),
            r"\par\smallskip\begin{minipage}{\linewidth}\scriptsize\raggedright",
            "\n".join(notes),
            r"\end{minipage}",
            r"\end{table}",
        ]
    )


def _latex_sentence(text: str) -> str:
    """Escape a sentence: long words may break, options keep two hyphens, and numbers have a minus sign."""
    parts = [" ".join(map(escape_breakable, part.split(" "))) for part in text.split("--")]
    return _MINUS.sub("$-$", "-{}-".join(parts))


def _two_lines(heading: str) -> str:
    words = heading.split(" ")
    # The break that leaves the shorter longest line.
    place = min(
        range(1, max(len(words), 2)),
        key=lambda i: max(len(" ".join(words[:i])), len(" ".join(words[i:]))),
    )
    lines = [" ".join(words[:place]), " ".join(words[place:])]
    return r" \\ ".join(escape_latex(line) for line in lines if line)


def _latex_name(name: str, own: str) -> str:
    escaped = family_cell(name)
    return rf"$\triangleright$ \textit{{{escaped}}}" if name == own else escaped


def _latex_cell(cell: Cell) -> str:
    text = _MINUS.sub("$-$", escape_latex(cell.text))
    text = rf"\textbf{{{text}}}" if cell.is_best else text
    return rf"{text}\,\textsuperscript{{{escape_latex(cell.letters)}}}" if cell.letters else text


def _write_markdown(table: PaperTable) -> str:
    lines = [
        ["family", *table.headings],
        ["---", *("---:" for _ in table.headings)],
        *(
            [
                f"{OWN} *{_markdown(name)}*" if name == table.own else _markdown(name),
                *map(_markdown_cell, cells),
            ]
            for name, cells in table.rows.items()
        ),
    ]
    rows = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n\n".join([f"**{_markdown(table.caption)}**", "\n".join(rows), *map(_markdown, table.footnotes)])


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_|<>$])", r"\\\1", text)


def _markdown_cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.is_best else cell.text
    return f"{text} <sup>{cell.letters}</sup>" if cell.letters else text


def _write_html(table: PaperTable) -> str:
    width = len(table.headings) + 1
    body = [
        f'<tr{" class=own" if name == table.own else ""}><th scope="row" style="text-align:left">'
        f"{f'{OWN} <em>{html.escape(name)}</em>' if name == table.own else html.escape(name)}</th>"
        + "".join(map(_html_cell, cells))
        + "</tr>"
        for name, cells in table.rows.items()
    ]
    headings = "".join(f'<th scope="col">{html.escape(heading)}</th>' for heading in table.headings)
    notes = "<br>\n".join(map(html.escape, table.footnotes))
    return "\n".join(
        [
            '<table class="neuroalign" style="border-collapse:collapse;font-variant-numeric:tabular-nums">',
            f"<caption>{html.escape(table.caption)}</caption>",
            f'<thead style="border-block:1.5px solid"><tr><th scope="col" style="text-align:left">family</th>{headings}'
            "</tr></thead>",
            '<tbody style="border-bottom:1.5px solid">',
            *body,
            "</tbody>",
            f'<tfoot><tr><td colspan="{width}" style="font-size:smaller;text-align:left">{notes}</td></tr></tfoot>',
            "</table>",
        ]
    )


def _html_cell(cell: Cell) -> str:
    text = html.escape(cell.text)
    text = f"<strong>{text}</strong>" if cell.is_best else text
    letters = f"<sup>{html.escape(cell.letters)}</sup>" if cell.letters else ""
    return f'<td style="text-align:right;padding:0 0.6em;white-space:nowrap">{text}{letters}</td>'


#: Writers of each format.
PAPER_STYLES: Mapping[str, Callable[[PaperTable], str]] = {
    "latex": _write_latex,
    "markdown": _write_markdown,
    "html": _write_html,
}
