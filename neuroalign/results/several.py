"""Scores of one model by several benchmarks."""

from neuroalign.results.display import as_html
from neuroalign.results.score import Score

__all__ = ["Scores"]


class Scores(list[Score]):
    """List of scores of one model, in the order of the benchmarks: printed as a line each, in notebooks as a table."""

    def __str__(self) -> str:
        return "\n".join(str(score) for score in self)

    def _repr_html_(self) -> str | None:
        return as_html("scores", self)
