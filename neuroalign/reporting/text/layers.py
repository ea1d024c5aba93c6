"""Tables of the scores of the layers of a network, a row for each layer and group, as plain text."""

from collections import Counter
from collections.abc import Sequence

from neuroalign.errors import count_noun, name_some
from neuroalign.names.syntax import format_value
from neuroalign.reporting.text.grouped_scores import describe_missing
from neuroalign.reporting.text.score_columns import Column, lay_out_rows, pack_columns, score_columns
from neuroalign.reporting.text.scores import legend, tell_apart
from neuroalign.reporting.text.wrapping import wrap
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import MARK, is_readable, merge_cautions_of_instances
from neuroalign.scoring.declared import effect_of_units
from neuroalign.scoring.layers import LayerScore, LayerScores

# Fewest letters of a terminal for which numbers are laid out in columns.
_NARROWEST = 40
# Beginning of the reasons of layers that are copies of another layer.
_SAME = "has the same values as"


def layer_table(scores: LayerScores, *, width: int = 80) -> str:
    """Lay out the scores of layers: cautions, a table for each benchmark, and the layers that are left out.

    Parameters
    ----------
    scores : LayerScores
        Scores from :func:`neuroalign.scoring.layers.score_layers`.
    width : int
        Largest number of letters of a line.

    Returns
    -------
    str
    """
    scored = [row for row in scores.rows if row.score is not None]
    named = tell_apart([row.score for row in scored if row.score is not None])
    tables: dict[str, list[tuple[LayerScore, Score]]] = {}
    for row, score in zip(scored, named, strict=True):
        tables.setdefault(score.benchmark, []).append((row, score))
    cautions = merge_cautions_of_instances(
        [[score for _, score in members] for members in tables.values()], "rows"
    )
    marked = any(not is_readable(score) for score in named)
    columns: list[Column] = []
    kind = "simulated neurons" if scores.simulated else "recorded neurons"
    blocks = [
        wrap(f"layers of {scores.model} on {scores.dataset} ({kind})", width),
        [
            line
            for text in cautions
            for line in wrap(f"caution{f' ({MARK})' if marked else ''}: {text}", width)
        ],
    ]
    for members in tables.values():
        lines, shown = _block(scores, members, width)
        blocks.append(lines)
        columns += shown
    blocks += [
        legend(columns, width),
        [line for text in describe_missing([row.group for row in scores.rows]) for line in wrap(text, width)],
        [line for text in describe_layers(scores) for line in wrap(text, width)],
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def describe_layers(scores: LayerScores) -> list[str]:
    """State which layers were scored and left out, and how the scores depend on the number of units.

    Parameters
    ----------
    scores : LayerScores

    Returns
    -------
    list of str
    """
    n_layers = len({row.depth for row in scores.rows})
    lines = [f"{count_noun(n_layers, 'layer')}, by the order in which the network runs them"]
    if scores.left_out:
        reasons = Counter(
            _SAME if reason.startswith(_SAME) else reason for reason in scores.left_out.values()
        )
        texts = []
        for reason, n in reasons.items():
            if reason == _SAME:
                texts.append(f"{n:,} with the same values as a layer in the table")
            else:
                names = [name for name, other in scores.left_out.items() if other == reason]
                texts.append(f"{name_some(names, most=3)}: {reason}")
        lines.append(f"left out of the matching modules: {'; '.join(texts)} (--json names each)")
    benchmarks = dict.fromkeys(row.group.benchmark for row in scores.rows)
    sizes = {row.n_units for row in scores.rows if row.score is not None}
    if scores.common_units is not None:
        lines.append(f"every layer with {scores.common_units:,} units, drawn at random (seed {scores.seed})")
    elif len(sizes) > 1:
        for benchmark in benchmarks:
            effect = effect_of_units(benchmark)
            if effect:
                lines.append(
                    f"{benchmark} depends on the number of units (D): {effect}; --common-units min compares the layers "
                    "at one number"
                )
    return lines


def _block(
    scores: LayerScores, members: Sequence[tuple[LayerScore, Score]], width: int
) -> tuple[list[str], list[Column]]:
    """Lay out the rows of one benchmark; return the lines and the columns."""
    first = members[0][1]
    direction = "" if first.higher_is_better else ", lower is better"
    over = " or ".join(dict.fromkeys(score.error_over for _, score in members))
    lines = wrap(f"{first.benchmark}{direction} (± is the standard error over {over})", width)
    names = [
        f"{row.depth:>3}  {row.shown_layer}{'' if is_readable(score) else f' {MARK}'}"
        for row, score in members
    ]
    columns = [
        *(
            Column(name, name, [format_value(row.group.conditions[name]) for row, _ in members])
            for name in scores.by
        ),
        Column(
            "number of units", "D", ["" if row.n_units is None else f"{row.n_units:,}" for row, _ in members]
        ),
    ]
    sizes = [row.group.n_neurons for row, _ in members]
    if len(set(sizes)) > 1:
        columns.append(Column("neurons", "neurons", [f"{size:,}" for size in sizes]))
    score, *others = score_columns([score for _, score in members])
    # The bounds of the score come first.
    others.sort(key=lambda column: column.text not in ("chance", "ceiling"))
    columns += [score, *others]
    name_width = max(map(len, names))
    shown, *hidden = pack_columns(columns, max(width - name_width, _NARROWEST))
    cells = zip(names, *(column.cells for column in shown), strict=True)
    headings = ["     layer", *(column.heading for column in shown)]
    lines += ["", *lay_out_rows(headings, list(cells), name_width)]
    if hidden:
        lines += wrap(f"({count_noun(sum(map(len, hidden)), 'more number')} of each row with --json)", width)
    return lines, shown
