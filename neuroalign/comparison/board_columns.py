"""Columns of a board: datasets and collections of datasets."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.collection import Collection, expect_distinct, expect_one_kind, find_collection
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_bins import expect_one_window
from neuroalign.errors import UsageError

#: A dataset or a collection, or its name.
Source = str | os.PathLike[str] | Dataset | Collection


@dataclass(frozen=True, eq=False)
class BoardColumn:
    """Column of a board.

    Parameters
    ----------
    name : str
        Name of the dataset or collection.
    datasets : tuple of Dataset
        The dataset, or the members of the collection.
    places : range
        Places of `datasets` among the datasets of all columns.
    left_out : tuple of str
        Members of the collection that were not fetched.
    """

    name: str
    datasets: tuple[Dataset, ...]
    places: range
    left_out: tuple[str, ...] = ()


def make_columns(
    sources: Sequence[Source], *, members: bool = False, available: bool = False
) -> list[BoardColumn]:
    """Load the datasets of a board.

    Parameters
    ----------
    sources : sequence of str, path, Dataset or Collection
        Datasets and collections.
    members : bool
        Whether each member of a collection is a column.
    available : bool
        Whether to leave out members that were not fetched.

    Returns
    -------
    list of BoardColumn

    Raises
    ------
    DatasetError
        If some datasets are simulated and others recorded, or a dataset occurs twice.
    UsageError
        If two collections have one name.
    """
    loaded: list[tuple[str, tuple[Dataset, ...], tuple[str, ...]]] = []
    for source in sources:
        collection = find_collection(source)
        if collection is None:
            assert not isinstance(source, Collection)
            dataset = load_dataset(source)
            expect_one_window(dataset)
            loaded.append((dataset.identifier, (dataset,), ()))
            continue
        datasets = collection.load(available=available)
        if members:
            loaded += [(dataset.identifier, (dataset,), ()) for dataset in datasets]
        else:
            loaded.append((collection.identifier, datasets, tuple(collection.missing())))
    everything = [dataset for _, datasets, _ in loaded for dataset in datasets]
    expect_one_kind(everything)
    expect_distinct(everything, "the board")
    columns: list[BoardColumn] = []
    start = 0
    for name, datasets, left_out in loaded:
        if any(column.name == name for column in columns):
            raise UsageError(f"datasets of a board must have different names, got two named {name}")
        columns.append(BoardColumn(name, datasets, range(start, start + len(datasets)), left_out))
        start += len(datasets)
    return columns
