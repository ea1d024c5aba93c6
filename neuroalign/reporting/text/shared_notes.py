"""Sentences that several leaderboards share, so that each stands once."""

from collections.abc import Sequence

import pandas as pd

from neuroalign.comparison.leaderboard_findings import describe_cautions
from neuroalign.results.numbers import join_words, name_benchmark
from neuroalign.scoring.cautions import MARK


def share_sentences(
    by_table: Sequence[Sequence[str]], names: Sequence[str]
) -> tuple[list[list[str]], list[str]]:
    """Separate the sentences of single tables from the sentences of several tables.

    Parameters
    ----------
    by_table : sequence of sequence of str
        Sentences of each table.
    names : sequence of str
        Names of the tables.

    Returns
    -------
    own : list of list of str
        Sentences that stand below one table only.
    shared : list of str
        Sentences of several tables; the names of the tables come first where other tables do not have the sentence.

    Examples
    --------
    >>> share_sentences([["Same.", "Some."], ["Same.", "Some."], ["Same.", "One."]], ["ridge", "rsa", "cka"])
    ([[], [], ['One.']], ['Same.', 'ridge and rsa: Some.'])
    """
    owners: dict[str, list[str]] = {}
    for name, sentences in zip(names, by_table, strict=True):
        for sentence in dict.fromkeys(sentences):
            owners.setdefault(sentence, []).append(name)
    own = [[sentence for sentence in sentences if len(owners[sentence]) < 2] for sentences in by_table]
    shared = [
        sentence if len(have) == len(names) else f"{join_words(have)}: {sentence}"
        for sentence, have in owners.items()
        if len(have) > 1
    ]
    return own, shared


def share_cautions(tables: Sequence[pd.DataFrame]) -> tuple[list[list[str]], list[str]]:
    """Separate the cautions of single leaderboards from the cautions of several leaderboards.

    Parameters
    ----------
    tables : sequence of pandas.DataFrame
        Leaderboards from :func:`neuroalign.comparison.leaderboard.rank`.

    Returns
    -------
    own : list of list of str
        Cautions of one leaderboard only.
    shared : list of str
        Cautions of several leaderboards, with the names of the benchmarks.
    """
    given = [
        [
            _Caution(sentence, table.attrs["name"], table.attrs["benchmark"])
            for sentence in describe_cautions(table)
        ]
        for table in tables
    ]
    alike: dict[str, list[_Caution]] = {}
    for cautions in given:
        for caution in cautions:
            alike.setdefault(caution.key, []).append(caution)
    own = [[caution.sentence for caution in cautions if len(alike[caution.key]) < 2] for cautions in given]
    return own, [_merge(cautions) for cautions in alike.values() if len(cautions) > 1]


class _Caution:
    """Sentence about one family on one leaderboard, without the mark and the name of the benchmark."""

    def __init__(self, sentence: str, table: str, benchmark: str) -> None:
        self.sentence, self.table, self.benchmark = sentence, table, name_benchmark(benchmark)
        self.is_marked = sentence.startswith(f"{MARK} ")
        text = sentence.removeprefix(f"{MARK} ").removesuffix(".")
        self.text = text.removesuffix(f"{_NOT}{self.benchmark}")
        self.is_grave = self.text != text
        self.key = f"{self.text}{_NOT if self.is_grave else ''}"


_NOT = ": do not interpret "


def _merge(cautions: Sequence[_Caution]) -> str:
    first = cautions[0]
    mark = f"{MARK} " if any(caution.is_marked for caution in cautions) else ""
    if first.is_grave:
        names = dict.fromkeys(caution.benchmark for caution in cautions)
        return f"{mark}{first.text}{_NOT}{join_words([*names])}."
    return f"{mark}{first.text} ({join_words([caution.table for caution in cautions])})."
