"""Choice of a layer inside the training folds as plain text: score, naive maximum, and the choice of each fold."""

import math
from collections.abc import Sequence

import numpy as np

from neuroalign.errors import count_noun
from neuroalign.reporting.text.score_columns import lay_out_rows
from neuroalign.reporting.text.scores import score_table
from neuroalign.reporting.text.wrapping import wrap
from neuroalign.results.numbers import write_number
from neuroalign.scoring.chosen_layers import LayerChoice

# More rows of folds and groups are summarised; --json has all of them.
_MOST_ROWS = 60
# Letters of a name in a table.
_LONGEST_NAME = 26


def format_choice(choice: LayerChoice, *, width: int = 80) -> str:
    """Lay out the score of a choice, the naive maximum beside it, and the chosen layers.

    Parameters
    ----------
    choice : LayerChoice
    width : int
        Largest number of letters of a line.

    Returns
    -------
    str
    """
    blocks = [
        score_table([choice.score], is_family=False, width=width),
        "\n".join(wrap(compare_with_maximum(choice), width)),
        "\n".join(_table(choice)),
    ]
    return "\n\n".join(blocks)


def compare_with_maximum(choice: LayerChoice) -> str:
    """Compare the score with the naive maximum, and the difference with the gain by chance, in a sentence.

    Parameters
    ----------
    choice : LayerChoice
    """
    names = dict(zip(choice.layers, choice.short_names, strict=True))
    naive = list(dict.fromkeys(names[layer] for layer in choice.naive_layers))
    layer = f"of {naive[0]}" if len(naive) == 1 else f"with one of {len(naive)} layers for each group"
    difference = abs(choice.naive_gain)
    side = "better" if choice.naive_gain >= 0 else "worse"
    text = (
        f"naive maximum {layer}: {write_number(choice.naive_maximum)}, chosen on the scored stimuli, "
        f"{write_number(difference)} {side} than the score"
    )
    n_layers, n_shuffles = len(choice.layers), choice.shuffled.shape[1]
    if math.isnan(choice.chance_gain):
        return f"{text}; its gain by chance needs shuffles: --permutations 20"
    return (
        f"{text}; by chance, the maximum over {n_layers} layers gains {write_number(choice.chance_gain)} over their "
        f"mean ({count_noun(n_shuffles, 'shuffle')} of the stimuli)"
    )


def _table(choice: LayerChoice) -> list[str]:
    n_folds, n_groups = choice.chosen.shape
    names = [
        name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}" for name in choice.short_names
    ]
    if n_groups == 1:
        return _folds(choice, names, 0)
    if n_folds * n_groups <= _MOST_ROWS:
        blocks = []
        for group in range(n_groups):
            size, score = choice.group_sizes[group], choice.group_scores[group]
            heading = f"{choice.groups[group]}: {count_noun(size, 'neuron')}, score {write_number(score)}"
            blocks += ["", heading, *_folds(choice, names, group)]
        return blocks[1:]
    return _layers(choice, names)


def _folds(choice: LayerChoice, names: Sequence[str], group: int) -> list[str]:
    """Return a row for each fold: its chosen layer, the inner score of the layer, and the next layer."""
    rows = []
    for fold, size in enumerate(choice.fold_sizes):
        scores = choice.inner[:, fold, group]
        best = int(choice.chosen[fold, group])
        signed = np.nan_to_num(scores if choice.score.higher_is_better else -scores, nan=-np.inf)
        signed[best] = -np.inf
        second = int(signed.argmax())
        cells = [names[best], write_number(scores[best])]
        if len(scores) > 1:
            cells += [names[second], write_number(scores[second])]
        rows.append([str(fold + 1), f"{size:,}", *cells])
    headings = ["fold", "stimuli", "chosen layer", "inner\nscore", "next layer", "inner\nscore"]
    return lay_out_rows(headings[: len(rows[0])], rows, 4)


def _layers(choice: LayerChoice, names: Sequence[str]) -> list[str]:
    """Return a row for each layer: how often it is chosen, over folds and groups of neurons."""
    n_folds, n_groups = choice.chosen.shape
    rows = []
    for index, name in enumerate(names):
        n_chosen = int((choice.chosen == index).sum())
        share = write_number(n_chosen / choice.chosen.size, "percent")
        rows.append(
            [
                name,
                f"{n_chosen:,}",
                share,
                write_number(float(np.average(choice.ordinary[index], weights=choice.group_sizes))),
            ]
        )
    return [
        f"choices of {count_noun(n_groups, 'group')} in {count_noun(n_folds, 'fold')} (--json has each of them)",
        "",
        *lay_out_rows(["layer", "chosen", "share", "ordinary\nscore"], rows, 5),
    ]
