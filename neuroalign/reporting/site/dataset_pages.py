"""Pages of one dataset: its leaderboards, families, models and neurons."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neuroalign.comparison import median_reliability
from neuroalign.comparison.groups import read_group
from neuroalign.comparison.leaderboard import (
    SCOPE_OF_CROSSED_TEST,
    SCOPE_OF_WELCH,
    Correction,
    rank,
)
from neuroalign.comparison.pairs import ALPHA
from neuroalign.comparison.score_groups import ScoreGroup, group_scores
from neuroalign.datasets.dataset import Dataset
from neuroalign.progress import progress
from neuroalign.reporting.site import contents
from neuroalign.reporting.site.names import page_name
from neuroalign.reporting.site.pages import Pages
from neuroalign.reporting.site.stimulus_pictures import may_show, show_stimuli
from neuroalign.reporting.site.unit_pictures import UnitPictures
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.declared import draws_stimuli


@dataclass(frozen=True, eq=False)
class DatasetContents:
    """Contents of the pages of one dataset.

    Parameters
    ----------
    dataset : Dataset
    boards : list of dict
        Leaderboards from :func:`neuroalign.reporting.site.contents.lay_out_board`; empty without a score.
    families : list of dict
        Families from :func:`neuroalign.reporting.site.contents.collect_families`.
    correction : {"holm", "bh"}
    stimuli : dict or None
        Pictures from :func:`neuroalign.reporting.site.stimulus_pictures.show_stimuli`.
    shows_pictures : bool
        Whether pictures of the stimuli may be shown, also on the pages of models.
    """

    dataset: Dataset
    boards: list[dict[str, Any]]
    families: list[dict[str, Any]]
    correction: Correction
    stimuli: dict[str, Any] | None
    shows_pictures: bool

    @property
    def page(self) -> str:
        """Path of the page that describes the dataset."""
        return f"datasets/{page_name(self.dataset.identifier)}"


def lay_out_dataset(
    dataset: Dataset,
    wanted: Sequence[Benchmark] | None,
    store: ResultsStore,
    *,
    correction: Correction,
    over_neurons: bool,
    stimulus_pictures: bool | None,
    shown: Sequence[str] = (),
) -> DatasetContents:
    """Rank the families on a dataset, and lay out the contents of its pages.

    Parameters
    ----------
    dataset : Dataset
    wanted : sequence of Benchmark, optional
    store : ResultsStore
    correction, over_neurons, stimulus_pictures
        See :func:`neuroalign.reporting.site.write_site`.
    shown : sequence of str
        Families that are shown; by default all.

    Returns
    -------
    DatasetContents
    """
    items = store.items(dataset=dataset.identifier)
    groups = [_choose(group, shown) for group in group_scores(items, dataset, wanted)]
    groups = [group for group in groups if group.families]
    if wanted is None:
        # The bootstrap of a study has the values of the score that it draws, so a board of its own says nothing new.
        groups = [group for group in groups if not draws_stimuli(group.benchmark)] or groups
    reliability = median_reliability(dataset) if groups else float("nan")
    boards = [
        contents.lay_out_board(
            group,
            rank(
                group,
                dataset,
                read_group(group, store, over_neurons),
                correction=correction,
                reliability=reliability,
            ),
        )
        for group in groups
    ]
    families = contents.collect_families(groups, boards)
    return DatasetContents(
        dataset,
        boards,
        families,
        correction,
        show_stimuli(dataset, stimulus_pictures),
        may_show(dataset, stimulus_pictures),
    )


def write_dataset(
    folder: Path,
    laid_out: DatasetContents,
    store: ResultsStore,
    *,
    inside: str = "",
    board_title: str = "",
    command: str = "",
) -> None:
    """Write the pages of one dataset.

    Parameters
    ----------
    folder : Path
        Folder of the site.
    laid_out : DatasetContents
    store : ResultsStore
        Store with the arrays of the scores.
    inside : str
        Folder of the pages within the site, with a slash at its end.
    board_title : str
        Title of the board that the dataset is on; empty for a site of one dataset.
    command : str
        Command that wrote the site; empty for a call in Python.
    """
    dataset = laid_out.dataset
    pages = Pages(
        folder,
        inside,
        dataset=dataset.identifier,
        dataset_page=laid_out.page,
        simulated=dataset.simulated,
        correction={"holm": "Holm", "bh": "Benjamini–Hochberg"}[laid_out.correction],
        alpha=ALPHA,
        covers=SCOPE_OF_WELCH,
        crossed_covers=SCOPE_OF_CROSSED_TEST,
        board_title=board_title,
        command=command,
    )
    pages.write(
        "index.html",
        "index.html",
        boards=laid_out.boards,
        overview=contents.lay_out_overview(laid_out.boards),
        benchmarks=contents.describe_benchmarks(laid_out.boards),
    )
    pages.write(
        laid_out.page, "dataset.html", about=contents.describe_dataset(dataset), stimuli=laid_out.stimuli
    )
    for family in laid_out.families:
        pages.write(family["page"], "family.html", family=family)
    units = UnitPictures(dataset, store) if laid_out.shows_pictures else None
    models = [model for family in laid_out.families for model in family["models"]]
    for model in progress(models, description="writing pages", unit="model"):
        pages.write(
            model["page"],
            "model.html",
            model=model,
            scores=contents.lay_out_scores(model, store),
            units=None if units is None else units.show(model),
        )


def _choose(group: ScoreGroup, shown: Sequence[str]) -> ScoreGroup:
    """Leave out the families that a board leaves out, and count their scores."""
    if not shown:
        return group
    families = {name: scores for name, scores in group.families.items() if name in shown}
    n_out = sum(len(scores) for name, scores in group.families.items() if name not in shown)
    left_out = {**group.left_out, **({"of families that are not on the board": n_out} if n_out else {})}
    return replace(group, families=families, left_out=left_out)
