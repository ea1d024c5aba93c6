"""Write the pages of a site."""

import os
import shutil
import uuid
from collections.abc import Sequence
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2

from neuroalign.comparison import median_reliability
from neuroalign.comparison.groups import read_group
from neuroalign.comparison.leaderboard import (
    ALPHA,
    SCOPE_OF_CROSSED_TEST,
    SCOPE_OF_WELCH,
    Correction,
    rank,
)
from neuroalign.comparison.score_groups import group_scores
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.files.home import TEMPORARY_PREFIX
from neuroalign.progress import progress
from neuroalign.reporting.site import contents
from neuroalign.reporting.site.names import page_name
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark, load_benchmark

#: A folder with this file is a site of ours, which may be replaced.
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
        New, empty, or a site that was written before, which is replaced.
    dataset, benchmarks, store, correction
        As for :func:`neuroalign.comparison.leaderboard.leaderboards`.
    over_neurons : bool
        Whether to test over instances and neurons as well; the arrays are read for the pages of the models anyway.

    Returns
    -------
    Path
        Of the first page. All pages work from the disk, and request nothing from anywhere else.

    Raises
    ------
    UsageError
        If the folder holds anything else.
    NeuroalignError
        If nothing has been scored.
    """
    target = Path(folder)
    if target.exists() and not (
        target.is_dir() and ((target / MARKER).is_file() or not any(target.iterdir()))
    ):
        raise UsageError(f"{target} holds something else than a site of neuroalign; name a new folder")
    loaded = load_dataset(dataset)
    store = store or ResultsStore()
    wanted = None if benchmarks is None else [load_benchmark(each) for each in benchmarks]
    groups = [each for each in group_scores(store.items(), loaded, wanted) if each.families]
    if not groups:
        raise NeuroalignError(f"nothing has been scored on {loaded.identifier} yet")
    reliability = median_reliability(loaded)
    boards = [
        contents.board(
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
    families = contents.families(groups, boards)

    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}")
    try:
        pages = _Pages(temporary, dataset=loaded, correction=correction)
        pages.write("index.html", "index.html", boards=boards)
        pages.write(
            f"datasets/{page_name(loaded.identifier)}", "dataset.html", about=contents.describe(loaded)
        )
        for family in families:
            pages.write(family["page"], "family.html", family=family)
        models = [each for family in families for each in family["models"]]
        for model in progress(models, description="writing pages", unit="model"):
            pages.write(model["page"], "model.html", model=model, scores=contents.scores(model, store))
        static = resources.files("neuroalign.reporting.site").joinpath("static")
        with resources.as_file(static) as path:
            shutil.copytree(path, temporary / "static")
        (temporary / MARKER).write_text("Written by neuroalign leaderboard --html\n", encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return target / "index.html"


class _Pages:
    """Templates with what every page shows. Names come from anybody: all that is filled in is escaped."""

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
