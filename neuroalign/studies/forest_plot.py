"""Forest plot of the comparisons of a finding: positions on one axis, for the report to draw."""

from dataclasses import dataclass

import numpy as np

from neuroalign.studies.findings import Finding

# Share of the width that stays free on either side.
_ROOM = 0.04


@dataclass(frozen=True)
class Row:
    """One comparison, with positions in per cent of the width.

    Parameters
    ----------
    name, shown : str
        See :class:`neuroalign.studies.findings.Compared`.
    estimate, low, high, p : float
        Difference, limits of its interval, and p-value.
    reason : str
        Reason why the interval is missing; empty with an interval.
    at : float
        Position of the estimate; NaN without an estimate.
    start, length : float
        Position and length of the interval; NaN without an interval.
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
    """Forest plot of all comparisons of a finding.

    Parameters
    ----------
    axis : str
        Meaning of the differences.
    rows : tuple of Row
    zero : float
        Position of 0, in per cent.
    band_start, band_length : float
        Position and length of the band of differences that do not matter; the length is 0 without a margin.
    """

    axis: str
    rows: tuple[Row, ...]
    zero: float
    band_start: float
    band_length: float


def forest(finding: Finding) -> Forest | None:
    """Lay out the comparisons of a finding.

    Parameters
    ----------
    finding : Finding

    Returns
    -------
    Forest or None
        None for a finding without comparisons, or with differences that are all 0 or missing.
    """
    margin = finding.margin
    differences = [compared.difference for compared in finding.compared]
    numbers = [0.0, margin, -margin]
    numbers += [
        number
        for difference in differences
        for number in (difference.estimate, difference.low, difference.high)
    ]
    finite = [number for number in numbers if np.isfinite(number)]
    low, high = min(finite), max(finite)
    if not finding.compared or low == high:
        return None
    room = _ROOM * (high - low)
    low, width = low - room, high - low + 2 * room

    def place(x: float) -> float:
        return round(100 * (x - low) / width, 2)

    rows = tuple(
        Row(
            compared.name,
            compared.shown,
            difference.estimate,
            difference.low,
            difference.high,
            difference.p,
            difference.reason,
            place(difference.estimate),
            place(difference.low),
            round(place(difference.high) - place(difference.low), 2)
            if np.isfinite(difference.low)
            else float("nan"),
        )
        for compared, difference in zip(finding.compared, differences, strict=True)
    )
    return Forest(finding.axis, rows, place(0.0), place(-margin), round(place(margin) - place(-margin), 2))
