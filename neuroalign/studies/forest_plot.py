"""A finding's comparisons as a forest plot: positions on one axis, for the report to draw."""

from dataclasses import dataclass

import numpy as np

from neuroalign.studies.findings import Finding

# Shares of the width that are left free on either side.
_ROOM = 0.04


@dataclass(frozen=True)
class Row:
    """One comparison; positions are in per cent of the width.

    Parameters
    ----------
    name, shown : str
        As in :class:`neuroalign.studies.claims.Compared`.
    estimate, low, high : float
    p : float
    reason : str
        Why there is no interval.
    at, start, length : float
        Of the estimate and of its interval; NaN where there is none.
    """

    name: str
    shown: str
    estimate: float
    low: float
    high: float
    p: float
    reason: str
    at: float
    start: float
    length: float


@dataclass(frozen=True)
class Forest:
    """All comparisons of a finding.

    Parameters
    ----------
    axis : str
    rows : tuple of Row
    zero : float
        Where 0 is, in per cent.
    band_start, band_length : float
        Of what does not matter; a length of 0 without a margin.
    """

    axis: str
    rows: tuple[Row, ...]
    zero: float
    band_start: float
    band_length: float


def forest(finding: Finding) -> Forest | None:
    """Lay out a finding's comparisons; None where there is nothing to draw.

    Parameters
    ----------
    finding : Finding
    """
    margin = finding.margin
    numbers = [0.0, margin, -margin]
    numbers += [
        x
        for each in finding.compared
        for x in (each.difference.estimate, each.difference.low, each.difference.high)
    ]
    finite = [each for each in numbers if np.isfinite(each)]
    low, high = min(finite), max(finite)
    if not finding.compared or low == high:
        return None
    room = _ROOM * (high - low)
    low, width = low - room, high - low + 2 * room

    def place(x: float) -> float:
        return round(100 * (x - low) / width, 2)

    rows = tuple(
        Row(
            each.name,
            each.shown,
            of.estimate,
            of.low,
            of.high,
            of.p,
            of.reason,
            place(of.estimate),
            place(of.low),
            round(place(of.high) - place(of.low), 2) if np.isfinite(of.low) else float("nan"),
        )
        for each in finding.compared
        for of in [each.difference]
    )
    return Forest(finding.axis, rows, place(0.0), place(-margin), round(place(margin) - place(-margin), 2))
