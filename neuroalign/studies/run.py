"""A study as steps: train or reuse, score, select, test the claims, draw, report."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError, UsageError, unknown_name
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import load_model
from neuroalign.models.model import Model, Recorded, TrainableFamily
from neuroalign.models.selection import Rule, add_udr, select_instances
from neuroalign.names.syntax import parse_spec
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.evaluate import Failure, score_all
from neuroalign.studies.claims import examine
from neuroalign.studies.durations import Estimates
from neuroalign.studies.evidence import Evidence
from neuroalign.studies.figures import Picture, draw_figures
from neuroalign.studies.findings import Finding, Result, correct_over_claims
from neuroalign.studies.members import load_members
from neuroalign.studies.report import Claimed, LeftOut, write_report
from neuroalign.studies.steps import Outcome, Step, run_steps
from neuroalign.studies.study import RULES, Claim, Family, Scoring, Study, load_study

#: Seconds of the other steps, on one core: a figure with the scores of a family, and everything else.
SECONDS_A_FIGURE, SECONDS_OF_A_STEP = 0.6, 2.0

#: Numbers that rules of selection go by, as the record of a training has them.
_TRAINED = ("objective", "accuracy")


@dataclass(frozen=True, eq=False)
class Scored:
    """The instances of a family with their scores."""

    models: Sequence[Model]
    #: By the scoring, of those instances that have any.
    scores: Mapping[str, Sequence[Score]]
    failures: Sequence[Failure]
    #: Instances that the study names and the dataset does not allow, and why.
    impossible: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Selected:
    """Which instances are kept."""

    #: All instances, with the numbers that they are selected by.
    table: pd.DataFrame
    #: The names of those that are kept.
    kept: frozenset[str]
    #: With ``step`` and ``reason``.
    dropped: pd.DataFrame
    #: Families that have no UDR, and why.
    without_udr: Mapping[str, str]


@dataclass(frozen=True)
class Tested:
    """A claim with what the scores say of it."""

    claim: Claim
    #: By the test of the paper, and the same number by ours.
    result: Result
    #: The primary analysis, without the confounds, corrected for the number of claims.
    primary: Finding


@dataclass(frozen=True, eq=False)
class Run:
    """A study on one dataset, in one of its sizes.

    Parameters
    ----------
    study : Study
    dataset : Dataset
    grid : str
    folder : Path
        For the report and its figures.
    n_jobs : int
        Instances that are scored or trained at once; the report does not depend on it.
    on_cluster : bool
        Whether joblib's jobs go to other machines, so that training must be such jobs, too.
    store : ResultsStore
        Of the scores.
    """

    study: Study
    dataset: Dataset
    grid: str
    folder: Path
    n_jobs: int = 1
    on_cluster: bool = False
    store: ResultsStore = field(default_factory=ResultsStore)

    def steps(self) -> list[Step]:
        """Return what is to be done, in order."""
        steps: list[Step] = []
        scoring = []
        for family in self.study.families.values():
            name = f"score {family.name}"
            needs: tuple[str, ...] = ()
            if family.grids[self.grid].train:
                needs = (f"train {family.name}",)
                steps.append(Step(needs[0], self._trainer(family)))
            steps.append(Step(name, self._scorer(family), needs=needs))
            scoring.append(name)
        follows = tuple(scoring)
        steps += [
            Step("select", self._select, follows=follows),
            Step("test claims", self._test, needs=("select",)),
            Step("figures", self._draw, needs=("select",)),
            Step("report", self._report, needs=("test claims",), follows=("figures",)),
        ]
        return steps

    def seconds(self) -> dict[str, float | str]:
        """Estimate how long each step takes, or say why it cannot be done.

        Returns
        -------
        dict of str to float or str
            By the names of the steps. Scores and weights that are there already take no time.
        """
        estimates = Estimates(self.store, self.dataset)
        found: dict[str, float | str] = {}
        for family in self.study.families.values():
            grid = family.grids[self.grid].train
            try:
                if grid:
                    trainable = _trainable(family)
                    recipes = trainable.recipes({}, grid=grid)
                    trained = estimates.trained(trainable)
                    missing = [each for each in recipes if each not in trained]
                    found[f"train {family.name}"] = estimates.training(trainable, missing) / self.n_jobs
                    identifier, names = trainable.identifier, [trained.get(each, "") for each in recipes]
                else:
                    members, _ = load_members(family.model, family.grids[self.grid].options, self.dataset)
                    identifier = members.identifier
                    names = [model.identifier for model in members.instances()]
                benchmarks = [each.benchmark for each in self._scorings(family)]
                found[f"score {family.name}"] = estimates.scoring(identifier, names, benchmarks) / self.n_jobs
            except NeuroalignError as error:
                steps = ("train", "score") if grid else ("score",)
                found |= {f"{each} {family.name}": " ".join(str(error).split()) for each in steps}
        n_figures = len(self.study.families) * len(self.study.shown)
        found["figures"] = SECONDS_A_FIGURE * n_figures
        return {each.name: found.get(each.name, SECONDS_OF_A_STEP) for each in self.steps()}

    def supported(self, scoring: Scoring) -> str:
        """Return why a scoring cannot be had of the dataset; empty where it can."""
        if scoring.needs == "held-out stimuli":
            held_out = self.dataset.stimuli.held_out()
            recorded = set(self.dataset.recording["stimulus_id"].values.astype(str))
            if held_out is None or not recorded & set(held_out.ids):
                return f"{self.dataset.identifier} marks no held-out stimuli that were recorded"
        return ""

    def scored(self, outcomes: Mapping[str, Outcome]) -> dict[str, Scored]:
        """Return the families that have scores."""
        found = {name: outcomes[f"score {name}"] for name in self.study.families}
        return {name: each.value for name, each in found.items() if each.state == "done"}

    def evidence(self, outcomes: Mapping[str, Outcome]) -> Evidence:
        """Return what claims are tested with."""
        selected: Selected = outcomes["select"].value
        every: dict[str, dict[str, Sequence[Score]]] = {}
        for family, scored in self.scored(outcomes).items():
            for scoring, scores in scored.scores.items():
                every.setdefault(scoring, {})[family] = scores
        kept = {
            scoring: {
                family: of
                for family, scores in families.items()
                if (of := [s for s in scores if s.model in selected.kept])
            }
            for scoring, families in every.items()
        }
        failed = [
            each for name, each in outcomes.items() if name.startswith("score ") and each.state != "done"
        ]
        unsupported = {name: self.supported(each) for name, each in self.study.scorings.items()}
        return Evidence(
            kept=kept,
            every=every,
            table=selected.table,
            expected={name: each.families for name, each in self.study.scorings.items()},
            missing={each.step.removeprefix("score "): each.reason for each in failed},
            unsupported={name: reason for name, reason in unsupported.items() if reason},
        )

    def _scorings(self, family: Family) -> list[Scoring]:
        return [
            each
            for each in self.study.scorings.values()
            if family.name in each.families and not self.supported(each)
        ]

    def _trainer(self, family: Family) -> Callable[[Mapping[str, Outcome]], list[dict[str, Any]]]:
        def run(outcomes: Mapping[str, Outcome]) -> list[dict[str, Any]]:
            import joblib

            trainable = _trainable(family)
            recipes = trainable.recipes({}, grid=family.grids[self.grid].train)
            parts = [[each] for each in recipes] if self.on_cluster else [recipes]
            jobs = (joblib.delayed(_train)(trainable, self.dataset, each, self.n_jobs) for each in parts)
            trained = [
                each for part in joblib.Parallel(self.n_jobs if self.on_cluster else 1)(jobs) for each in part
            ]
            names = [each for each in trained if isinstance(each, dict)]
            if not names:
                raise NeuroalignError(f"no instance of {family.name} could be trained: {trained[0]}")
            return names

        return run

    def _scorer(self, family: Family) -> Callable[[Mapping[str, Outcome]], Scored]:
        def run(outcomes: Mapping[str, Outcome]) -> Scored:
            trained = outcomes.get(f"train {family.name}")
            members, impossible = load_members(
                family.model,
                family.grids[self.grid].options if trained is None else trained.value,
                self.dataset,
            )
            scorings = self._scorings(family)
            if not scorings:
                raise NeuroalignError(f"the study scores {family.name} by nothing that the dataset supports")
            scores, failures = score_all(
                members,
                self.dataset,
                [each.benchmark for each in scorings],
                n_jobs=self.n_jobs,
                store=self.store,
            )
            if not scores:
                raise failures[0].reason
            of = {
                each.name: [score for score in scores if _is_by(score, each.benchmark)] for each in scorings
            }
            found = {name: of_scoring for name, of_scoring in of.items() if of_scoring}
            return Scored(members.instances(), found, failures, impossible)

        return run

    def _select(self, outcomes: Mapping[str, Outcome]) -> Selected:
        scored = self.scored(outcomes)
        if not scored:
            first = next(iter(self.study.families))
            raise NeuroalignError(f"no family has a score; {first}: {outcomes[f'score {first}'].reason}")
        rows = []
        for family, of in scored.items():
            by = of.scores.get(self.study.variance_explained, ())
            explained = {each.model: each.value for each in by}
            rows += [
                {"family": family, **_describe(model), "variance_explained": explained.get(model.identifier)}
                for model in of.models
            ]
        table = pd.DataFrame(rows)
        table, without_udr = self._with_udr(table, scored)
        ceilings = [name for name, each in self.study.families.items() if each.is_ceiling]
        compared = table[~table["family"].isin(ceilings)]
        selection = select_instances(compared, self._rules(scored))
        kept = {*selection.kept["instance"], *table["instance"][table["family"].isin(ceilings)]}
        return Selected(table, frozenset(kept), selection.dropped, without_udr)

    def _with_udr(
        self, table: pd.DataFrame, scored: Mapping[str, Scored]
    ) -> tuple[pd.DataFrame, dict[str, str]]:
        """Add the UDR of those families that are selected by it, or of which a claim speaks of it."""
        wanted = {each.settings["subject"] for each in self.study.claims if each.kind == "predicts"}
        wanted |= {
            name for name, each in self.study.families.items() if each.grids[self.grid].rule == "best_udr"
        }
        udr = pd.Series(float("nan"), index=table.index)
        without = {}
        for family in sorted(wanted & set(scored)):
            rows = table[table["family"] == family].dropna(axis="columns", how="all")
            try:
                found = add_udr(rows, _Latents(scored[family].models, self.dataset))
            except NeuroalignError as error:
                without[family] = " ".join(str(error).split())
                continue
            udr[found.index] = found["udr"]
        return table.assign(udr=udr), without

    def _rules(self, scored: Mapping[str, Scored]) -> dict[str, Rule]:
        rules: dict[str, Rule] = {}
        for name in scored:
            instances = self.study.families[name].grids[self.grid]
            if instances.rule:
                rules[name] = _with_options(RULES[instances.rule], instances.rule_options)
        return rules

    def _test(self, outcomes: Mapping[str, Outcome]) -> list[Tested]:
        evidence = self.evidence(outcomes)
        primary = correct_over_claims(
            [
                examine(kind, evidence, settings).ours
                for kind, settings in (claim.primary for claim in self.study.claims)
            ]
        )
        return [
            Tested(claim, examine(claim.kind, evidence, claim.settings), finding)
            for claim, finding in zip(self.study.claims, primary, strict=True)
        ]

    def _draw(self, outcomes: Mapping[str, Outcome]) -> list[Picture]:
        return draw_figures(
            self.folder / "figures", self.dataset, self.evidence(outcomes), self.study, self.store
        )

    def _trained_elsewhere(self, outcomes: Mapping[str, Outcome]) -> dict[str, str]:
        """Return the families that were trained on other images than the dataset's, and the name of those."""
        found: dict[str, str] = {}
        if not self.dataset.stimuli.has_images:
            return found
        own = self.dataset.stimuli.training().content_hash
        for family, scored in self.scored(outcomes).items():
            for model in scored.models:
                stimuli = _record(model).get("stimulus_set", {})
                if stimuli.get("content_hash", own) != own:
                    found[family] = str(stimuli.get("name"))
        return found

    def _report(self, outcomes: Mapping[str, Outcome]) -> Path:
        selected: Selected = outcomes["select"].value
        tested: list[Tested] = outcomes["test claims"].value
        evidence = self.evidence(outcomes)
        figures = outcomes["figures"]
        left_out = [
            *(LeftOut(name.replace("_", " "), reason) for name, reason in evidence.unsupported.items()),
            *(LeftOut(f"UDR of {name}", reason) for name, reason in selected.without_udr.items()),
            *(LeftOut(each.step, each.reason) for each in outcomes.values() if each.state != "done"),
        ]
        for family, scored in self.scored(outcomes).items():
            left_out += [
                LeftOut(f"instance {options} of {family}", reason)
                for options, reason in scored.impossible.items()
            ]
            reasons: dict[tuple[str, str], int] = {}
            for each in scored.failures:
                told = (each.benchmark, " ".join(str(each.reason).split()))
                reasons[told] = reasons.get(told, 0) + 1
            left_out += [
                LeftOut(
                    f"{benchmark.replace('_', ' ')} of {family} ({n} of {len(scored.models)} instances)",
                    reason,
                )
                for (benchmark, reason), n in reasons.items()
            ]
        return write_report(
            self.folder / "report.html",
            study=self.study,
            dataset=self.dataset,
            grid=self.grid,
            claims=[
                Claimed(
                    each.claim.name,
                    each.claim.statement,
                    each.claim.figure,
                    each.claim.reported,
                    each.claim.confound,
                    each.result.paper,
                    each.result.ours,
                    each.primary,
                )
                for each in tested
            ],
            evidence=evidence,
            trained_elsewhere=self._trained_elsewhere(outcomes),
            dropped=selected.dropped,
            pictures=figures.value if figures.state == "done" else [],
            left_out=left_out,
        )


