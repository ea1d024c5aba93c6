"""Collections: several datasets under one name, such as the sessions of one laboratory."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neuroalign.datasets.board_file import read_board_file
from neuroalign.datasets.catalogue import added_names, load_dataset, name_of_source, names_dataset
from neuroalign.datasets.columns import find_column
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import is_dataset_folder
from neuroalign.datasets.public.listing import members_of, public_names
from neuroalign.datasets.time_bins import expect_one_window
from neuroalign.errors import DatasetError, UnknownNameError, UsageError, count_noun, name_some
from neuroalign.names.syntax import format_spec, parse_spec
from neuroalign.validation import checks

#: Value that stands for every value of a column: ``my-cells[session=*]`` has one part for each session.
EVERY = "*"

#: Ending of a file that describes a collection or a board.
FILE_ENDING = ".toml"

# Files of collections in one another.
_MAX_DEPTH = 5


@dataclass(frozen=True, eq=False)
class Collection:
    """Several datasets under one name.

    Parameters
    ----------
    identifier : str
        Name in tables and records.
    members : tuple of str or Dataset
        Names or folders of datasets, or datasets, in the order of tables.
    """

    identifier: str
    members: tuple[str | Dataset, ...]

    def missing(self) -> list[str]:
        """Return the members that are public recordings and were not fetched yet."""
        return [member for member in self.members if isinstance(member, str) and _is_missing(member)]

    def fetched_by(self) -> str:
        """Return the arguments of ``neuroalign data fetch`` that fetch the missing members."""
        return self.identifier if self.identifier in public_names() else " ".join(self.missing())

    def load(self, *, available: bool = False) -> tuple[Dataset, ...]:
        """Load the members.

        Parameters
        ----------
        available : bool
            Whether to leave out public recordings that were not fetched yet.

        Returns
        -------
        tuple of Dataset
            At least one dataset.

        Raises
        ------
        UnknownNameError
            If a member was not fetched yet, unless `available`; the message names all of these members, and the command
            that fetches them. If a member does not exist.
        DatasetError
            If two members are one dataset, or some are simulated and others recorded.
        """
        missing = self.missing()
        kept = [member for member in self.members if member not in missing]
        if missing and not (available and kept):
            others = "" if not kept else f", or use the {len(kept)} others only: --available (available=True)"
            raise UnknownNameError(
                f"{len(missing)} of {count_noun(len(self.members), 'dataset')} of {self.identifier} "
                f"{'is' if len(missing) == 1 else 'are'} not added: {', '.join(missing)}; get them with: "
                f"neuroalign data fetch {self.fetched_by()}{others}"
            )
        loaded = tuple(load_dataset(member) for member in kept)
        for dataset in loaded:
            expect_one_window(dataset)
        expect_distinct(loaded, self.identifier)
        expect_one_kind(loaded)
        return loaded


def find_collection(source: "str | os.PathLike[str] | Dataset | Collection") -> Collection | None:
    """Find the collection that a name stands for.

    Parameters
    ----------
    source : str, path, Dataset or Collection
        Name of a collection of public recordings, such as ``cowley2023``; name of a dataset with ``*`` for a column,
        such as ``my-cells[session=*]``, which has one member for each value; or a TOML file with ``datasets = [...]``.

    Returns
    -------
    Collection or None
        None for the name or folder of one dataset, and for a name that does not exist.

    Raises
    ------
    UsageError
        If a file has a wrong entry, or contains itself.
    UnknownNameError
        If the dataset of a name with ``*`` does not exist, or does not have the column.

    Examples
    --------
    >>> find_collection("cowley2023").members[:2]
    ('cowley2023-190923', 'cowley2023-190925')
    """
    return _find(source, 0)


@checks("identifier")
def load_collection(
    source: "str | os.PathLike[str] | Sequence[str | Dataset] | Collection", *, identifier: str = ""
) -> Collection:
    """Return a collection by its name, its file, or its members.

    Parameters
    ----------
    source : str, path, sequence of str or Dataset, or Collection
        As for ``find_collection()``; or the members themselves: names, folders, datasets and collections. The members
        of a collection take its place.
    identifier : str
        Name of the collection in tables; by default its name, or the number of its members.

    Returns
    -------
    Collection

    Raises
    ------
    UsageError
        If there are no members, or the name denotes one dataset.
    UnknownNameError
        If no collection has the name.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.testing import make_dataset
    >>> days = na.load_collection([make_dataset("day1"), make_dataset("day2", seed=1)], identifier="days")
    >>> days.identifier, [day.identifier for day in days.load()]
    ('days', ['day1', 'day2'])
    """
    if isinstance(source, str | os.PathLike | Collection):
        collection = find_collection(source)
        if collection is None:
            # A name that does not exist raises its own error.
            dataset = load_dataset(source)  # type: ignore[arg-type]
            raise UsageError(f"{dataset.identifier} is one dataset; give a collection, or a list of datasets")
        return Collection(identifier or collection.identifier, collection.members)
    if not isinstance(source, Iterable):
        raise UsageError(f"a collection must be a name, a file or a list of datasets, got {source!r}")
    members = _flatten(list(source), 0)
    if not members:
        raise UsageError("a collection must have at least one dataset, got none")
    return Collection(identifier or count_noun(len(members), "dataset"), members)


def expect_distinct(datasets: Sequence[Dataset], owner: str) -> None:
    """Refuse one dataset under two names, or under one name twice.

    Raises
    ------
    DatasetError
        If two datasets have one name, or the same responses of the same neurons to the same stimuli.
    """
    names: dict[str, str] = {}
    for dataset in datasets:
        # The digest of a large recording takes time; equal numbers of neurons and trials are needed in any case.
        for key in (dataset.identifier, dataset.content_hash):
            if key in names:
                twice = dataset.identifier if names[key] == dataset.identifier else ""
                raise DatasetError(
                    f"{owner} has the dataset {twice} twice; give it once"
                    if twice
                    else f"{owner} has one dataset under two names, {names[key]} and {dataset.identifier}; give it once"
                )
            names[key] = dataset.identifier


def expect_one_kind(datasets: Sequence[Dataset]) -> None:
    """Refuse simulated and recorded datasets together.

    Raises
    ------
    DatasetError
        If some datasets are simulated and others recorded.
    """
    simulated = [dataset.identifier for dataset in datasets if dataset.simulated]
    recorded = [dataset.identifier for dataset in datasets if not dataset.simulated]
    if simulated and recorded:
        raise DatasetError(
            f"simulated and recorded neurons never share a table, got {name_some(simulated)} (simulated) and "
            f"{name_some(recorded)} (recorded); leave out one kind"
        )


def _find(source: "str | os.PathLike[str] | Dataset | Collection", depth: int) -> Collection | None:
    if isinstance(source, Collection):
        return source
    if isinstance(source, Dataset):
        return None
    name = name_of_source(source)
    path = Path(name).expanduser()
    if names_dataset(source) or is_dataset_folder(path):
        return None
    if name.endswith(FILE_ENDING):
        if depth == _MAX_DEPTH:
            raise UsageError(
                f"{name} is in more than {_MAX_DEPTH} files of collections in one another; does a file list itself?"
            )
        file = read_board_file(path)
        return Collection(file.name or path.stem, _flatten(file.located(path.parent), depth + 1))
    if name in public_names():
        members = [member.name for member in members_of(name)]
        return Collection(name, tuple(members)) if len(members) > 1 else None
    return _find_parts(name) if isinstance(source, str) and EVERY in name and "[" in name else None


def _find_parts(name: str) -> Collection | None:
    """Return one part for each value of the columns with the value ``*``; None without such a column."""
    spec = parse_spec(name)
    every = [column for column, value in spec.options.items() if value == EVERY]
    if not every or spec.wrappers:
        return None
    given = {column: value for column, value in spec.options.items() if column not in every}
    parts = [load_dataset(format_spec(spec.name, given))]
    for column in every:
        divided = []
        for part in parts:
            labels = find_column(part, column)
            values = labels.find(list(dict.fromkeys(labels.labels)))
            options = dict(parse_spec(part.identifier).options) if part.part_of else {}
            divided += [
                load_dataset(format_spec(spec.name, {**options, labels.name: value})) for value in values
            ]
        parts = divided
    return Collection(format_spec(spec.name, spec.options), tuple(parts))


def _flatten(sources: Sequence["str | os.PathLike[str] | Dataset"], depth: int) -> tuple[str | Dataset, ...]:
    """Replace collections by their members."""
    members: list[str | Dataset] = []
    for source in sources:
        collection = _find(source, depth)
        if collection is not None:
            members += collection.members
        else:
            members.append(source if isinstance(source, Dataset) else os.fspath(source))
    return tuple(members)


def _is_missing(name: str) -> bool:
    return name in public_names() and name not in added_names()
