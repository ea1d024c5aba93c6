"""Statistics of a benchmark, and their resampling over neurons and stimuli."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from neuroalign.errors import unknown_name
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import Resampling, Statistic


class Resampled:
    """Statistics by which the scores of a benchmark are ranked and tested.

    The defaults rank models by the score itself and test them over instances. A benchmark overrides `statistics` to
    offer more numbers, and `resampling` to allow errors over neurons or stimuli.
    """

    identifier: ClassVar[str]
    higher_is_better: ClassVar[bool]

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Numbers of a score by which models can be ranked and tested; families are ranked by the first number."""
        return (Statistic("value", self.identifier, self.higher_is_better),)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Return how a statistic of this benchmark is resampled over neurons and stimuli.

        Parameters
        ----------
        statistic : str
            Identifier of one of `statistics`; the first by default.
        scores : sequence of Score
            All scores of a comparison, for statistics that put them on common terms, such as one number of units.

        Returns
        -------
        Resampling

        Raises
        ------
        UnknownNameError
            If the benchmark does not have the statistic.
        """
        chosen = self.find_statistic(statistic)

        def read(score: Score) -> float:
            return (
                score.value if chosen.identifier == "value" else score.beside.get(chosen.identifier, np.nan)
            )

        return Resampling(chosen, read, reason=f"{self.identifier} has no terms of single neurons")

    def recompute(self, score: Score) -> dict[str, float]:
        """Compute numbers of a score from its arrays, so that the numbers of an imported score can be checked.

        Parameters
        ----------
        score : Score
            Score by this benchmark, with its arrays.

        Returns
        -------
        dict of str to float
            "value", "error" and keys of ``Score.beside``. By default the statistics that can be resampled over neurons,
            with every neuron once, and no error. A benchmark adds its error where the arrays hold its terms.

        Raises
        ------
        Exception
            Any, if arrays are missing or of another shape.
        """
        numbers = {}
        for statistic in self.statistics:
            resampling = self.resampling(statistic.identifier, [score])
            claimed = resampling.read(score)
            if resampling.from_score is not None and not statistic.equalises and np.isfinite(claimed):
                of_neurons = resampling.from_score(score)
                numbers[statistic.identifier] = float(of_neurons(np.ones((1, len(of_neurons.neurons))))[0])
        return numbers

    def find_statistic(self, identifier: str = "") -> Statistic:
        """Return one of `statistics` by its identifier, the first by default.

        Raises
        ------
        UnknownNameError
            If the benchmark does not have the statistic.
        """
        statistics = {statistic.identifier: statistic for statistic in self.statistics}
        if not identifier:
            return self.statistics[0]
        if identifier not in statistics:
            raise unknown_name(f"statistic of {self.identifier}", identifier, list(statistics))
        return statistics[identifier]
