"""Boards of several datasets in five formats: table for a terminal, Markdown, LaTeX, CSV and JSON."""

import json
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd
from tabulate import tabulate

from neuroalign.comparison.board import SCORE_ON
from neuroalign.comparison.board_findings import describe_board, describe_board_cautions
from neuroalign.comparison.record import plain
from neuroalign.files.spreadsheets import write_csv
from neuroalign.reporting.text.latex import write_float
from neuroalign.reporting.text.leaderboard_blocks import Block
from neuroalign.reporting.text.score_columns import lay_out_rows
from neuroalign.reporting.text.shared_notes import share_sentences
from neuroalign.results.numbers import write_number
from neuroalign.scoring.cautions import MARK

#: Sign of a missing score.
MISSING = "—"
#: Mark behind a score that is not divided by its ceiling, where the others are.
UNDIVIDED = "*"
#: Note of a family with a score that must not be interpreted.
NOT_RANKED = "no rank: must not be interpreted"

# Letters of a line of a terminal, of the name of a family, and of a heading.
_WIDTH = 80
_LONGEST_NAME = 26
_LONGEST_HEADING = 12
# Letters between two columns.
_GAP = 2


def format_boards(tables: Sequence[pd.DataFrame], style: str) -> str:
    """Write boards in one format.

    Parameters
    ----------
    tables : sequence of DataFrame
        Boards from :func:`neuroalign.comparison.board.boards`, one for each benchmark.
    style : {"table", "json", "csv", "markdown", "latex"}

    Returns
    -------
    str
        Lines of a table have at most 80 letters, unless a name is longer.
    """
    return _STYLES[style](tables)


def title_of_board(table: pd.DataFrame) -> str:
    """Return the title of a board: its name, the kind of neurons, and the benchmark."""
    attrs = table.attrs
    kind = "simulated neurons" if attrs["simulated"] else "recorded neurons"
    direction = "" if attrs["higher_is_better"] else ", lower is better"
    label = attrs["statistic"]["label"]
    statistic = "" if attrs["statistic"]["identifier"] == "value" else f", {label}"
    divided = ", divided by the ceiling" if attrs["over_ceiling"] else ""
    n = len(attrs["datasets"])
    name = attrs["title"] or attrs["board"] or (f"{n} datasets" if n > 1 else attrs["datasets"][0]["name"])
    return f"{name} ({kind}): {attrs['name']} version {attrs['benchmark_version']}{statistic}{divided}{direction}"


def lay_out_board(table: pd.DataFrame, width: int | None = _WIDTH) -> list[Block]:
    """Lay out the ranks, the means and the scores on each dataset in blocks of a width.

    Parameters
    ----------
    table : pandas.DataFrame
        Board from :func:`neuroalign.comparison.board.boards`.
    width : int or None
        Largest number of letters of a line; None for one block.

    Returns
    -------
    list of Block
        Each block has the names of the families. Datasets that do not fit beside the means are in further blocks.
    """
    unreadable = table.attrs["unreadable"]
    names = [f"{name} {MARK}" if name in unreadable else name for name in table["family"]]
    families = ["\n".join(textwrap.wrap(name, _LONGEST_NAME)) if width else name for name in names]
    columns = [*_columns_of_ranks(table), *_columns_of_scores(table, _heading if width else str)]
    name_width = max(
        [len("family"), *(len(line) for name in families for line in name.split("\n"))], default=0
    )
    blocks: list[list[tuple[str, str, list[str]]]] = [[]]
    left = math.inf if width is None else width - name_width
    for column in columns:
        _, heading, cells = column
        needed = _GAP + max(len(line) for text in (heading, *cells) for line in text.split("\n"))
        if blocks[-1] and needed > left:
            blocks.append([])
            left = math.inf if width is None else width - name_width
        blocks[-1].append(column)
        left -= needed
    return [
        Block(
            {"family": "family", **{name: heading for name, heading, _ in block}},
            [list(row) for row in zip(families, *(cells for _, _, cells in block), strict=True)],
        )
        for block in blocks
    ]


def _columns_of_ranks(table: pd.DataFrame) -> list[tuple[str, str, list[str]]]:
    """Return key, heading and cells of the rank, the mean and their intervals; none for a single dataset's control."""
    ranks = [
        _join_interval(low, high, lambda rank: f"{rank:.0f}")
        for low, high in zip(table["rank_low"], table["rank_high"], strict=True)
    ]
    intervals = [
        _join_interval(low, high, write_number)
        for low, high in zip(table["ci_low"], table["ci_high"], strict=True)
    ]
    columns = [
        ("rank", "rank", [MISSING if math.isnan(rank) else f"{rank:.0f}" for rank in table["rank"]]),
        ("rank_interval", "95 % of\nranks", ranks),
        ("mean", "mean", [_write(mean) for mean in table["mean"]]),
        ("interval", "95 % interval", intervals),
    ]
    if table.attrs["is_control"]:
        columns = columns[2:]
    if table.attrs["mean_over"] == "available":
        columns.append(("n", "datasets", _counts(table)))
    return columns


