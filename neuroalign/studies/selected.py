"""Selection of the instances of a study, by UDR, training and variance explained."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import xarray as xr

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.model import Model, Recorded
from neuroalign.models.selection import Rule, add_udr, select_instances
from neuroalign.names.syntax import parse_spec
from neuroalign.studies.scored import Scored
from neuroalign.studies.study import RULES, Study

#: Numbers in the record of a training that rules of selection use.
TRAINED_NUMBERS = ("objective", "accuracy")


@dataclass(frozen=True, eq=False)
class Selected:
    """Instances that are kept and dropped.

    Parameters
    ----------
    table : pandas.DataFrame
        All instances, with the numbers of the selection.
    kept : frozenset of str
        Names of the kept instances.
    dropped : pandas.DataFrame
        Dropped instances, with the columns ``step`` and ``reason``.
    without_udr : mapping of str to str
        Reasons why families have no UDR, by family.
    """

    table: pd.DataFrame
    kept: frozenset[str]
    dropped: pd.DataFrame
    without_udr: Mapping[str, str]


def select(study: Study, grid: str, dataset: Dataset, scored: Mapping[str, Scored]) -> Selected:
    """Select the instances of each family by the rules of the study.

    Parameters
    ----------
    study : Study
    grid : str
        Grid of the study, with the rules.
    dataset : Dataset
        Dataset with the stimuli that UDR is computed on.
    scored : mapping of str to Scored
        Families with scores; all instances of a ceiling are kept.
    """
    rows = []
    for family, members in scored.items():
        explained = {score.model: score.value for score in members.scores.get(study.variance_explained, ())}
        rows += [
            {
                "family": family,
                **describe_instance(model),
                "variance_explained": explained.get(model.identifier),
            }
            for model in members.models
        ]
    table, without_udr = _add_udr(pd.DataFrame(rows), study, grid, dataset, scored)
    ceilings = [name for name, family in study.families.items() if family.is_ceiling]
    is_ceiling = table["family"].isin(ceilings)
    selection = select_instances(table[~is_ceiling], _rules(study, grid, scored))
    kept = frozenset([*selection.kept["instance"], *table["instance"][is_ceiling]])
    return Selected(table, kept, selection.dropped, without_udr)


def describe_instance(model: Model) -> dict[str, Any]:
    """Return the name, number of units, hyper-parameters and training of an instance, for the rules of selection.

    Returns
    -------
    dict
        ``instance`` and, where known, ``n_units``, ``beta`` and the numbers in :data:`TRAINED_NUMBERS`.
    """
    options = parse_spec(model.identifier).options
    row: dict[str, Any] = {"instance": model.identifier}
    record = record_of(model)
    recipe = record.get("recipe", {})
    n_units = recipe.get("n_latents", options.get("n_latents", options.get("n")))
    row |= {} if n_units is None else {"n_units": n_units}
    row |= {"beta": options["beta"]} if "beta" in options else {}
    final = record.get("final", {})
    row |= {name: final[name] for name in TRAINED_NUMBERS if name in final}
    return row


def record_of(model: Model) -> Mapping[str, Any]:
    """Return the record of the training of a model; an empty mapping for a model without a record."""
    return model.record if isinstance(model, Recorded) else {}


def _add_udr(
    table: pd.DataFrame, study: Study, grid: str, dataset: Dataset, scored: Mapping[str, Scored]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Add the UDR of the families that are selected by UDR, and of the families with a claim about UDR."""
    families = {claim.settings["subject"] for claim in study.claims if claim.kind == "predicts"}
    families |= {name for name, family in study.families.items() if family.grids[grid].rule == "best_udr"}
    udr = pd.Series(float("nan"), index=table.index)
    without = {}
    for family in sorted(families & set(scored)):
        rows = table[table["family"] == family].dropna(axis="columns", how="all")
        try:
            with_udr = add_udr(rows, _Latents(scored[family].models, dataset))
        except NeuroalignError as error:
            without[family] = " ".join(str(error).split())
            continue
        udr[with_udr.index] = with_udr["udr"]
    return table.assign(udr=udr), without


def _rules(study: Study, grid: str, scored: Mapping[str, Scored]) -> dict[str, Rule]:
    instances = {name: study.families[name].grids[grid] for name in scored}
    return {
        name: _with_options(RULES[chosen.rule], chosen.rule_options)
        for name, chosen in instances.items()
        if chosen.rule
    }


def _with_options(rule: Callable[..., Any], options: Mapping[str, Any]) -> Rule:
    return lambda table: rule(table, **options)


class _Latents(Mapping[str, xr.DataArray]):
    """Latents of models by their identifiers, computed or read from the cache when they are looked up."""

    def __init__(self, models: Sequence[Model], dataset: Dataset) -> None:
        self._models = {model.identifier: model for model in models}
        self._dataset = dataset

    def __getitem__(self, name: str) -> xr.DataArray:
        return compute_latents(self._models[name], self._dataset.stimuli)

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def __contains__(self, name: object) -> bool:
        # The default of Mapping would compute the latents.
        return name in self._models
