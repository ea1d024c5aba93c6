"""Parts of a dataset by groups and windows, and the model for each part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from neuroalign.datasets.columns import Label
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.grouping import group_conditions
from neuroalign.datasets.selection import select_part
from neuroalign.datasets.time_bins import expect_one_window
from neuroalign.datasets.time_windows import WINDOW, Window
from neuroalign.datasets.window_lists import list_windows
from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.models.loading import load_model
from neuroalign.models.model import Model, ModelFamily
from neuroalign.models.model_files import split_file
from neuroalign.names.syntax import parse_spec
from neuroalign.scoring.evaluate import instances_of


@dataclass(frozen=True, eq=False)
class Part:
    """Part of a dataset, or the reason why it does not exist.

    Parameters
    ----------
    conditions : mapping of str to value
        Values of the columns that make the group.
    window : (float, float) or None
        Start and end of the window in milliseconds.
    dataset : Dataset or None
        None where the part does not exist.
    reason : str
        Reason why the part does not exist, or the model cannot be loaded for it.
    """

    conditions: Mapping[str, Label]
    window: Window | None
    dataset: Dataset | None
    reason: str = ""

    @cached_property
    def stimuli(self) -> list[str]:
        """Sorted ids of the recorded stimuli."""
        if self.dataset is None:
            return []
        return sorted(set(self.dataset.recording["stimulus_id"].values.astype(str).tolist()))

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return 0 if self.dataset is None else self.dataset.recording.sizes["neuroid"]


def select_parts(dataset: Dataset, by: Sequence[str], windows: str | Sequence[Window]) -> list[Part]:
    """Select the part of each group and window.

    Parameters
    ----------
    dataset : Dataset
    by : sequence of str
        Columns; without any, the whole dataset is one group.
    windows : str or sequence of (float, float)
        Windows; see ``neuroalign.datasets.window_lists.list_windows``. Empty for a dataset without windows.

    Returns
    -------
    list of Part
        Groups in the order of their values, for each group the windows in the order of time.

    Raises
    ------
    UsageError
        If there are neither columns nor windows, or a column or window does not exist.
    """
    if not (by or len(windows)):
        raise UsageError("groups must have columns or windows, got neither; name columns in by, or windows")
    if not windows:
        expect_one_window(dataset)
    chosen: Sequence[Window | None] = list_windows(dataset, windows) if windows else [None]
    parts = []
    for conditions in group_conditions(dataset, by) if by else [{}]:
        for window in chosen:
            wanted: dict[str, Any] = {**conditions, **({} if window is None else {WINDOW: window})}
            try:
                parts.append(Part(conditions, window, select_part(dataset, wanted)))
            except NeuroalignError as error:
                parts.append(Part(conditions, window, None, str(error)))
    return parts


def load_for_parts(
    model: str | Model | ModelFamily, dataset: Dataset, parts: Sequence[Part]
) -> tuple[list[Model | ModelFamily | None], list[Part]]:
    """Load a model for each part; only families with instances that depend on the dataset are loaded again.

    Parameters
    ----------
    model : str, Model or ModelFamily
    dataset : Dataset
        Whole dataset.
    parts : sequence of Part

    Returns
    -------
    models : list of Model, ModelFamily or None
        Model for each part; None where the part does not exist, or the model cannot be loaded for it.
    parts : list of Part
        Parts with the reasons.

    Raises
    ------
    NeuroalignError
        If the model cannot be loaded for any part.
    """
    if not (isinstance(model, str) and depends_on_dataset(model)):
        loaded = load_model(model, dataset=dataset)
        return [loaded] * len(parts), list(parts)
    models: list[Model | ModelFamily | None] = []
    explained, errors = [], []
    for part in parts:
        own = None
        if part.dataset is not None:
            try:
                own = load_model(model, dataset=part.dataset)
                instances_of(own, part.dataset)
            except NeuroalignError as error:
                errors.append(error)
                own, part = None, replace(part, reason=str(error))
        models.append(own)
        explained.append(part)
    if errors and not any(loaded is not None for loaded in models):
        raise errors[0]
    return models, explained


def depends_on_dataset(name: str, options: Mapping[str, Any] | None = None) -> bool:
    """Return whether the name of a model may stand for a family with instances that depend on the dataset.

    Parameters
    ----------
    name : str
        Name of a model or family.
    options : mapping, optional
        Options in addition to the options in the name.

    Returns
    -------
    bool
    """
    spec = parse_spec(name)
    if split_file(spec.name) is not None:
        return bool(spec.options or options)
    return not spec.name.partition(":")[2]
