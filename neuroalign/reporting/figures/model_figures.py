"""Figures of single families: UDR, units by neurons, decoded faces and latent traversals."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.comparison.score_groups import ScoreGroup
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import load_model
from neuroalign.models.model import Decodes, Model, ModelFamily, fingerprint_of
from neuroalign.models.selection import add_udr
from neuroalign.models.traversals import latent_traversals
from neuroalign.names.foreign_code import foreign_code
from neuroalign.names.registry import benchmarks, models
from neuroalign.names.syntax import format_spec, parse_spec
from neuroalign.reporting.figures.faces import decoded_faces, traversals
from neuroalign.reporting.figures.gathered import Gathered, draw_or_explain, in_one_line
from neuroalign.reporting.figures.relations import udr_against_alignment
from neuroalign.reporting.figures.units import VARIANCE_EXPLAINED, WEIGHTS, unit_shares, units_by_neurons
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.declared import has_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Array in ``Score.data`` with the latents of held-out stimuli that are predicted from the neurons.
PREDICTED_LATENTS = "predicted_latents"

# Faces in a row, their size in pixels, and rows of traversals.
_N_FACES, _FACE_SIZE, _N_UNITS = 8, 128, 12

_UNREADABLE = "the arrays of its scores cannot be read"


class ModelFigures:
    """Figures of the models behind the scores of a dataset.

    Parameters
    ----------
    dataset : Dataset
    store : ResultsStore
        Store with the scores of `groups`.
    groups : sequence of ScoreGroup
        The first group of a benchmark counts.
    """

    def __init__(self, dataset: Dataset, store: ResultsStore, groups: Sequence[ScoreGroup]) -> None:
        self._dataset, self._store = dataset, store
        self._groups = list({group.benchmark: group for group in reversed(groups)}.values())[::-1]

    def draw_units(self, family: str, *, with_udr: bool) -> Iterator[Gathered]:
        """Draw the units of a family by each benchmark with weights: scores over UDR, and units by neurons."""
        groups = self._groups_with(WEIGHTS)
        for group in groups:
            if family not in group.families:
                continue
            name = _name_of_figure(group, groups, family)
            if with_udr:
                yield draw_or_explain(f"udr_{name}", self._udr, group, family)
            yield draw_or_explain(f"units_by_neurons_{name}", self._units, group, family)

    def draw_decoded(self) -> Iterator[Gathered]:
        """Draw traversals and decoded faces of the best instance of each family, by each benchmark with predictions."""
        groups = self._groups_with(PREDICTED_LATENTS)
        if not groups:
            yield Gathered("decoded_faces", reason=_explain_no_array(PREDICTED_LATENTS, "predicted latents"))
        for group in groups:
            yield from self._draw_decoded(group, groups)

    def _draw_decoded(self, group: ScoreGroup, groups: Sequence[ScoreGroup]) -> Iterator[Gathered]:
        title = "decoded_faces" if len(groups) == 1 else f"decoded_faces_{group.benchmark}"
        pictures: dict[str, xr.DataArray] = {}
        for family in sorted(group.families, key=lambda name: _ranked(group, name)[0]):
            name, best = f"traversals_{_name_of_figure(group, groups, family)}", self._best(group, family)
            try:
                if best is None:
                    raise NeuroalignError(_UNREADABLE)
                with foreign_code("the images cannot be decoded"):
                    model = self._decoder(best)
                    pictures |= self._decoded(model, best)
            except NeuroalignError as error:
                for missing in (f"{title} of {family}", name):
                    yield Gathered(missing, reason=in_one_line(error))
                continue
            yield draw_or_explain(name, self._traversals, model, best)
        if pictures:
            ids = next(iter(pictures.values()))["stimulus"].values
            faces = self._dataset.stimuli.select(ids).pixels(_FACE_SIZE)
            rows = {"held-out images": _pictures(faces, ids), **pictures}
            yield draw_or_explain(
                title,
                decoded_faces,
                rows,
                dataset=self._dataset.identifier,
                simulated=self._dataset.simulated,
            )

    def _udr(self, group: ScoreGroup, family: str) -> "Axes":
        scores = list(group.families[family].values())
        table = pd.DataFrame([_hyper_parameters(score) for score in scores])
        settings = [column for column in table if column != "instance"]
        if not table.duplicated(settings).any():
            raise NeuroalignError("no two instances differ in their seed alone, which UDR needs")
        latents = {}
        for score in scores:
            computed = compute_latents(self._model(score), self._dataset.stimuli)
            if "kl" not in computed.coords:
                raise NeuroalignError("its units have no prior from which to diverge, which UDR needs")
            latents[score.model] = computed
        by = "beta" if "beta" in table and len(table["beta"].unique()) > 1 else None
        return udr_against_alignment(add_udr(table, latents), scores, by=by)

    def _units(self, group: ScoreGroup, family: str) -> "Axes":
        best = self._best(group, family)
        if best is None:
            raise NeuroalignError(_UNREADABLE)
        shares = unit_shares(best, self._variance_explained(family, best.model))
        return units_by_neurons(
            shares, model=best.model, dataset=self._dataset.identifier, simulated=self._dataset.simulated
        )

    def _variance_explained(self, family: str, model: str) -> Score | None:
        """Return the score of a model with the variance explained of each neuron; None without such a score."""
        for group in self._groups_with(VARIANCE_EXPLAINED):
            for key, score in group.families.get(family, {}).items():
                if score.model == model:
                    return self._store.load(key)
        return None

    def _decoded(self, model: Decodes, score: Score) -> dict[str, xr.DataArray]:
        predicted = score.data[PREDICTED_LATENTS].sortby("stimulus")[:_N_FACES]
        ids = predicted["stimulus"].values
        real = compute_latents(model, self._dataset.stimuli).sel(stimulus=ids)
        n = score.data.sizes.get("matched_unit", score.data.sizes.get("neuroid", 0))
        return {
            f"{model.identifier}\nreconstructed": _pictures(model.decode(real), ids),
            f"{model.identifier}\nfrom {n} neurons": _pictures(model.decode(predicted), ids),
        }

    def _traversals(self, model: Decodes, score: Score) -> "Axes":
        latents = compute_latents(model, self._dataset.stimuli)
        # Units with a unit Gaussian as prior are moved on their own scale, as in the paper.
        images = latent_traversals(model, self._dataset.stimuli, in_deviations="kl" not in latents.coords)
        images = images[:_N_UNITS]
        labels = {}
        for unit in images["unit"].values:
            lines = [*self._factor_of(latents.sel(unit=unit)), *_matched_neuron(score, unit)]
            if lines:
                labels[str(unit)] = "\n".join(lines)
        return traversals(
            images, labels=labels, dataset=self._dataset.identifier, simulated=self._dataset.simulated
        )

    def _factor_of(self, latent: xr.DataArray) -> list[str]:
        """Name the true factor with the largest correlation with a unit, where factors are known."""
        factors = self._dataset.factors
        if factors is None:
            return []
        shown = factors.loc[latent["stimulus"].values]
        r = shown.corrwith(pd.Series(latent.values, index=shown.index)).abs()
        return [f"{str(r.idxmax()).replace('_', ' ')}, |r| = {r.max():.2f}"] if r.notna().any() else []

    def _groups_with(self, array: str) -> list[ScoreGroup]:
        """Return the groups of the benchmarks that declare an array of their scores."""
        return [group for group in self._groups if has_array(group.benchmark, array)]

    def _best(self, group: ScoreGroup, family: str) -> Score | None:
        """Return the score of the best instance of a family with its arrays; None if they cannot be read."""
        *_, key = _ranked(group, family)[0]
        return self._store.load(key)

    def _decoder(self, score: Score) -> Decodes:
        model = self._model(score)
        if not isinstance(model, Decodes):
            raise NeuroalignError(f"{score.model} has no decoder")
        return model

    def _model(self, score: Score) -> Model:
        name = parse_spec(score.model).name
        if name not in models or ":" in name:
            raise NeuroalignError(
                f"{score.model} is not a registered model, so it is not loaded from a record"
            )
        model = load_model(score.model, dataset=self._dataset)
        fingerprint = score.provenance.get("model_fingerprint")
        if isinstance(model, ModelFamily) or fingerprint_of(model) != fingerprint:
            raise NeuroalignError(
                f"{score.model} is not the model that was scored under this name; score it again"
            )
        return model


def _name_of_figure(group: ScoreGroup, groups: Sequence[ScoreGroup], family: str) -> str:
    """Name a figure by its family, and by its benchmark if figures of several benchmarks are drawn."""
    return family if len(groups) == 1 else f"{group.benchmark}_{family}"


def _explain_no_array(array: str, noun: str) -> str:
    """State that no score has an array, and name the installed benchmarks with it."""
    names = [name for name, _ in benchmarks.items() if has_array(name, array)]
    remedy = f"; neuroalign score MODEL DATASET -b {names[0]} computes them" if names else ""
    return f"no stored score has {noun}{remedy}"


def _ranked(group: ScoreGroup, family: str) -> list[tuple[bool, float, str, str]]:
    """Sort a family's scores, the best first, NaN last, equal scores by name; each entry ends with its key."""
    sign = -1.0 if group.higher_is_better else 1.0
    return sorted(
        (bool(np.isnan(score.value)), sign * np.nan_to_num(score.value), score.model, key)
        for key, score in group.families[family].items()
    )


def _matched_neuron(score: Score, unit: str) -> list[str]:
    """Name the neuron that a unit is matched with, where a score matches units and neurons."""
    if not {"matched_unit", "matched_neuroid", "correlation"} <= set(score.data.variables):
        return []
    matched = score.data.set_coords(["matched_neuroid", "correlation"])
    if unit not in matched["matched_unit"].values:
        return []
    pair = matched.sel(matched_unit=unit)
    return [f"{pair['matched_neuroid'].item()}, r = {pair['correlation'].item():.2f}"]


def _hyper_parameters(score: Score) -> dict[str, object]:
    """Return a row of the table of instances, with equal settings for instances that differ in their seed alone."""
    spec = parse_spec(score.model)
    others = {name: value for name, value in spec.options.items() if name not in ("seed", "beta")}
    row: dict[str, object] = {"instance": score.model, "family": format_spec(spec.name, others)}
    return row | ({"beta": spec.options["beta"]} if "beta" in spec.options else {})


def _pictures(images: NDArray[np.float32], ids: NDArray[np.str_]) -> xr.DataArray:
    return xr.DataArray(images, dims=("stimulus", "row", "column"), coords={"stimulus": ids})
