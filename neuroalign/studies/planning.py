"""Durations of the steps of a study, before it runs."""

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError
from neuroalign.results.store import ResultsStore
from neuroalign.studies.durations import Estimates
from neuroalign.studies.members import load_members
from neuroalign.studies.scored import supported_scorings
from neuroalign.studies.study import Family, Study
from neuroalign.studies.training import load_trainable

#: Seconds of a figure of the scores of one family, and of any other step, on one core.
SECONDS_OF_A_FIGURE, SECONDS_OF_A_STEP = 0.6, 2.0


def estimate_steps(
    study: Study, grid: str, dataset: Dataset, store: ResultsStore, *, n_jobs: int = 1
) -> dict[str, float | str]:
    """Estimate the durations of training, scoring and figures.

    Parameters
    ----------
    study : Study
    grid : str
        Grid of the study.
    dataset : Dataset
    store : ResultsStore
        Store of scores; scores that already exist take no time.
    n_jobs : int
        Number of instances at once.

    Returns
    -------
    dict of str to float or str
        Seconds by step; for a step that cannot be done, the reason.
    """
    estimates = Estimates(store, dataset)
    durations: dict[str, float | str] = {}
    for family in study.families.values():
        is_trained = bool(family.grids[grid].train)
        try:
            seconds = _estimate_family(study, family, grid, dataset, estimates)
        except NeuroalignError as error:
            steps = ("train", "score") if is_trained else ("score",)
            durations |= {f"{step} {family.name}": " ".join(str(error).split()) for step in steps}
        else:
            durations |= {f"{step} {family.name}": total / n_jobs for step, total in seconds.items()}
    durations["figures"] = SECONDS_OF_A_FIGURE * len(study.families) * len(study.shown)
    return durations


def _estimate_family(
    study: Study, family: Family, grid: str, dataset: Dataset, estimates: Estimates
) -> dict[str, float]:
    """Return the seconds of training and scoring of a family on one core."""
    instances = family.grids[grid]
    seconds = {}
    if instances.train:
        trainable = load_trainable(family)
        recipes = trainable.recipes({}, grid=instances.train)
        trained = estimates.trained(trainable)
        missing = [recipe for recipe in recipes if recipe not in trained]
        seconds["train"] = estimates.training(trainable, missing)
        identifier, names = trainable.identifier, [trained.get(recipe, "") for recipe in recipes]
    else:
        members, _ = load_members(family.model, instances.options, dataset)
        identifier = members.identifier
        names = [model.identifier for model in members.instances()]
    benchmarks = [scoring.benchmark for scoring in supported_scorings(study, family, dataset)]
    seconds["score"] = estimates.scoring(identifier, names, benchmarks)
    return seconds
