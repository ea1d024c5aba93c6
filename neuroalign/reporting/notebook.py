"""Scores, comparisons and leaderboards as HTML tables in notebooks."""

import math
from collections.abc import Sequence
from html import escape

from neuroalign.comparison.outcome import Comparison
from neuroalign.comparison.table import Leaderboard
from neuroalign.reporting.text.leaderboard_blocks import WORDS, lay_out_blocks, title_of
from neuroalign.reporting.text.overview import Row, describe_scores
from neuroalign.results.display import register_writer
from neuroalign.results.numbers import name_benchmark, write_number
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import cautions

_LEFT = ' style="text-align:left"'


def write_score(score: Score) -> str:
    """Write a score as HTML: cautions, a row for each number, and notes.

    Parameters
    ----------
    score : Score
        Score of a model, or of a family with its instances.
    """
    return write_scores([score])


def write_scores(scores: Sequence[Score]) -> str:
    """Write scores of one model by several benchmarks as one table, as :func:`write_score` writes one score.

    Parameters
    ----------
    scores : sequence of Score
        Scores of one model, or of one family, on one dataset.
    """
    if not scores:
        return "<p>no scores</p>"
    first = scores[0]
    instances = first.instances or (first,)
    n = f", {len(instances)} instances" if len(instances) > 1 else ""
    kind = "simulated" if instances[0].provenance.get("simulated") else "recorded"
    rows = [
        [
            (row.name.strip(), True),
            (f"{write_number(row.value)} {row.good}", False),
            ("–" if math.isnan(row.low) else f"[{row.low:z.2f}, {row.high:z.2f}]", False),
            (write_number(row.chance), False),
            (write_number(row.ceiling), False),
            (row.phrase, True),
        ]
        for row in _rows_of(scores)
    ]
    return "".join(
        [
            _title(f"{first.model}{n}, on {first.dataset} ({kind} neurons)"),
            _cautions(list(dict.fromkeys(caution for score in scores for caution in cautions(score)))),
            _table(["", "mean", "95 % interval", "chance", "ceiling", ""], rows),
            _notes(_notes_of(scores)),
        ]
    )


def _rows_of(scores: Sequence[Score]) -> list[Row]:
    # The score of a collection is a mean over the neurons of its datasets.
    return [
        row
        for score in scores
        for row in describe_scores((score,) if score.members else score.instances or (score,))
    ]


def _notes_of(scores: Sequence[Score]) -> list[str]:
    """Return the notes of scores, with the name of the benchmark where there are several."""
    if len(scores) == 1:
        return list(scores[0].notes)
    return [f"{name_benchmark(score.benchmark)}: {note}" for score in scores for note in score.notes]


def write_comparison(comparison: Comparison) -> str:
    """Write a comparison as HTML: cautions, the verdict, the scores and the tests.

    Parameters
    ----------
    comparison : Comparison
    """
    sides = (("a", comparison.a), ("b", comparison.b))
    scores = [
        [
            (score.model, True),
            (str(len(score.instances) or 1), False),
            (write_number(comparison.means[side]), False),
        ]
        for side, score in sides
    ]
    tests = [
        [
            (test.over, True),
            (test.n, False),
            (
                "–" if math.isnan(test.p) else f"{write_number(test.ci_low)} to {write_number(test.ci_high)}",
                False,
            ),
            (write_number(test.p, "p"), False),
            (test.method or test.reason, True),
        ]
        for test in comparison.generalisations
    ]
    return "".join(
        [
            _title(f"{comparison.a.model} against {comparison.b.model} on {comparison.a.dataset}"),
            _cautions(
                [
                    f"{score.model}: {caution}"
                    for side, score in sides
                    for caution in comparison.cautions[side]
                ]
            ),
            f"<p>{escape(comparison.sentence)}</p>",
            _table(["model", "n", comparison.statistic.label], scores),
            _table(["generalises over", "n", "95 % interval", "p", "how"], tests),
            _notes(comparison.confounds),
        ]
    )


def write_leaderboard(table: Leaderboard) -> str:
    """Write a leaderboard as HTML: cautions and the scores; the other tables can be opened.

    Parameters
    ----------
    table : Leaderboard
    """
    if table.empty:
        return _title(title_of(table)) + "<p>nothing scored yet</p>"
    attrs = table.attrs
    blocks = [
        _table(
            [heading.replace("\n", " ") for heading in block.headings.values()],
            [
                [(cell, name in WORDS) for name, cell in zip(block.headings, row, strict=True)]
                for row in block.rows
            ],
        )
        for block in lay_out_blocks(table)
    ]
    others = f"<details><summary>all numbers and tests</summary>{''.join(blocks[1:])}</details>"
    return "".join(
        [
            _title(title_of(table)),
            _cautions(
                [
                    f"{family}: {caution}"
                    for family in table["family"]
                    for caution in attrs["cautions"][family]
                ]
            ),
            blocks[0],
            others if len(blocks) > 1 else "",
        ]
    )


def _title(text: str) -> str:
    return f"<p><strong>{escape(text)}</strong></p>"


def _cautions(sentences: Sequence[str]) -> str:
    # Colour never stands alone. This red has a contrast above 4:1 on white and on dark pages.
    return "".join(
        f'<p style="color:#dc4040;margin:0.2em 0"><strong>caution:</strong> {escape(sentence)}</p>'
        for sentence in sentences
    )


def _table(headings: Sequence[str], rows: Sequence[Sequence[tuple[str, bool]]]) -> str:
    """Write a table; cells are text, and whether it is a word, which stands at the left."""
    head = "".join(f"<th{_LEFT}>{escape(heading)}</th>" for heading in headings)
    body = "".join(
        "<tr>"
        + "".join(f"<td{_LEFT if is_word else ''}>{escape(text)}</td>" for text, is_word in row)
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _notes(notes: Sequence[str]) -> str:
    return "".join(f"<p><small>{escape(note)}</small></p>" for note in notes)


register_writer("score", write_score)
register_writer("scores", write_scores)
register_writer("comparison", write_comparison)
register_writer("leaderboard", write_leaderboard)
