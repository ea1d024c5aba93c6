"""Rasters of the Neural Decoding Toolbox as ``.mat`` files: one site in each file.

``raster_data`` holds the spikes (trials × samples of a millisecond), ``raster_labels`` is a structure of cell arrays
with one label for each trial, and ``raster_site_info`` describes the site. Its field ``alignment_event_time``, where
present, is the sample of the event that trials are aligned to, counted from 1 [1]_.

References
----------
.. [1] Meyers, E. M. (2013). The neural decoding toolbox. Frontiers in Neuroinformatics, 7, 8.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.matlab_content import open_matlab
from neuroalign.datasets.formats.matlab_variables import Content, as_vector
from neuroalign.errors import DatasetError, name_some

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_DATA, _LABELS, _INFO, _EVENT = "raster_data", "raster_labels", "raster_site_info", "alignment_event_time"

#: Milliseconds of a sample; the toolbox has no other.
_SAMPLE = 1.0


@dataclass(frozen=True)
class MatSite:
    """Content of one ``.mat`` raster.

    Parameters
    ----------
    starts, ends : array of float, shape (n_bins,)
        Edges of the time bins in milliseconds, relative to stimulus onset.
    spikes : array of number, shape (n_trials, n_bins)
    labels : pandas.DataFrame
        Labels of each trial as text, one column for each label.
    info : dict of str to str
        Description of the site.
    onset : str
        Clause on the onset, for the user.
    passed_over : tuple of str
        Variables and fields that are not used.
    """

    starts: NDArray[Any]
    ends: NDArray[Any]
    spikes: NDArray[Any]
    labels: pd.DataFrame
    info: dict[str, str]
    onset: str
    passed_over: tuple[str, ...]


def is_raster(names: Collection[str]) -> bool:
    """Return whether the variables of a MATLAB file are a raster, or binned data of the toolbox."""
    return {_DATA, _LABELS} <= set(names) or {"binned_data", "binned_labels"} <= set(names)


def read_raster_mat(path: Path, name: str, onset: float | None) -> MatSite:
    """Read one ``.mat`` raster.

    Parameters
    ----------
    path : Path
    name : str
        Name of the file in messages.
    onset : float, optional
        Time of stimulus onset after the start of the raster, in milliseconds. By default the sample
        ``raster_site_info.alignment_event_time``.

    Raises
    ------
    DatasetError
        If the file is damaged or is not a raster, or neither `onset` nor the file gives the onset.
    """
    import numpy as np
    import pandas as pd

    with open_matlab(path) as content:
        names = {variable.split(".")[0] for variable in (*content.arrays, *content.cells, *content.idle)}
        if {"binned_data", "binned_labels"} & names:
            raise DatasetError(
                f"{name} holds binned data of the Neural Decoding Toolbox, with averages over bins that may overlap; "
                "give the rasters from which they were made"
            )
        if _DATA not in content.arrays:
            has = name_some(sorted({*names, *content.unreadable})) or "no variable"
            raise DatasetError(f"{name} is not a raster: it has no array {_DATA}; it has {has}")
        spikes = np.atleast_2d(content.arrays[_DATA].read())
        n_trials, n_bins = spikes.shape if spikes.ndim == 2 else (0, 0)
        if not n_trials or not n_bins:
            raise DatasetError(
                f"{_DATA} of {name} must be trials × time, got {' × '.join(map(str, spikes.shape))}"
            )
        _expect_spikes(spikes, name)
        labels = pd.DataFrame(_labels(content, n_trials, name))
        info, idle = _site_info(content)
        before, clause = _samples_before_onset(info.pop(_EVENT, None), onset, name)
        used = {
            _DATA,
            *(f"{_INFO}.{key}" for key in (*info, _EVENT)),
            *(f"{_LABELS}.{key}" for key in labels),
        }
        others = [
            variable
            for variable in (*content.arrays, *content.cells, *content.texts, *content.unreadable)
            if variable not in used and variable not in idle
        ]
    starts = np.arange(n_bins) * _SAMPLE - before
    return MatSite(starts, starts + _SAMPLE, spikes, labels, info, clause, (*idle, *others))


def _expect_spikes(spikes: NDArray[Any], name: str) -> None:
    """Refuse values that are not numbers of spikes in a millisecond."""
    import numpy as np

    values = np.asarray(spikes, dtype=np.float64)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise DatasetError(f"{_DATA} of {name} has NaN or infinity in trial {row + 1}, sample {column + 1}")
    if (values < 0).any() or (values % 1 != 0).any():
        raise DatasetError(
            f"{_DATA} of {name} must hold numbers of spikes (0, 1, 2, …) in each millisecond, got "
            f"{values[(values < 0) | (values % 1 != 0)][0]:g}; average other signals in a window and give them as a "
            "matrix with --axes"
        )


def _samples_before_onset(stated: str | None, onset: float | None, name: str) -> tuple[float, str]:
    """Return the milliseconds before onset, with a clause on their origin."""
    if onset is not None:
        note = "" if stated is None else f", not at sample {stated} of {_EVENT}"
        return (
            onset,
            f"Stimulus onset is {onset:g} ms after the start of each raster (--stimulus-onset){note}.",
        )
    if stated is None:
        raise DatasetError(
            f"{_INFO} of {name} does not give the stimulus onset: give the time from the start of the raster to the "
            "onset with --stimulus-onset MS, such as 500 (0 if rasters start at the onset)"
        )
    try:
        sample = float(stated)
    except ValueError:
        sample = float("nan")
    if not sample >= 1 or sample % 1:
        raise DatasetError(
            f"{_EVENT} of {name} must be the number of a sample, got {stated}; give --stimulus-onset MS"
        )
    return (
        (sample - 1) * _SAMPLE,
        f"Stimulus onset is the start of sample {sample:g} ({_INFO}.{_EVENT}, counted from 1), which is "
        f"{(sample - 1) * _SAMPLE:g} ms after the start of the raster.",
    )


def _labels(content: Content, n_trials: int, name: str) -> dict[str, list[str]]:
    labels: dict[str, list[str]] = {}
    prefix = f"{_LABELS}."
    for variable, cells in content.cells.items():
        if variable.startswith(prefix):
            labels[variable.removeprefix(prefix)] = [
                _as_text(cells.read(index), f"cell {index + 1} of {variable} of {name}")
                for index in range(len(cells))
            ]
    for variable, array in content.arrays.items():
        if variable.startswith(prefix):
            vector = as_vector(array.read())
            if vector is None:
                raise DatasetError(
                    f"{variable} of {name} must hold one label for each trial, got {array.shape}"
                )
            labels[variable.removeprefix(prefix)] = [_number(value) for value in vector]
    if not labels:
        raise DatasetError(
            f"{name} has no labels in {_LABELS} (a structure of cell arrays), so the stimulus of its trials is unknown"
        )
    for label, values in labels.items():
        if len(values) != n_trials:
            raise DatasetError(
                f"{prefix}{label} of {name} must have one label for each of the {n_trials} trials, got {len(values)}"
            )
    # The order of a structure's fields differs between versions 5 and 7.3, and names of stimuli depend on it.
    return {label: labels[label] for label in sorted(labels)}


def _site_info(content: Content) -> tuple[dict[str, str], list[str]]:
    """Return the fields of one value, and the names of the other fields."""
    info, idle = {}, []
    prefix = f"{_INFO}."
    for variable, text in content.texts.items():
        if variable.startswith(prefix):
            info[variable.removeprefix(prefix)] = text.strip() or "unknown"
    for variable, array in content.arrays.items():
        if not variable.startswith(prefix):
            continue
        if tuple(array.shape) and all(n == 1 for n in array.shape):
            info[variable.removeprefix(prefix)] = _number(array.read().reshape(-1)[0])
        else:
            idle.append(variable)
    for variable, cells in content.cells.items():
        if variable.startswith(prefix):
            if len(cells) == 1:
                info[variable.removeprefix(prefix)] = _as_text(cells.read(0), variable)
            else:
                idle.append(variable)
    return {key: info[key] for key in sorted(info)}, idle


def _as_text(value: NDArray[Any] | str, source: str) -> str:
    if isinstance(value, str):
        return value.strip()
    if value.size != 1:
        raise DatasetError(
            f"{source} must hold a text or a number, got {' × '.join(map(str, value.shape))} numbers"
        )
    return _number(value.reshape(-1)[0])


def _number(value: Any) -> str:
    return f"{float(value):.15g}"
