"""Description of a study, and its TOML file."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from neuroalign.errors import UsageError, unknown_name
from neuroalign.files.plain import read_toml
from neuroalign.models import selection
from neuroalign.names.registry import benchmarks, models
from neuroalign.names.syntax import parse_spec
from neuroalign.scoring.benchmark import Benchmark, make_benchmark
from neuroalign.studies.claims import KINDS
from neuroalign.studies.settings import check_settings
from neuroalign.validation import check_arguments, check_names, check_value

#: Rules that select the instances of one family; see :mod:`neuroalign.models.selection`.
RULES: Mapping[str, Callable[..., selection.Selection]] = {
    rule.__name__: rule for rule in (selection.best_udr, selection.best_objective, selection.accurate)
}

#: Parts of a dataset that a scoring may need; the empty text stands for no need.
Need = Literal["", "held-out stimuli"]

_ENDING = ".toml"


@dataclass(frozen=True)
class Instances:
    """Instances of a family in one grid of the study.

    Parameters
    ----------
    options : mapping
        Options of the instances; lists of values stand for all their combinations. The options of a model with reducers
        belong to the last reducer. Without options, the study has all instances that the family has for the dataset.
    train : str
        Grid of the training of instances that do not exist yet; empty for a family that is not trained.
    rule : str
        Rule of selection, one of :data:`RULES`; empty if all instances are kept.
    rule_options : mapping
        Options of the rule.
    """

    options: Mapping[str, Any]
    train: str
    rule: str
    rule_options: Mapping[str, Any]


@dataclass(frozen=True)
class Family:
    """Family of models in a study.

    Parameters
    ----------
    name : str
        Name in the study.
    model : str
        Name of the model or family; see :func:`neuroalign.load_model`.
    is_ceiling : bool
        Whether the family is a ceiling that models are compared with: all its instances are kept.
    grids : mapping of str to Instances
        Instances in each grid of the study.
    """

    name: str
    model: str
    is_ceiling: bool
    grids: Mapping[str, Instances]


@dataclass(frozen=True)
class Scoring:
    """Benchmark with its options in a study.

    Parameters
    ----------
    name : str
        Name in the study.
    benchmark : Benchmark
    families : tuple of str
        Families that the benchmark scores.
    needs : str
        Part of a dataset that the scoring needs, one of :data:`Need`.
    """

    name: str
    benchmark: Benchmark
    families: tuple[str, ...]
    needs: str


@dataclass(frozen=True)
class Claim:
    """Claim that a study tests.

    Parameters
    ----------
    name : str
    kind : str
        Kind of the test, one of :data:`neuroalign.studies.claims.KINDS`.
    statement, figure, reported : str
        Statement of the claim, figure of the paper that shows it, and numbers that the paper reported for it.
    settings : mapping
        Keyword arguments of the kind.
    corrected : mapping
        Settings that differ in the primary analysis, which removes confounds; empty if no setting differs.
    corrected_kind : str
        Kind of the primary analysis, where it differs from `kind`: `corrected` then holds all its settings.
    confound : str
        Confounds that the primary analysis removes, or the reason why it is the same as the test of the paper.
    """

    name: str
    kind: str
    statement: str
    figure: str
    reported: str
    settings: Mapping[str, Any]
    corrected: Mapping[str, Any]
    confound: str
    corrected_kind: str = ""

    @property
    def tested(self) -> tuple[str, Mapping[str, Any]]:
        """Kind and settings of the test of the paper."""
        return self.kind, self.settings

    @property
    def primary(self) -> tuple[str, Mapping[str, Any]]:
        """Kind and settings of the primary analysis."""
        if self.corrected_kind:
            return self.corrected_kind, self.corrected
        return self.kind, {**self.settings, **self.corrected}


@dataclass(frozen=True)
class Study:
    """Families, scorings and claims of a study.

    Parameters
    ----------
    name, title, source : str
        Short name, title, and source such as the reference of a paper.
    dataset : str
        Default dataset.
    grids : tuple of str
        Sizes in which the study can be run; the first size is the default.
    variance_explained : str
        Scoring with the variance explained, which drops instances at the end of the selection; see
        :func:`neuroalign.models.selection.explaining`.
    families : mapping of str to Family
    scorings : mapping of str to Scoring
    claims : tuple of Claim
    loaded_from : str
        Name or file by which the study was loaded, for commands; empty for a study made in Python.
    """

    name: str
    title: str
    source: str
    dataset: str
    grids: tuple[str, ...]
    variance_explained: str
    families: Mapping[str, Family]
    scorings: Mapping[str, Scoring]
    claims: tuple[Claim, ...]
    loaded_from: str = field(default="", compare=False)

    @property
    def shown(self) -> list[str]:
        """Scorings that are results by themselves; draws of stimuli behind intervals are left out."""
        behind = {
            settings.get("stimuli") for claim in self.claims for _, settings in (claim.tested, claim.primary)
        }
        return [name for name in self.scorings if name not in behind]


def study_names() -> list[str]:
    """Return the names of the studies that come with neuroalign, sorted."""
    folder = files("neuroalign.studies")
    names = [file.name for file in folder.iterdir()]
    return sorted(name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING))


def load_study(study: "str | os.PathLike[str]") -> Study:
    """Load a study.

    Parameters
    ----------
    study : str or path
        Name of a study that comes with neuroalign, or a TOML file; ``higgins2020.toml`` shows all possible entries.

    Returns
    -------
    Study

    Raises
    ------
    UnknownNameError
        If the study, or a name in it, is unknown; the message names the nearest ones.
    UsageError
        If the file cannot be read, or an entry is missing or of the wrong type.
    """
    text = os.fspath(study)
    if text in study_names():
        path: Path | Traversable = files("neuroalign.studies") / f"{text}{_ENDING}"
    elif text.endswith(_ENDING) or os.sep in text:
        path = Path(text).expanduser()
    else:
        raise unknown_name("study, and no TOML file,", text, study_names())
    try:
        content = read_toml(path)
    except (OSError, ValueError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise UsageError(f"cannot read the study {path}: {reason}") from error
    return replace(_study(content), loaded_from=text)


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tables of the TOML file of a study."""

    name: str
    title: str
    dataset: str
    grids: Annotated[tuple[str, ...], Meta(min_length=1)]
    variance_explained: str
    source: str = ""
    families: dict[str, "_FamilyTable"] = {}
    scorings: dict[str, "_ScoringTable"] = {}
    claims: tuple["_ClaimTable", ...] = ()


