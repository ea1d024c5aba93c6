"""Sentences below a board: meaning of its means and intervals, missing scores, ceilings, and cautions."""

import pandas as pd

from neuroalign.errors import count_noun, name_some
from neuroalign.results.numbers import join_words
from neuroalign.scoring.cautions import MARK
from neuroalign.stats.hierarchical import FEW_ANIMALS

# Cautions, and names in a sentence, that are shown at most.
_MOST_CAUTIONS = 6
_MOST_NAMES = 4


def describe_board(table: pd.DataFrame) -> list[str]:
    """Describe the means, the intervals and the gaps of a board, in sentences.

    Parameters
    ----------
    table : pandas.DataFrame
        Board from :func:`neuroalign.comparison.board.boards`.

    Returns
    -------
    list of str
    """
    attrs = table.attrs
    sentences = []
    if attrs["is_control"]:
        sentences.append(f"{attrs['name']} is a control: its families are not ranked.")
    if not table.empty:
        sentences += [*_describe_mean(table), *_describe_intervals(table)]
    sentences += [
        f"{note[0].upper() + note[1:] if _starts_a_sentence(note) else note}." for note in attrs["notes"]
    ]
    sentences += [*_describe_missing(table), *_describe_ceilings(table)]
    for dataset in attrs["datasets"]:
        if dataset["left_out"]:
            sentences.append(
                f"Not added, and left out of {dataset['name']}: {', '.join(dataset['left_out'])}."
            )
    for dataset, reasons in attrs["left_out"].items():
        counts = ", ".join(f"{n:,} {reason}" for reason, n in reasons.items())
        sentences.append(f"Left out on {dataset}: {counts}.")
    return sentences


def describe_board_cautions(table: pd.DataFrame) -> list[str]:
    """Name the scores that must not be read, with the reasons, in sentences; only the first ones.

    Parameters
    ----------
    table : pandas.DataFrame
        Board from :func:`neuroalign.comparison.board.boards`.

    Returns
    -------
    list of str
        ``MARK`` stands before a score that must not be interpreted.
    """
    sentences = [
        f"{'' if cell['readable'] else f'{MARK} '}{cell['family']} on {cell['dataset']}: {caution}."
        for cell in table.attrs["cells"]
        for caution in cell["cautions"]
    ]
    # Scores that must not be interpreted come first.
    sentences.sort(key=lambda sentence: not sentence.startswith(MARK))
    n_more = len(sentences) - _MOST_CAUTIONS
    more = [f"{count_noun(n_more, 'more caution')}; --format json has all."] if n_more > 0 else []
    return [*sentences[:_MOST_CAUTIONS], *more]


def _describe_mean(table: pd.DataFrame) -> list[str]:
    attrs = table.attrs
    pooled = [dataset for dataset in attrs["datasets"] if len(dataset["members"]) > 1]
    sentences = []
    if len(attrs["datasets"]) > 1:
        datasets = "the datasets with a score" if attrs["mean_over"] == "available" else "the datasets"
        sentences.append(f"Mean over {datasets}, which count equally.")
    for dataset in pooled:
        count = "its neurons" if "neurons" in attrs["drawn"] else "its datasets, which count equally"
        n = len(dataset["members"])
        sentences.append(
            f"{dataset['name']} has {count_noun(n, 'dataset')}; its score is the mean over {count}."
        )
    without = list(table["family"][table["mean"].isna()])
    if without:
        hint = "" if attrs["mean_over"] == "available" else "; --mean available averages the others"
        sentences.append(
            f"No mean, because scores are missing: {name_some(without, most=_MOST_NAMES)}{hint}."
        )
    if attrs["unreadable"] and not attrs["is_control"]:
        sentences.append(
            "Not ranked, because a score in the mean must not be interpreted: "
            f"{name_some(attrs['unreadable'], most=_MOST_NAMES)}."
        )
    if attrs["mean_over"] == "available" and attrs["missing"]:
        names = list(dict.fromkeys(family for family, _ in attrs["missing"]))
        sentences.append(
            f"Families with missing scores have means over fewer datasets, so their means and ranks are not comparable "
            f"with the others: {name_some(names, most=_MOST_NAMES)}."
        )
    return sentences


def _describe_intervals(table: pd.DataFrame) -> list[str]:
    attrs = table.attrs
    if not attrs["drawn"]:
        reasons = "; ".join(attrs["no_neurons"])
        why = f", and neurons are not drawn: {reasons}" if reasons else ""
        return [f"No intervals: the levels that are drawn have one member each{why}."]
    drawn = join_words([count_noun(attrs["levels"][level], level[:-1]) for level in attrs["drawn"]])
    sentences = [
        f"Intervals: hierarchical bootstrap over {drawn}, {attrs['n_resamples']:,} draws, the same for all families. "
        "Instances, stimuli and ceilings are taken as given."
    ]
    if attrs["few_animals"]:
        n = count_noun(attrs["levels"]["animals"], "animal")
        sentences.append(
            f"{n} are too few for intervals over animals (fewer than {FEW_ANIMALS}): they are not trustworthy; "
            "--over sessions takes the animals as given."
        )
    if attrs["no_neurons"]:
        sentences.append(f"Neurons are not drawn: {'; '.join(attrs['no_neurons'])}.")
    return sentences


def _describe_missing(table: pd.DataFrame) -> list[str]:
    missing = table.attrs["missing"]
    if not missing:
        return []
    family, dataset = missing[0]
    listed = name_some([f"{name} on {where}" for name, where in missing], most=_MOST_NAMES)
    command = f"neuroalign score {_quoted(family)} {_quoted(dataset)} -b {_quoted(table.attrs['name'])}"
    return [f"Missing: {listed}; compute with: {command}"]


def _describe_ceilings(table: pd.DataFrame) -> list[str]:
    without = table.attrs["without_ceiling"]
    if not without:
        return []
    datasets = list(dict.fromkeys(dataset for _, dataset in without))
    return [
        f"Without a ceiling, so neither divided (*) nor in the mean: scores on {name_some(datasets, most=_MOST_NAMES)}."
    ]


def _quoted(name: str) -> str:
    return f'"{name}"' if "[" in name else name


def _starts_a_sentence(note: str) -> bool:
    """Whether a note starts with a word that is not the name of a dataset."""
    return note.startswith(("animals of", "neurons of"))
