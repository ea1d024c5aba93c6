"""Description of a study, and its TOML file."""

import inspect
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from neuroalign.errors import UsageError, unknown_name
from neuroalign.models import selection
from neuroalign.names.registry import benchmarks, models
from neuroalign.names.syntax import parse_spec
from neuroalign.scoring.benchmark import Benchmark, make_benchmark
from neuroalign.studies.claims import KINDS
from neuroalign.studies.settings import check_settings, expect_known

#: Rules that select the instances of one family; see :mod:`neuroalign.models.selection`.
RULES: Mapping[str, Callable[..., selection.Selection]] = {
    rule.__name__: rule for rule in (selection.best_udr, selection.best_objective, selection.accurate)
}

#: Parts of a dataset that a scoring may need.
NEEDS = ("held-out stimuli",)

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
        Part of a dataset that the scoring needs, one of :data:`NEEDS`; empty without a need.
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
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise UsageError(f"cannot read the study {path}: {reason}") from error
    return _study(content)


def _study(content: dict[str, Any]) -> Study:
    table = _Table("the study", content)
    grids = table.texts("grids")
    if not grids:
        raise UsageError("grids of the study must name one size at least, such as ['small']")
    families = {name: _family(name, of, grids) for name, of in table.tables("families").items()}
    scorings = {name: _scoring(name, of, families) for name, of in table.tables("scorings").items()}
    claims = [_claim(each, families, scorings) for each in table.list_of_tables("claims")]
    names = [each.name for each in claims]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"each claim must have a name of its own; {name!r} names several")
    study = Study(
        name=table.text("name"),
        title=table.text("title"),
        source=table.text("source", ""),
        dataset=table.text("dataset"),
        grids=grids,
        variance_explained=table.text("variance_explained"),
        families=families,
        scorings=scorings,
        claims=tuple(claims),
    )
    table.expect_nothing_else()
    expect_known("scoring of the study", study.variance_explained, scorings)
    return study


def _family(name: str, table: "_Table", grids: Iterable[str]) -> Family:
    model = table.text("model", name)
    known = parse_spec(model).name
    if ":" not in known and known not in models:
        raise models.unknown(known)
    given = table.tables("grids")
    for grid in given:
        expect_known("grid of the study", grid, grids)
    nothing = Instances({}, "", "", {})
    family = Family(
        name,
        model,
        table.flag("is_ceiling"),
        {each: _instances(given[each]) if each in given else nothing for each in grids},
    )
    table.expect_nothing_else()
    return family


def _instances(table: "_Table") -> Instances:
    select = table.mapping("select")
    rule = select.pop("rule", "")
    if select and not rule:
        raise UsageError(f"select of {table.name} needs a rule, such as rule = 'best_udr'")
    if rule:
        expect_known("rule of selection", rule, RULES)
        known = [each for each in inspect.signature(RULES[rule]).parameters if each != "table"]
        for option in select:
            expect_known(f"option of {rule}", option, known)
    instances = Instances(table.mapping("options"), table.text("train", ""), rule, select)
    table.expect_nothing_else()
    if instances.options and instances.train:
        raise UsageError(
            f"{table.name} takes options or train, not both: what is trained has its own options"
        )
    return instances


def _scoring(name: str, table: "_Table", families: Iterable[str]) -> Scoring:
    benchmark = table.text("benchmark", name)
    options, needs = table.mapping("options"), table.text("needs", "")
    chosen = table.texts("families", tuple(families))
    for family in chosen:
        expect_known("family of the study", family, families)
    if needs:
        expect_known("need of a benchmark", needs, NEEDS)
    table.expect_nothing_else()
    return Scoring(name, make_benchmark(benchmark, benchmarks.get(benchmark), options), chosen, needs)


def _claim(table: "_Table", families: Iterable[str], scorings: Mapping[str, Scoring]) -> Claim:
    name, kind = table.text("name"), table.text("kind")
    expect_known("kind of claim", kind, KINDS)
    corrected = table.mapping("corrected")
    corrected_kind = corrected.pop("kind", "")
    if corrected_kind:
        expect_known("kind of claim", corrected_kind, KINDS)
    claim = Claim(
        name=name,
        kind=kind,
        statement=table.text("statement"),
        figure=table.text("figure", ""),
        reported=table.text("reported", ""),
        settings=table.mapping("test"),
        corrected=corrected,
        confound=table.text("confound", ""),
        corrected_kind=corrected_kind,
    )
    table.expect_nothing_else()
    for analysis in (claim.tested, claim.primary):
        check_settings(name, *analysis, families, scorings)
    return claim


class _Table:
    """A table of the file; what is taken out of it is checked, and what is left over is a mistake."""

    def __init__(self, name: str, content: Any) -> None:
        if not isinstance(content, dict):
            raise UsageError(f"{name} must be a table, not {content!r}")
        self.name = name
        self._content = dict(content)
        self._known: list[str] = []

    def text(self, key: str, default: str | None = None) -> str:
        value = self._take(key, default)
        if not isinstance(value, str):
            raise UsageError(f"{key} of {self.name} must be text, not {value!r}")
        return " ".join(value.split())

    def flag(self, key: str) -> bool:
        value = self._take(key, False)
        if not isinstance(value, bool):
            raise UsageError(f"{key} of {self.name} must be true or false, not {value!r}")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        value = self._take(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise UsageError(f"{key} of {self.name} must be a list of texts, not {value!r}")
        return tuple(value)

    def mapping(self, key: str) -> dict[str, Any]:
        value = self._take(key, {})
        if not isinstance(value, dict):
            raise UsageError(f"{key} of {self.name} must be a table, not {value!r}")
        return dict(value)

    def tables(self, key: str) -> "dict[str, _Table]":
        return {name: _Table(f"{key}.{name}", each) for name, each in self.mapping(key).items()}

    def list_of_tables(self, key: str) -> "list[_Table]":
        value = self._take(key, [])
        if not isinstance(value, list):
            raise UsageError(f"{key} of {self.name} must be tables [[{key}]], not {value!r}")
        return [_Table(f"number {number} of {key}", each) for number, each in enumerate(value, start=1)]

    def expect_nothing_else(self) -> None:
        for key in self._content:
            raise unknown_name(f"key of {self.name}", key, self._known)

    def _take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        value = self._content.pop(key, default)
        if value is None:
            raise UsageError(f"{self.name} lacks {key}")
        return value
