"""Result of a choice of layers inside the training folds: the score, the choice of each fold, and the naive maximum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.results.score import Score
from neuroalign.stats import permutation_p_value

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Entry of the provenance of a score with a layer that is chosen inside the training folds.
ENTRY = "layer_choice"


@dataclass(frozen=True, eq=False)
class LayerChoice:
    """Score of the layers that were chosen inside the training folds, beside the naive maximum over the layers.

    Parameters
    ----------
    score : Score
        Nested score: each fold is predicted by the layer that is best within its training stimuli.
    layers : tuple of str, length n_layers
        Names of the layers.
    groups : tuple of str, length n_groups
        Names of the groups of neurons that have a layer of their own; "all neurons" for one layer for all.
    group_sizes : tuple of int, length n_groups
        Numbers of neurons.
    fold_sizes : tuple of int, length n_folds
        Numbers of predicted stimuli.
    inner : array of float64, shape (n_layers, n_folds, n_groups)
        Score of each layer within the training stimuli of each fold.
    chosen : array of int64, shape (n_folds, n_groups)
        Index of the chosen layer.
    ordinary : array of float64, shape (n_layers, n_groups)
        Ordinary score of each layer, which the naive choice looks at.
    group_scores : array of float64, shape (n_groups,)
        Nested score of each group.
    naive_maximum : float
        Score with the layers that have the best ordinary score, which is chosen on the stimuli of the score.
    shuffled : array of float64, shape (n_layers, n_permutations, n_groups)
        Ordinary scores with the stimuli of all layers shuffled together; empty without shuffles.
    failures : mapping of str to str
        Layers that were left out, with the reasons.
    short_names : tuple of str, length n_layers
        Names of the layers in tables.
    """

    score: Score
    layers: tuple[str, ...]
    groups: tuple[str, ...]
    group_sizes: tuple[int, ...]
    fold_sizes: tuple[int, ...]
    inner: FloatArray
    chosen: IntArray
    ordinary: FloatArray
    group_scores: FloatArray
    naive_maximum: float
    shuffled: FloatArray
    failures: Mapping[str, str] = field(default_factory=dict)
    short_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.short_names:
            object.__setattr__(self, "short_names", self.layers)

    @property
    def naive_layers(self) -> tuple[str, ...]:
        """Layer with the best ordinary score, for each group."""
        return tuple(self.layers[index] for index in best_layers(self.ordinary, self.score.higher_is_better))

    @property
    def naive_gain(self) -> float:
        """How much better the naive maximum is than the nested score; positive for a naive maximum that is better."""
        gain = self.naive_maximum - self.score.value
        return gain if self.score.higher_is_better else -gain

    @property
    def chance_gain(self) -> float:
        """Gain of the naive choice by chance: best minus mean over layers with shuffled stimuli, mean over shuffles.

        The groups count by their number of neurons. NaN without shuffles.
        """
        if not self.shuffled.shape[1]:
            return float("nan")
        signed = self.shuffled if self.score.higher_is_better else -self.shuffled
        gains = (signed.max(axis=0) - signed.mean(axis=0)).mean(axis=0)
        return float(np.average(gains, weights=self.group_sizes))

    @property
    def p_of_maximum(self) -> float:
        """Exact p of the naive maximum against the maxima with shuffled stimuli, which corrects for the choice.

        NaN without shuffles, and with several groups.
        """
        if not self.shuffled.shape[1] or len(self.groups) > 1:
            return float("nan")
        higher = self.score.higher_is_better
        maxima = self.shuffled[..., 0].max(axis=0) if higher else self.shuffled[..., 0].min(axis=0)
        return permutation_p_value(self.naive_maximum, maxima, higher_is_better=higher)

    @property
    def beside(self) -> dict[str, float]:
        """Numbers of the choice, for ``Score.beside``."""
        return {
            "naive_maximum": self.naive_maximum,
            "naive_gain": self.naive_gain,
            "chance_gain": self.chance_gain,
            "p_of_maximum": self.p_of_maximum,
        }

    def to_record(self) -> dict[str, Any]:
        """Return the score, the layers and the choice of each fold as a dictionary that JSON can hold."""
        chosen = self.chosen
        return {
            "score": self.score.to_record(),
            "layers": [
                {
                    "layer": layer,
                    "ordinary": _by_group(self.groups, self.ordinary[index]),
                    "n_chosen": int((chosen == index).sum()),
                }
                for index, layer in enumerate(self.layers)
            ],
            "folds": [
                {
                    "fold": fold,
                    "n_stimuli": size,
                    "chosen": {
                        group: self.layers[chosen[fold, place]] for place, group in enumerate(self.groups)
                    },
                    "inner_scores": {
                        layer: _by_group(self.groups, self.inner[index, fold])
                        for index, layer in enumerate(self.layers)
                    },
                }
                for fold, size in enumerate(self.fold_sizes)
            ],
            "groups": [
                {"group": group, "n_neurons": size, "score": _finite_or_none(value), "naive_layer": naive}
                for group, size, value, naive in zip(
                    self.groups, self.group_sizes, self.group_scores.tolist(), self.naive_layers, strict=True
                )
            ],
            "naive_maximum": _finite_or_none(self.naive_maximum),
            "naive_gain": _finite_or_none(self.naive_gain),
            "chance_gain": _finite_or_none(self.chance_gain),
            "p_of_maximum": _finite_or_none(self.p_of_maximum),
            "n_permutations": int(self.shuffled.shape[1]),
            "failures": dict(self.failures),
        }

    def to_table(self) -> "pd.DataFrame":
        """Return the scores behind the choice as a table.

        Returns
        -------
        pandas.DataFrame
            A row for each fold, group of neurons and layer, with the columns ``benchmark``, ``group``, ``n_neurons``,
            ``fold`` (from 1), ``n_stimuli`` (of the fold), ``layer``, ``inner_score``, ``is_chosen``,
            ``ordinary_score`` (of the layer), ``score`` (nested, of the group) and ``naive_maximum`` (of all neurons).
        """
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "benchmark": self.score.benchmark,
                    "group": group,
                    "n_neurons": self.group_sizes[place],
                    "fold": fold + 1,
                    "n_stimuli": n_stimuli,
                    "layer": layer,
                    "inner_score": self.inner[index, fold, place],
                    "is_chosen": bool(self.chosen[fold, place] == index),
                    "ordinary_score": self.ordinary[index, place],
                    "score": self.group_scores[place],
                    "naive_maximum": self.naive_maximum,
                }
                for place, group in enumerate(self.groups)
                for fold, n_stimuli in enumerate(self.fold_sizes)
                for index, layer in enumerate(self.layers)
            ]
        )

    def stored(self, by: Sequence[str]) -> "LayerChoice":
        """Return the choice with all its parts in the score, from which :meth:`from_score` makes it again.

        Parameters
        ----------
        by : sequence of str
            Columns of the neurons behind the groups.
        """
        sizes = np.asarray(self.group_sizes)
        entry = {
            "layers": list(self.layers),
            "short_names": list(self.short_names),
            "by": list(by),
            "n_groups": len(self.groups),
            "seed": self.score.options.get("seed"),
            # For each fold the chosen layers, with their numbers of neurons.
            "chosen": [
                {self.layers[index]: int(sizes[fold == index].sum()) for index in np.unique(fold)}
                for fold in self.chosen
            ],
            "naive_layers": sorted(set(self.naive_layers), key=self.layers.index),
            "failures": dict(self.failures),
        }
        data = self.score.data.assign(
            inner_score=(("layer", "fold", "neuron_group"), self.inner),
            chosen_layer=(("fold", "neuron_group"), self.chosen),
            ordinary_score=(("layer", "neuron_group"), self.ordinary),
            shuffled_layers=(("layer", "layer_permutation", "neuron_group"), self.shuffled),
            group_score=("neuron_group", self.group_scores),
            group_size=("neuron_group", sizes),
            fold_size=("fold", np.asarray(self.fold_sizes)),
        ).assign_coords(layer=list(self.layers), neuron_group=list(self.groups))
        finite = {name: value for name, value in self.beside.items() if np.isfinite(value)}
        score = replace(
            self.score,
            beside={**self.score.beside, **finite},
            data=data,
            provenance={**self.score.provenance, ENTRY: entry},
        )
        return replace(self, score=score)

    @classmethod
    def from_score(cls, score: Score) -> "LayerChoice | None":
        """Return the choice behind a stored score; None for a score without one."""
        entry, data = score.provenance.get(ENTRY), score.data
        if not isinstance(entry, Mapping) or "inner_score" not in data:
            return None
        return cls(
            score=score,
            layers=tuple(data["layer"].values.astype(str).tolist()),
            groups=tuple(data["neuron_group"].values.astype(str).tolist()),
            group_sizes=tuple(data["group_size"].values.tolist()),
            fold_sizes=tuple(data["fold_size"].values.tolist()),
            inner=data["inner_score"].values,
            chosen=data["chosen_layer"].values.astype(np.int64),
            ordinary=data["ordinary_score"].values,
            group_scores=data["group_score"].values,
            naive_maximum=score.beside.get("naive_maximum", float("nan")),
            shuffled=data["shuffled_layers"].values,
            failures=dict(entry.get("failures", {})),
            short_names=tuple(entry.get("short_names", ())),
        )


def best_layers(scores: FloatArray, higher_is_better: bool) -> IntArray:
    """Return the index of the layer with the best score for each group; of equal scores the first.

    Parameters
    ----------
    scores : array of float64, shape (n_layers, n_groups)
    higher_is_better : bool
    """
    signed = scores if higher_is_better else -scores
    return np.where(np.isfinite(signed), signed, -np.inf).argmax(axis=0).astype(np.int64)


def _by_group(groups: Sequence[str], values: FloatArray) -> dict[str, float | None]:
    return {group: _finite_or_none(value) for group, value in zip(groups, values.tolist(), strict=True)}


def _finite_or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
