"""Tables of the scores on the datasets of a collection, with a last row for all neurons together."""

import math
import textwrap
from collections.abc import Sequence

from neuroalign.errors import count_noun, name_some
from neuroalign.names.syntax import format_spec
from neuroalign.reporting.text.score_columns import Column, lay_out_rows, pack_columns, score_columns
from neuroalign.reporting.text.wrapping import wrap
from neuroalign.results.numbers import write_number
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import MARK, cautions, is_readable
from neuroalign.scoring.collection import MemberScores

# Letters of a line of a name.
_LONGEST_NAME = 24


def collection_table(members: Sequence[MemberScores], summaries: Sequence[Score], *, width: int = 80) -> str:
    """Lay out the scores of a model on each dataset, and their mean over all neurons, a block for each benchmark.

    Parameters
    ----------
    members : sequence of MemberScores
        Scores from :func:`neuroalign.scoring.collection.score_members`.
    summaries : sequence of Score
        Means from :func:`neuroalign.scoring.collection.summarise_members`.
    width : int
        Largest number of letters of a line.

    Returns
    -------
    str
    """
    first = summaries[0]
    kind = "simulated neurons" if members[0].dataset.simulated else "recorded neurons"
    counts = ", ".join(
        f"{first.provenance[f'n_{noun}']:,} {noun if first.provenance[f'n_{noun}'] > 1 else noun[:-1]}"
        for noun in ("datasets", "animals", "sessions", "neurons")
    )
    name = first.family if members[0].is_family else first.model
    title = [*_wrap(f"{name} on {first.dataset} ({kind})", width), *_wrap(counts, width)]
    several = len({summary.benchmark for summary in summaries}) < len(summaries)
    notes = _shared_notes(summaries)
    blocks = [
        title,
        _cautions(summaries, width),
        *(_block(summary, tell_apart=several, shared=notes, width=width) for summary in summaries),
        [line for note in notes for line in _wrap(note, width)],
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _block(summary: Score, *, tell_apart: bool, shared: Sequence[str], width: int) -> list[str]:
    """Lay out the scores of all datasets by one benchmark."""
    over = " or ".join(dict.fromkeys(score.error_over for score in summary.members))
    name = format_spec(summary.benchmark, dict(summary.options)) if tell_apart else summary.benchmark
    direction = "" if summary.higher_is_better else ", lower is better"
    lines = _wrap(f"{name}{direction} (± is the standard error over {over})", width)
    everything = f"all {count_noun(len(summary.members), 'dataset')}"
    names = [f"{score.dataset}{'' if is_readable(score) else f' {MARK}'}" for score in summary.members]
    wrapped = ["\n".join(textwrap.wrap(text, _LONGEST_NAME)) for text in (*names, everything)]
    name_width = max(len(line) for text in wrapped for line in text.split("\n"))
    columns = [_counts(summary), *score_columns([*summary.members, summary])]
    for shown in pack_columns(columns, width - name_width):
        rows = [[text, *(column.cells[row] for column in shown)] for row, text in enumerate(wrapped)]
        if any(cell != "–" for cell in rows[-1][1:]):
            rows.insert(-1, [""] * len(rows[0]))
        else:
            del rows[-1]
        lines += ["", *lay_out_rows(["", *(column.heading for column in shown)], rows, name_width)]
    lines += ["", *_wrap(f"{everything}: {_describe_error(summary)}", width)]
    return [*lines, *(line for note in summary.notes if note not in shared for line in _wrap(note, width))]


def _counts(summary: Score) -> Column:
    """Return the column with the number of neurons of each dataset."""
    numbers = [_n_neurons(score) for score in summary.members] + [summary.provenance["n_neurons"]]
    cells = ["–" if number is None else f"{number:,}" for number in numbers]
    return Column("neurons", "neurons", cells)


def _n_neurons(score: Score) -> int | None:
    number = (score.instances[0] if score.instances else score).provenance.get("n_neurons")
    return number if isinstance(number, int) else None


def _describe_error(summary: Score) -> str:
    """Describe the mean, its error and its interval."""
    mean = (
        "mean over all neurons" if summary.provenance["mean_over"] == "neurons" else "mean over the datasets"
    )
    if math.isnan(summary.error):
        return f"{mean}; no error, because nothing can be drawn more than once"
    low, high = summary.provenance["interval"]
    return (
        f"{mean}; ± is the standard error of a hierarchical bootstrap over {summary.error_over}, 95 % interval "
        f"{write_number(low)} to {write_number(high)}"
    )


def _shared_notes(summaries: Sequence[Score]) -> list[str]:
    """Return the notes that all benchmarks share."""
    return [note for note in summaries[0].notes if all(note in summary.notes for summary in summaries)]


def _cautions(summaries: Sequence[Score], width: int) -> list[str]:
    """Return each caution once, with its datasets."""
    owners: dict[str, list[str]] = {}
    marked = False
    for summary in summaries:
        for score in summary.members:
            marked = marked or not is_readable(score)
            for caution in cautions(score):
                names = owners.setdefault(caution, [])
                if score.dataset not in names:
                    names.append(score.dataset)
    mark = f" ({MARK})" if marked else ""
    return [
        line
        for caution, names in owners.items()
        for line in _wrap(f"caution{mark}: {name_some(names, most=12)}: {caution}", width)
    ]


def _wrap(text: str, width: int) -> list[str]:
    return wrap(text, width)