def plan_study(
    study: "str | os.PathLike[str] | Study",
    *,
    dataset: "str | os.PathLike[str] | Dataset | None" = None,
    grid: str = "",
    folder: Path,
    n_jobs: int = 1,
    on_cluster: bool = False,
) -> Run:
    """Prepare a study.

    Parameters
    ----------
    study : str, path or Study
        As :func:`neuroalign.studies.study.load_study` takes it.
    dataset : str, path or Dataset, optional
        By default the study's own.
    grid : str
        One of the study's sizes; by default its first.
    folder : Path
        For what is written.
    n_jobs : int
        Instances at once.
    on_cluster : bool
        Whether it will be run within :func:`neuroalign.studies.cluster.cluster`.

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
        raise UsageError(f"the number of jobs must be positive, not {n_jobs}")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder for the report")
    return Run(
        loaded,
        load_dataset(loaded.dataset if dataset is None else dataset),
        grid,
        folder,
        n_jobs,
        on_cluster,
    )


def run_study(run: Run, *, tell: Callable[[str], None] = lambda line: None) -> dict[str, Outcome]:
    """Do all steps of a study; what was done before is taken from the caches.

    Parameters
    ----------
    run : Run
    tell : callable
        Gets a line on every step.

    Returns
    -------
    dict of str to Outcome

    Notes
    -----
    All that takes long is jobs that joblib submits: within :func:`neuroalign.studies.cluster.cluster` they are done
    elsewhere.
    """
    return run_steps(run.steps(), tell=tell)


class _Latents(Mapping[str, xr.DataArray]):
    """The latents of some models by their identifiers, each computed or read when it is looked up."""

    def __init__(self, models: Sequence[Model], dataset: Dataset) -> None:
        self._models = {each.identifier: each for each in models}
        self._dataset = dataset

    def __getitem__(self, name: str) -> xr.DataArray:
        return compute_latents(self._models[name], self._dataset.stimuli)

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def __contains__(self, name: object) -> bool:
        # The default of mappings would compute them.
        return name in self._models


def _trainable(family: Family) -> TrainableFamily:
    loaded = load_model(family.model)
    if not isinstance(loaded, TrainableFamily):
        raise UsageError(f"{family.model} cannot be trained; leave out train of {family.name}")
    return loaded


def _train(
    trainable: TrainableFamily, dataset: Dataset, recipes: Sequence[Any], n_jobs: int
) -> list[dict[str, Any] | str]:
    """Train instances; return the options of each, or why it could not be trained."""
    folder, trained = trainable.train(dataset, recipes, jobs=n_jobs)
    return [
        str(each.failure) if each.trained is None else {**each.recipe.options(), "trained_on": folder.name}
        for each in trained
    ]


def _record(model: Model) -> Mapping[str, Any]:
    """Return the record of the training of a model; an empty mapping if the model has no record."""
    return model.record if isinstance(model, Recorded) else {}


def _describe(model: Model) -> dict[str, Any]:
    """Return what an instance is told from others by, and what the record of its training says."""
    options = parse_spec(model.identifier).options
    row: dict[str, Any] = {"instance": model.identifier}
    record = _record(model)
    recipe = record.get("recipe", {})
    n_units = recipe.get("n_latents", options.get("n_latents", options.get("n")))
    row |= {} if n_units is None else {"n_units": n_units}
    row |= {"beta": options["beta"]} if "beta" in options else {}
    final = record.get("final", {})
    row |= {name: final[name] for name in _TRAINED if name in final}
    return row


def _with_options(rule: Callable[..., Any], options: Mapping[str, Any]) -> Rule:
    return lambda table: rule(table, **options)


def _is_by(score: Score, benchmark: Benchmark) -> bool:
    return (score.benchmark, score.benchmark_version, _canonical(score.options)) == (
        benchmark.identifier,
        benchmark.version,
        _canonical(benchmark.options()),
    )


def _canonical(options: Mapping[str, Any]) -> str:
    # Options that were read from a record have lists for tuples.
    return json.dumps(dict(options), sort_keys=True, default=str)
