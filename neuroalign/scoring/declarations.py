"""Declarations of a benchmark: symbol, numbers, needs, invariances, roles and cost."""

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

from neuroalign.results.numbers import Number

#: Requirements of a benchmark besides latents and responses.
Need = Literal["images", "decoder", "held-out stimuli", "single trials", "stimulus factors"]
#: Transformations of stimuli, neurons or units under which a benchmark can claim the same score.
#: Constant units and copies of units are added to the units of the model.
Invariance = Literal[
    "order of stimuli",
    "order of neurons",
    "order of units",
    "sign of units",
    "scale of units",
    "rotation of units",
    "constant units",
    "copies of units",
]

#: Size of the recording that :attr:`Declarations.seconds` is measured on.
TIMED_STIMULI, TIMED_NEURONS = 2_100, 159


class Declarations:
    """Facts about a benchmark that tables, plans and comparisons use; every declaration has a default.

    A benchmark inherits the declarations through :class:`neuroalign.Benchmark` and overrides the attributes that
    differ from the defaults.
    """

    #: Name in scores and leaderboards.
    identifier: ClassVar[str]
    #: Version of the numbers: raise it when the same input gives another number.
    version: ClassVar[int] = 1
    higher_is_better: ClassVar[bool] = True
    #: Question that the score answers, one sentence that ends with a question mark.
    question: ClassVar[str] = ""
    #: When to take the benchmark and when to take another one, in one or two sentences.
    advice: ClassVar[str] = ""
    #: Score of a model that has nothing in common with the neurons, in words, such as "0".
    score_by_chance: ClassVar[str] = ""
    #: Smallest and largest possible score with any options; imported scores outside these bounds are refused.
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    #: Oldest version with scores of which value and error follow from the arrays as in this version, so that imported
    #: scores of it are checked, too; 0 where only this version has such arrays.
    recomputes_since: ClassVar[int] = 0
    #: Symbol of the score in tables and sentences, such as "C"; by default the identifier in words.
    symbol: ClassVar[str] = ""
    #: Numbers beside the score, in the order of tables. A key of ``Score.beside`` without a declaration is shown by
    #: its identifier.
    numbers: ClassVar[tuple[Number, ...]] = ()
    #: Arrays in ``Score.data`` that figures draw, with their dimensions: ``weights`` (unit, neuroid) of a regression of
    #: each neuron on the units, ``predicted_latents`` (stimulus, unit) of held-out stimuli, ``variance_explained``
    #: (neuroid).
    arrays: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    #: Requirements besides latents and responses.
    needs: ClassVar[frozenset[Need]] = frozenset()
    #: Transformations of stimuli, neurons or units that leave the score unchanged, up to rounding.
    invariances: ClassVar[frozenset[Invariance]] = frozenset({"order of stimuli"})
    #: Whether the score depends on the decoder of the model as well as on its latents.
    uses_decoder: ClassVar[bool] = False
    #: Whether the benchmark is a control: it compares a score with another score and does not rank models.
    is_control: ClassVar[bool] = False
    #: Whether the benchmark refits the benchmark in its option ``benchmark`` to stimuli drawn with replacement. Its
    #: scores then hold the terms of each draw in ``data["terms"]``, (n_draws, n_neurons, n_terms).
    draws_stimuli: ClassVar[bool] = False
    #: Whether the score of a model that consists of a subset of the recorded neurons is an upper bound.
    has_ceiling: ClassVar[bool] = True
    #: Whether shuffled stimuli give a level of chance.
    has_chance: ClassVar[bool] = True
    #: Identifier of the number that compares the axes with other axes; empty for a benchmark without such a control.
    control: ClassVar[str] = ""
    #: Whether the benchmark asks about single units: its score means little where the model predicts no neuron.
    asks_about_single_units: ClassVar[bool] = False
    #: Whether scores depend on the number of informative units: models are then also compared at a matched number.
    depends_on_n_units: ClassVar[bool] = False
    #: Effect of the number of units on the score of an otherwise equal model, as a clause; empty if unknown. Tables of
    #: layers with different numbers of units show it.
    units_note: ClassVar[str] = ""
    #: Seconds for one score of 2,100 stimuli, 159 neurons and 50 units, measured on one core.
    seconds: ClassVar[float] = 1.0
    #: Whether the benchmark runs only on request; the benchmarks of Higgins et al. (2020) run by default.
    on_request: ClassVar[bool] = False

    def limits(self) -> tuple[float, float]:
        """Return the smallest and the largest score with the options of this benchmark; by default :attr:`bounds`."""
        return self.bounds

    @classmethod
    def level(cls) -> str:
        """Return the level that the score compares, in words: single units, populations, or other scores."""
        if cls.is_control or cls.draws_stimuli:
            return "other scores"
        return "single units" if cls.asks_about_single_units else "populations"

    def expected_seconds(self, n_stimuli: int, n_neurons: int) -> float:
        """Estimate how long one score takes on one core, before any score has been timed.

        Parameters
        ----------
        n_stimuli, n_neurons : int
            Size of the recording.

        Returns
        -------
        float
            Seconds; by default :attr:`seconds` in proportion to the size of the recording.
        """
        return self.seconds * n_stimuli * n_neurons / (TIMED_STIMULI * TIMED_NEURONS)

    def effect_of_noise(self) -> str:
        """Return the effect of neural noise on the score, as words that follow "noise"; empty if unknown."""
        return ""