class _FamilyTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: str = ""
    is_ceiling: bool = False
    grids: dict[str, "_InstancesTable"] = {}


class _InstancesTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    options: dict[str, Any] = {}
    train: str = ""
    select: dict[str, Any] = {}


class _ScoringTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    benchmark: str = ""
    options: dict[str, Any] = {}
    needs: Need = ""
    families: tuple[str, ...] | None = None


class _ClaimTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    kind: str
    statement: str
    figure: str = ""
    reported: str = ""
    test: dict[str, Any] = {}
    corrected: dict[str, Any] = {}
    confound: str = ""


def _study(content: dict[str, Any]) -> Study:
    file: _File = check_value(content, _File, "the study")
    families = {name: _family(name, table, file.grids) for name, table in file.families.items()}
    scorings = {name: _scoring(name, table, families) for name, table in file.scorings.items()}
    claims = [_claim(table, families, scorings) for table in file.claims]
    names = Counter(claim.name for claim in claims)
    for name, n in names.items():
        if n > 1:
            raise UsageError(f"each claim must have a name of its own, got {n} claims named {name!r}")
    check_names([file.variance_explained], scorings, "scoring of the study")
    return Study(
        name=_one_line(file.name),
        title=_one_line(file.title),
        source=_one_line(file.source),
        dataset=_one_line(file.dataset),
        grids=file.grids,
        variance_explained=file.variance_explained,
        families=families,
        scorings=scorings,
        claims=tuple(claims),
    )


def _family(name: str, table: _FamilyTable, grids: Iterable[str]) -> Family:
    model = _one_line(table.model) or name
    registered = parse_spec(model).name
    if ":" not in registered and registered not in models:
        raise models.unknown(registered)
    check_names(table.grids, grids, "grid of the study")
    unchanged = _InstancesTable()
    return Family(
        name,
        model,
        table.is_ceiling,
        {grid: _instances(table.grids.get(grid, unchanged), f"{grid} of {name}") for grid in grids},
    )


def _instances(table: _InstancesTable, name: str) -> Instances:
    options = dict(table.select)
    rule = options.pop("rule", "")
    if options and not rule:
        raise UsageError(f"select of {name} needs a rule, such as rule = 'best_udr'")
    if rule:
        check_names([rule], RULES, "rule of selection")
        options = check_arguments(RULES[rule], options, rule, n_positional=1)
    if table.options and table.train:
        raise UsageError(
            f"{name} must have options or train, got both: trained instances have their own options"
        )
    return Instances(table.options, table.train, rule, options)


def _scoring(name: str, table: _ScoringTable, families: Iterable[str]) -> Scoring:
    benchmark = table.benchmark or name
    chosen = tuple(families) if table.families is None else table.families
    check_names(chosen, families, "family of the study")
    made = make_benchmark(benchmark, benchmarks.get(benchmark), table.options)
    return Scoring(name, made, chosen, table.needs)


def _claim(table: _ClaimTable, families: Iterable[str], scorings: Mapping[str, Scoring]) -> Claim:
    corrected = dict(table.corrected)
    corrected_kind = corrected.pop("kind", "")
    check_names([table.kind, *([corrected_kind] if corrected_kind else [])], KINDS, "kind of claim")
    claim = Claim(
        name=_one_line(table.name),
        kind=table.kind,
        statement=_one_line(table.statement),
        figure=_one_line(table.figure),
        reported=_one_line(table.reported),
        settings=table.test,
        corrected=corrected,
        confound=_one_line(table.confound),
        corrected_kind=corrected_kind,
    )
    for kind, settings in (claim.tested, claim.primary):
        check_settings(claim.name, kind, settings, families, scorings)
    return claim


def _one_line(text: str) -> str:
    return " ".join(text.split())
