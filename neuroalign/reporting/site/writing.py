"""Pages of a site, written to a folder."""

import os
import shutil
from collections.abc import Sequence
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2

from neuroalign.comparison import median_reliability
from neuroalign.comparison.groups import read_group
from neuroalign.comparison.leaderboard import (
    SCOPE_OF_CROSSED_TEST,
    SCOPE_OF_WELCH,
    Correction,
    rank,
)
from neuroalign.comparison.pairs import ALPHA
from neuroalign.comparison.score_groups import group_scores
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_bins import expect_one_window
from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.progress import progress
from neuroalign.reporting.site import contents
from neuroalign.reporting.site.names import page_name
from neuroalign.reporting.site.replacing import atomic_folder, restore_folder
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.groups import load_benchmarks

#: Name of the file that marks a folder as a site of neuroalign, which may be replaced.
MARKER = ".neuroalign-site"


def write_site(
    folder: "str | os.PathLike[str]",
    dataset: str | Dataset,
    benchmarks: Sequence[str | Benchmark] | None = None,
    *,
    store: ResultsStore | None = None,
    correction: Correction = "holm",
    over_neurons: bool = True,
) -> Path:
    """Write the leaderboards of a dataset as a static site.

    Parameters
    ----------
    folder : path
        New or empty folder, or the folder of an earlier site, which is replaced.
    dataset, benchmarks, store, correction
        As for :func:`neuroalign.comparison.leaderboard.leaderboards`.
    over_neurons : bool
        Whether to test over instances and neurons, too. The pages of the models need the arrays in either case.

    Returns
    -------
    Path
        Path of the first page. All pages work from the disk without a network.

    Raises
    ------
    UsageError
        If the folder holds files other than a site.
    NeuroalignError
        If nothing has been scored.
    """
    target = Path(folder)
    restore_folder(target)
    if target.exists() and not (
        target.is_dir() and ((target / MARKER).is_file() or not any(target.iterdir()))
    ):
        raise UsageError(
            f"{target} must be a new folder, an empty folder or a site of neuroalign, got a folder with other files; "
            "name a new folder"
        )
    loaded = load_dataset(dataset)
    expect_one_window(loaded)
    store = store or ResultsStore()
    wanted = None if benchmarks is None else load_benchmarks(benchmarks)
    items = store.items(dataset=loaded.identifier)
    groups = [group for group in group_scores(items, loaded, wanted) if group.families]
    if not groups:
        raise NeuroalignError(f"nothing has been scored on {loaded.identifier} yet")
    reliability = median_reliability(loaded)
    boards = [
        contents.lay_out_board(
            group,
            rank(
                group,
                loaded,
                read_group(group, store, over_neurons),
                correction=correction,
                reliability=reliability,
            ),
        )
        for group in groups
    ]
    families = contents.collect_families(groups, boards)

    with atomic_folder(target) as temporary:
        pages = _Pages(temporary, dataset=loaded, correction=correction)
        pages.write("index.html", "index.html", boards=boards)
        pages.write(
            f"datasets/{page_name(loaded.identifier)}",
            "dataset.html",
            about=contents.describe_dataset(loaded),
        )
        for family in families:
            pages.write(family["page"], "family.html", family=family)
        models = [model for family in families for model in family["models"]]
        for model in progress(models, description="writing pages", unit="model"):
            pages.write(
                model["page"], "model.html", model=model, scores=contents.lay_out_scores(model, store)
            )
        static = resources.files("neuroalign.reporting.site").joinpath("static")
        with resources.as_file(static) as path:
            shutil.copytree(path, temporary / "static")
        (temporary / MARKER).write_text("Written by neuroalign leaderboard --html\n", encoding="utf-8")
    return target / "index.html"


class _Pages:
    """Templates with the values that every page shows. Names come from strangers, so that all values are escaped."""

    def __init__(self, folder: Path, *, dataset: Dataset, correction: Correction) -> None:
        self._folder = folder
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("neuroalign.reporting.site"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= contents.FILTERS
        self._environment.globals |= {
            "dataset": dataset.identifier,
            "dataset_page": f"datasets/{page_name(dataset.identifier)}",
            "simulated": dataset.simulated,
            "correction": {"holm": "Holm", "bh": "Benjamini–Hochberg"}[correction],
            "alpha": ALPHA,
            "covers": SCOPE_OF_WELCH,
            "crossed_covers": SCOPE_OF_CROSSED_TEST,
            "version": version("neuroalign"),
        }

    def write(self, name: str, template: str, **values: Any) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        root = "../" * name.count("/")
        path.write_text(
            self._environment.get_template(template).render(root=root, **values), encoding="utf-8"
        )
