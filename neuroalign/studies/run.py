"""Run of a study: its steps from training to the report."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_bins import expect_one_window
from neuroalign.errors import NeuroalignError, UsageError, unknown_name
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.studies.claims import examine
from neuroalign.studies.evidence import Evidence
from neuroalign.studies.figures import Picture, draw_figures
from neuroalign.studies.findings import correct_over_claims
from neuroalign.studies.gaps import list_left_out
from neuroalign.studies.planning import SECONDS_OF_A_STEP, estimate_steps
from neuroalign.studies.report import ClaimResult, write_report
from neuroalign.studies.scored import Scored, explain_unsupported, score_family
from neuroalign.studies.selected import Selected, record_of, select
from neuroalign.studies.steps import Outcome, Step, run_steps
from neuroalign.studies.study import Family, Study, load_study
from neuroalign.studies.training import train_family


@dataclass(frozen=True, eq=False)
class Run:
    """A study on one dataset, in one of its sizes.

    Parameters
    ----------
    study : Study
        Families, scorings and claims.
    dataset : Dataset
        Recording that the families are scored on.
    grid : str
        Size of the study: the name of one of its grids of models.
    folder : Path
        Folder for the report and its figures.
    n_jobs : int
        Number of instances that are scored or trained at once; the report does not depend on it.
    store : ResultsStore
        Store of the scores.
    """

    study: Study
    dataset: Dataset
    grid: str
    folder: Path
    n_jobs: int = 1
    store: ResultsStore = field(default_factory=ResultsStore)

    def steps(self) -> list[Step]:
        """Return the steps of the study, in order."""
        steps: list[Step] = []
        for family in self.study.families.values():
            needs: tuple[str, ...] = ()
            if family.grids[self.grid].train:
                needs = (f"train {family.name}",)
                steps.append(Step(needs[0], partial(self._train, family)))
            steps.append(Step(f"score {family.name}", partial(self._score, family), needs=needs))
        scoring = tuple(f"score {name}" for name in self.study.families)
        return [
            *steps,
            Step("select", self._select, follows=scoring),
            Step("test claims", self._test, needs=("select",)),
            Step("figures", self._draw, needs=("select",)),
            Step("report", self._report, needs=("test claims",), follows=("figures",)),
        ]

    def seconds(self) -> dict[str, float | str]:
        """Estimate how long each step takes.

        Returns
        -------
        dict of str to float or str
            Seconds of each step, or the reason why the step cannot run. Scores and weights that already exist take no
            time.
        """
        durations = estimate_steps(self.study, self.grid, self.dataset, self.store, n_jobs=self.n_jobs)
        return {step.name: durations.get(step.name, SECONDS_OF_A_STEP) for step in self.steps()}

    def evidence(self, outcomes: Mapping[str, Outcome]) -> Evidence:
        """Return the evidence for the claims, from the outcomes of scoring and selection."""
        selected: Selected = outcomes["select"].value
        every: dict[str, dict[str, Sequence[Score]]] = {}
        for family, members in self._scored(outcomes).items():
            for scoring, scores in members.scores.items():
                every.setdefault(scoring, {})[family] = scores
        kept: dict[str, dict[str, Sequence[Score]]] = {}
        for scoring, families in every.items():
            kept[scoring] = {}
            for family, scores in families.items():
                chosen = [score for score in scores if score.model in selected.kept]
                if chosen:
                    kept[scoring][family] = chosen
        scorings = self.study.scorings.values()
        reasons = {scoring.name: explain_unsupported(scoring, self.dataset) for scoring in scorings}
        outcomes_of_families = {name: outcomes[f"score {name}"] for name in self.study.families}
        return Evidence(
            kept=kept,
            every=every,
            table=selected.table,
            expected={scoring.name: scoring.families for scoring in scorings},
            missing={
                name: outcome.reason
                for name, outcome in outcomes_of_families.items()
                if outcome.state != "done"
            },
            unsupported={name: reason for name, reason in reasons.items() if reason},
        )

    def _scored(self, outcomes: Mapping[str, Outcome]) -> dict[str, Scored]:
        """Return the families with scores."""
        scoring = {name: outcomes[f"score {name}"] for name in self.study.families}
        return {name: outcome.value for name, outcome in scoring.items() if outcome.state == "done"}

    def _train(self, family: Family, outcomes: Mapping[str, Outcome]) -> list[dict[str, Any]]:
        return train_family(family, self.grid, self.dataset, n_jobs=self.n_jobs)

    def _score(self, family: Family, outcomes: Mapping[str, Outcome]) -> Scored:
        trained = outcomes.get(f"train {family.name}")
        options = family.grids[self.grid].options if trained is None else trained.value
        return score_family(self.study, family, options, self.dataset, n_jobs=self.n_jobs, store=self.store)

    def _select(self, outcomes: Mapping[str, Outcome]) -> Selected:
        scored = self._scored(outcomes)
        if not scored:
            first = next(iter(self.study.families))
            raise NeuroalignError(f"no family has a score; {first}: {outcomes[f'score {first}'].reason}")
        return select(self.study, self.grid, self.dataset, scored)

    def _test(self, outcomes: Mapping[str, Outcome]) -> list[ClaimResult]:
        evidence = self.evidence(outcomes)
        claims = self.study.claims
        primary = correct_over_claims(
            [examine(kind, evidence, settings).ours for kind, settings in (claim.primary for claim in claims)]
        )
        results = [examine(claim.kind, evidence, claim.settings) for claim in claims]
        return [
            ClaimResult(claim, result.paper, result.ours, finding)
            for claim, result, finding in zip(claims, results, primary, strict=True)
        ]

    def _draw(self, outcomes: Mapping[str, Outcome]) -> list[Picture]:
        evidence = self.evidence(outcomes)
        return draw_figures(self.folder / "figures", self.dataset, evidence, self.study, self.store)

    def _report(self, outcomes: Mapping[str, Outcome]) -> Path:
        selected: Selected = outcomes["select"].value
        evidence, scored, figures = self.evidence(outcomes), self._scored(outcomes), outcomes["figures"]
        return write_report(
            self.folder / "report.html",
            study=self.study,
            dataset=self.dataset,
            grid=self.grid,
            claims=outcomes["test claims"].value,
            evidence=evidence,
            trained_elsewhere=find_other_images(scored, self.dataset),
            dropped=selected.dropped,
            pictures=figures.value if figures.state == "done" else [],
            left_out=list_left_out(evidence.unsupported, selected.without_udr, outcomes.values(), scored),
        )


def find_other_images(scored: Mapping[str, Scored], dataset: Dataset) -> dict[str, str]:
    """Find the families that were trained on the images of another stimulus set.

    Parameters
    ----------
    scored : mapping of str to Scored
        Families with their instances.
    dataset : Dataset
        Recording with its stimulus set.

    Returns
    -------
    dict of str to str
        Name of the other stimulus set for each of these families; empty for a dataset without images.
    """
    others: dict[str, str] = {}
    if not dataset.stimuli.has_images:
        return others
    own = dataset.stimuli.training().content_hash
    for family, members in scored.items():
        for model in members.models:
            stimuli = record_of(model).get("stimulus_set", {})
            if stimuli.get("content_hash", own) != own:
                others[family] = str(stimuli.get("name"))
    return others


def plan_study(
    study: "str | os.PathLike[str] | Study",
    *,
    dataset: "str | os.PathLike[str] | Dataset | None" = None,
    grid: str = "",
    folder: Path,
    n_jobs: int = 1,
) -> Run:
    """Prepare a study.

    Parameters
    ----------
    study : str, path or Study
        Study; see :func:`neuroalign.studies.study.load_study`.
    dataset : str, path or Dataset, optional
        Dataset; by default the dataset of the study.
    grid : str
        Size of the study; by default its first size.
    folder : Path
        Folder for the report and its figures.
    n_jobs : int
        Number of instances that are scored or trained at once.

    Returns
    -------
    Run

    Raises
    ------
    NeuroalignError
        If a name is unknown, or the folder is a file.
    """
    loaded = study if isinstance(study, Study) else load_study(study)
    grid = grid or loaded.grids[0]
    if grid not in loaded.grids:
        raise unknown_name(f"grid of {loaded.name}", grid, loaded.grids)
    if n_jobs < 1:
        raise UsageError(f"the number of jobs must be positive, got {n_jobs}")
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"the folder of the report must be a folder, got the file {folder}; name another folder"
        )
    recorded = load_dataset(loaded.dataset if dataset is None else dataset)
    expect_one_window(recorded)
    return Run(
        loaded,
        recorded,
        grid,
        folder,
        n_jobs,
    )


def run_study(run: Run, *, tell: Callable[[str], None] = lambda line: None) -> dict[str, Outcome]:
    """Run all steps of a study; results of earlier runs are read from the caches.

    Parameters
    ----------
    run : Run
        Study from :func:`plan_study`.
    tell : callable
        Function that receives one line of text for every finished step.

    Returns
    -------
    dict of str to Outcome
        Outcome of each step by its name.

    Notes
    -----
    All work that takes long runs in jobs. Within :func:`neuroalign.jobs.cluster` these jobs run on other machines.
    """
    return run_steps(run.steps(), tell=tell)


def reproduce(
    study: "str | os.PathLike[str] | Study" = "higgins2020",
    *,
    dataset: "str | os.PathLike[str] | Dataset | None" = None,
    grid: str = "",
    folder: "str | os.PathLike[str]" = "study",
    n_jobs: int = 1,
    tell: Callable[[str], None] = print,
) -> Path:
    """Run a whole study, and write its report.

    Parameters
    ----------
    study : str, path or Study
        Name of a study, or a TOML file with one.
    dataset : str, path or Dataset, optional
        Dataset; by default the dataset of the study.
    grid : str
        Size of the study; by default its first size.
    folder : path
        Folder for the report and its figures.
    n_jobs : int
        Number of instances that are scored or trained at once.
    tell : callable
        Function that receives one line of text for every finished step.

    Returns
    -------
    Path
        Path of the report, one HTML file.

    Raises
    ------
    NeuroalignError
        If a name is unknown, or the report cannot be written. A step that fails is named in the report.

    Examples
    --------
    >>> import neuroalign as na
    >>> na.reproduce("higgins2020", folder="paper")  # doctest: +SKIP
    """
    run = plan_study(study, dataset=dataset, grid=grid, folder=Path(folder), n_jobs=n_jobs)
    report = run_study(run, tell=tell)["report"]
    if report.state != "done":
        raise NeuroalignError(f"the report is missing: {report.reason}")
    return Path(report.value)