def _columns_of_scores(
    table: pd.DataFrame, heading: Callable[[str], str]
) -> list[tuple[str, str, list[str]]]:
    """Return key, heading and cells of the scores on each dataset."""
    cells: dict[str, list[str]] = {}
    for cell in table.attrs["cells"]:
        value = cell["value"]
        text = MISSING if value is None else _write(value)
        if value is not None:
            text += "" if cell["over_ceiling"] or not table.attrs["over_ceiling"] else UNDIVIDED
            text += "" if cell["readable"] else f" {MARK}"
        cells.setdefault(cell["dataset"], []).append(text)
    return [
        (f"{SCORE_ON}{dataset['name']}", heading(dataset["name"]), cells.get(dataset["name"], []))
        for dataset in table.attrs["datasets"]
    ]


def _counts(table: pd.DataFrame) -> list[str]:
    """Write on how many of the datasets each family has a score that counts in its mean."""
    counts: dict[str, list[bool]] = {}
    for cell in table.attrs["cells"]:
        counts_in_mean = cell["value"] is not None and (
            cell["over_ceiling"] or not table.attrs["over_ceiling"]
        )
        counts.setdefault(cell["family"], []).append(counts_in_mean)
    return [f"{sum(counts[family])} of {len(counts[family])}" for family in table["family"]]


def _heading(name: str) -> str:
    """Break the name of a dataset after its punctuation into short lines."""
    broken = "".join(f"{letter} " if letter in "-_,.[" else letter for letter in name)
    lines, line = [], ""
    for piece in broken.split(" "):
        if line and len(line) + len(piece) > _LONGEST_HEADING:
            lines.append(line)
            line = ""
        line += piece
    return "\n".join([*lines, line])


def _write(value: float) -> str:
    return MISSING if math.isnan(value) else write_number(value)


def _join_interval(low: float, high: float, write: Callable[[float], str]) -> str:
    return MISSING if math.isnan(low) else f"{write(low)} to {write(high)}"


def _write_plain(tables: Sequence[pd.DataFrame], *, layout: str, width: int | None) -> str:
    own, shared = share_sentences(
        [describe_board(table) for table in tables], [table.attrs["name"] for table in tables]
    )
    boards = [
        _write_board(table, findings, layout, width) for table, findings in zip(tables, own, strict=True)
    ]
    notes = "\n".join(_wrap(sentence, width) for sentence in shared)
    return "\n\n".join([*boards, *([notes] if notes else [])])


def _wrap(text: str, width: int | None) -> str:
    if width is None:
        return text
    return textwrap.fill(text, width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def _write_board(table: pd.DataFrame, findings: Sequence[str], layout: str, width: int | None) -> str:
    title = _wrap(title_of_board(table), width)
    below = [_wrap(sentence, width) for sentence in findings]
    if table.empty:
        return "\n\n".join([title, "nothing scored yet", *below])
    blocks = [_write_block(block, layout) for block in lay_out_board(table, width)]
    cautions = [_wrap(f"caution: {caution}", width) for caution in describe_board_cautions(table)]
    above = ["\n".join(cautions)] if cautions else []
    return "\n\n".join([title, *above, *blocks, *(["\n".join(below)] if below else [])])


def _write_block(block: Block, layout: str) -> str:
    if layout == "simple":
        name_width = max(len(line) for name, *_ in block.rows for line in name.split("\n"))
        return "\n".join(lay_out_rows(list(block.headings.values()), block.rows, name_width))
    return tabulate(
        block.rows,
        headers=[heading.replace("\n", " ") for heading in block.headings.values()],
        tablefmt=layout,
        disable_numparse=True,
        colalign=["left", *["right"] * (len(block.headings) - 1)],
    )


def _write_latex(tables: Sequence[pd.DataFrame]) -> str:
    written = []
    for table in tables:
        if table.empty:
            lines = [title_of_board(table), "nothing scored yet", *describe_board(table)]
            written.append("\n".join(f"% {line}" for line in lines))
            continue
        cautions = [f"Caution: {caution}" for caution in describe_board_cautions(table)]
        caption = " ".join([f"{title_of_board(table)}.", *cautions, *describe_board(table)])
        name = f"{table.attrs['board'] or 'board'}-{table.attrs['name']}"
        written.append(write_float(caption, name, lay_out_board(table, 110)))
    return "\n\n".join(written)


def _write_csv(tables: Sequence[pd.DataFrame]) -> str:
    labelled = [
        table.assign(
            simulated=table.attrs["simulated"],
            benchmark=table.attrs["benchmark"],
            benchmark_version=table.attrs["benchmark_version"],
            options=json.dumps(table.attrs["options"], sort_keys=True, default=str),
            statistic=table.attrs["statistic"]["identifier"],
            mean_over=table.attrs["mean_over"],
            over_ceiling=table.attrs["over_ceiling"],
            drawn=" ".join(table.attrs["drawn"]),
            note=[NOT_RANKED if name in table.attrs["unreadable"] else "" for name in table["family"]],
        )
        for table in tables
    ]
    return str(write_csv(pd.concat(labelled))).rstrip("\n")


def _write_json(tables: Sequence[pd.DataFrame]) -> str:
    boards = [
        {
            **table.attrs,
            "findings": describe_board(table),
            "rows": [{str(name): value for name, value in row.items()} for row in table.to_dict("records")],
        }
        for table in tables
    ]
    return json.dumps(plain({"boards": boards}), indent=1, default=str, allow_nan=False)


_STYLES: Mapping[str, Callable[[Sequence[pd.DataFrame]], str]] = {
    "table": partial(_write_plain, layout="simple", width=_WIDTH),
    "markdown": partial(_write_plain, layout="github", width=None),
    "latex": _write_latex,
    "csv": _write_csv,
    "json": _write_json,
}
