"""Site of a board of several datasets, written to a folder."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from neuroalign.comparison.board import boards
from neuroalign.comparison.board_columns import Source
from neuroalign.comparison.leaderboard import Correction
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.collection import Collection, find_collection
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError, name_some
from neuroalign.progress import progress
from neuroalign.reporting.site.board_contents import (
    collect_axes,
    dataset_card,
    dataset_folder,
    has_ceiling,
    lay_out_benchmarks,
    lay_out_columns,
    title_of_site,
)
from neuroalign.reporting.site.cards import lay_out_dataset_card, lay_out_family_cards, lay_out_model_card
from neuroalign.reporting.site.dataset_pages import lay_out_dataset, write_dataset
from neuroalign.reporting.site.pages import Pages, expect_site_folder, new_site
from neuroalign.reporting.text.citations import Entry, join_entries, list_entries
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.groups import load_benchmarks


def write_board_site(
    folder: "str | os.PathLike[str]",
    datasets: Sequence[Source],
    benchmarks: Sequence[str | Benchmark] | None = None,
    *,
    store: ResultsStore | None = None,
    correction: Correction = "holm",
    over_neurons: bool = True,
    over_ceiling: bool = False,
    stimulus_pictures: bool | None = None,
    command: str = "",
    **options: Any,
) -> Path:
    """Write a board of several datasets as a static site.

    Parameters
    ----------
    folder : path
        New or empty folder, or the folder of an earlier site, which is replaced.
    datasets : sequence of str, path, Dataset or Collection
        Datasets and collections; each is a column.
    benchmarks : sequence of str or Benchmark, optional
        By default every benchmark with a score.
    store : ResultsStore, optional
        Store with the scores; by default the store in the folder of neuroalign.
    correction, over_neurons, stimulus_pictures
        Tests and pictures on the pages of each dataset; see :func:`neuroalign.reporting.site.write_site`.
    command : str
        Command that the pages name as their origin; empty for a call in Python.
    over_ceiling : bool
        Whether the first page shows scores over their ceilings at first. Both are in the site.
    **options
        Further arguments of :func:`neuroalign.comparison.board.boards`.

    Returns
    -------
    Path
        Path of the first page. All pages work from the disk without a network.

    Raises
    ------
    UsageError
        If the folder holds files other than a site.
    NeuroalignError
        If nothing has been scored on the datasets.
    """
    target = expect_site_folder(folder)
    store = store or ResultsStore()
    wanted = None if benchmarks is None else load_benchmarks(benchmarks)
    sources = _load(datasets, available=options.get("mean") == "available")
    tables = boards(sources, wanted, store=store, **options)
    if not any(len(table) for table in tables):
        names = [dataset.identifier for source in sources for dataset in _members(source)]
        by = "" if wanted is None else f" by {', '.join(map(str, benchmarks or ()))}"
        raise NeuroalignError(
            f"nothing has been scored on {name_some(names)}{by} yet; try: neuroalign score MODEL {names[0]}"
        )
    divided: list[pd.DataFrame | None] = [None] * len(tables)
    if any(map(has_ceiling, tables)):
        # The same benchmarks in the same order.
        over_ceilings = boards(sources, wanted, store=store, over_ceiling=True, **options)
        divided = [
            other if has_ceiling(table) else None for table, other in zip(tables, over_ceilings, strict=True)
        ]
    pairs = [(table, other) for table, other in zip(tables, divided, strict=True) if len(table)]
    tables, divided = [table for table, _ in pairs], [other for _, other in pairs]
    loaded = [dataset for source in sources for dataset in _members(source)]
    models = options.get("models", ())
    by_dataset = {
        dataset.identifier: lay_out_dataset(
            dataset,
            wanted,
            store,
            correction=correction,
            over_neurons=over_neurons,
            stimulus_pictures=stimulus_pictures,
            shown=models,
        )
        for dataset in progress(loaded, description="ranking families", unit="dataset")
    }
    columns = lay_out_columns(tables[0], [name for name, own in by_dataset.items() if own.boards])
    laid_out = lay_out_benchmarks(tables, divided, columns, by_dataset)
    entries = list_entries(loaded, [benchmark["benchmark"] for benchmark in laid_out])
    title = title_of_site(tables[0].attrs["board"], tables[0].attrs["title"], columns)
    cards = {name: lay_out_dataset_card(of_dataset) for name, of_dataset in by_dataset.items()}
    with new_site(target) as temporary:
        pages = Pages(temporary, board_title=title, simulated=loaded[0].simulated, command=command)
        pages.write(
            "index.html",
            "board.html",
            columns=columns,
            benchmarks=laid_out,
            datasets=[cards[name] for name in by_dataset],
            bibtex=join_entries(entries),
            data={
                "over_ceiling": over_ceiling,
                "columns": [{"key": column["key"], "name": column["name"]} for column in columns],
                "axes": collect_axes(laid_out),
                "entries": [_for_script(entry, columns, laid_out) for entry in entries],
            },
        )
        (temporary / "citations.bib").write_text(join_entries(entries), encoding="utf-8")
        for name, of_dataset in by_dataset.items():
            pages.write(dataset_card(name), "dataset_card.html", card=cards[name])
            if of_dataset.boards:
                write_dataset(
                    temporary,
                    of_dataset,
                    store,
                    inside=dataset_folder(name),
                    board_title=title,
                    command=command,
                )
        for family in lay_out_family_cards(by_dataset.values()):
            pages.write(family["page"], "family_card.html", family=family)
            for model in family["models"]:
                pages.write(model["page"], "model_card.html", model=model, card=lay_out_model_card(model))
    return target / "index.html"


def _for_script(
    entry: Entry, columns: Sequence[Mapping[str, Any]], benchmarks: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Name the columns and benchmarks of an entry as addresses name them."""
    return {
        "text": entry.text,
        "datasets": [
            column["key"]
            for column in columns
            if any(member["name"] in entry.datasets for member in column["members"])
        ],
        "benchmarks": [
            benchmark["key"] for benchmark in benchmarks if benchmark["benchmark"] in entry.benchmarks
        ],
    }


def _load(datasets: Sequence[Source], *, available: bool) -> list[Dataset | Collection]:
    """Load the datasets once, for the board and for the pages of each dataset."""
    loaded: list[Dataset | Collection] = []
    for source in datasets:
        collection = find_collection(source)
        if collection is None:
            assert not isinstance(source, Collection)
            loaded.append(load_dataset(source))
            continue
        fetched = iter(collection.load(available=available))
        missing = collection.missing()
        members = tuple(member if member in missing else next(fetched) for member in collection.members)
        loaded.append(Collection(collection.identifier, members))
    return loaded


def _members(source: Dataset | Collection) -> list[Dataset]:
    """Return the datasets that were loaded."""
    if isinstance(source, Dataset):
        return [source]
    return [member for member in source.members if isinstance(member, Dataset)]
