"""Every figure that stored scores and the models behind them support."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.comparison import Sample, make_sample
from neuroalign.comparison.score_groups import ScoreGroup, group_scores
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError, unknown_name
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import load_model
from neuroalign.models.model import Decodes, Model, ModelFamily, fingerprint_of
from neuroalign.models.selection import add_udr
from neuroalign.models.traversals import latent_traversals
from neuroalign.names.registry import benchmarks as registered_benchmarks
from neuroalign.names.registry import models as registered_models
from neuroalign.names.syntax import format_spec, parse_spec
from neuroalign.reporting.figures.faces import decoded_faces, traversals
from neuroalign.reporting.figures.neurons import neurons_in_order
from neuroalign.reporting.figures.relations import (
    correlation_ratio_against_unit_proportion,
    udr_against_alignment,
)
from neuroalign.reporting.figures.scores import native_and_recombined, scores_by_family
from neuroalign.reporting.figures.style import family_styles
from neuroalign.reporting.figures.units import unit_shares, units_by_neurons
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark, load_benchmark
from neuroalign.scoring.resampling import AXIS_INDEX

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Faces in a row, their size in pixels, and rows of traversals.
_N_FACES, _FACE_SIZE, _N_UNITS = 8, 128, 12


@dataclass(frozen=True)
class Gathered:
    """A figure, or why there is none."""

    #: Such as ``scores_alignment`` or ``units_by_neurons_beta_vae``.
    name: str
    axes: "Axes | None" = None
    #: Why it was left out; empty for a figure.
    reason: str = ""


def gather_figures(
    dataset: Dataset,
    *,
    benchmarks: "Sequence[str] | Mapping[Benchmark, Collection[str]]" = (),
    models: Sequence[str] = (),
    with_udr: bool = True,
    ceiling: str = "neuron_subset",
    store: ResultsStore | None = None,
) -> Iterator[Gathered]:
    """Draw every figure that the scores of a dataset support, and say of the others why they are missing.

    Parameters
    ----------
    dataset : Dataset
        Scores of this very content are shown.
    benchmarks : sequence of str, or mapping of Benchmark to collection of str
        With options if need be; by default all, with their default options. A mapping names the instances that are
        shown of each benchmark, as far as they are among `models`.
    models : sequence of str
        Families or instances that are shown; by default all.
    with_udr : bool
        Whether alignment is drawn over UDR, which is computed from the instances that are shown.
    ceiling : str
        The family that serves as the ceiling, where scores have none of their own.
    store : ResultsStore, optional

    Yields
    ------
    Gathered
        One figure after another: what is yielded was drawn just then.

    Raises
    ------
    NeuroalignError
        If nothing has been scored.
    UnknownNameError
        If a model is not among the scored ones, or there is no such benchmark.

    Notes
    -----
    Of each family, units, faces and traversals are those of its best instance. Its model is loaded only if its name is
    registered and it is the one that was scored: a record from elsewhere must not run code or fetch weights.
    """
    store = store or ResultsStore()
    named: list[str | Benchmark] = [*benchmarks] or [name for name, _ in registered_benchmarks.items()]
    wanted = [load_benchmark(benchmark) for benchmark in named]
    groups = [each for each in group_scores(store.items(), dataset, wanted) if each.families]
    if not groups:
        by = f" by {', '.join(map(_name, benchmarks))}" if benchmarks else ""
        raise NeuroalignError(
            f"nothing has been scored on {dataset.identifier}{by} yet; try: neuroalign score MODEL {dataset.identifier}"
        )
    _keep_models(groups, models)
    if isinstance(benchmarks, Mapping):
        _keep_named(groups, benchmarks)
    of_benchmark = {each.benchmark: each for each in reversed(groups)}
    gathering = _Gathering(dataset, store, of_benchmark, ceiling, with_udr=with_udr)
    for group in groups:
        yield from gathering.by_family(group)
    yield from gathering.others()


def _keep_models(groups: Sequence[ScoreGroup], models: Sequence[str]) -> None:
    """Leave what was not asked for out of the groups, and instances that are in their family, too."""
    known = {
        name
        for group in groups
        for family, of in group.families.items()
        for name in (family, *(score.model for score in of.values()))
    }
    families = {family for group in groups for family in group.families}
    for model in models:
        if model not in known:
            # Instances can be hundreds: they are named only to one who asks for an instance.
            raise unknown_name("scored model", model, known if "[" in model else families)
    for group in groups:
        in_families = {
            score.model
            for family, of in group.families.items()
            for score in of.values()
            if family != score.model
        }
        for family, of in list(group.families.items()):
            kept = {
                key: score
                for key, score in of.items()
                if (family in models or score.model in models or not models)
                and not (family == score.model and score.model in in_families)
            }
            if kept:
                group.families[family] = kept
            else:
                del group.families[family]


def _keep_named(groups: Sequence[ScoreGroup], named: Mapping[Benchmark, Collection[str]]) -> None:
    """Leave out of each group the instances that are not named for its benchmark."""
    for group in groups:
        names = {
            name
            for benchmark, of_benchmark in named.items()
            if (benchmark.identifier, benchmark.options()) == (group.benchmark, group.options)
            for name in of_benchmark
        }
        for family, scores in list(group.families.items()):
            kept = {key: score for key, score in scores.items() if score.model in names}
            if kept:
                group.families[family] = kept
            else:
                del group.families[family]


def _name(benchmark: str | Benchmark) -> str:
    return benchmark if isinstance(benchmark, str) else format_spec(benchmark.identifier, benchmark.options())


class _Gathering:
    """What all figures of one call share."""

    def __init__(
        self,
        dataset: Dataset,
        store: ResultsStore,
        groups: dict[str, ScoreGroup],
        ceiling: str,
        *,
        with_udr: bool,
    ) -> None:
        self.with_udr = with_udr
        self.dataset, self.store, self.groups, self.ceiling = dataset, store, groups, ceiling
        self.families = sorted({family for each in groups.values() for family in each.families})
        self.styles = family_styles(self.families)

    def by_family(self, group: ScoreGroup) -> Iterator[Gathered]:
        """Draw the scores of all families by one benchmark, and of their neurons."""
        scores = [each for of in group.families.values() for each in of.values()]
        if not scores:
            return
        if all("recombined" in each.beside for each in scores):
            yield _drawn(
                f"native_and_recombined_{group.name}", native_and_recombined, scores, styles=self.styles
            )
            return
        has_own = any(np.isfinite(each.ceiling) for each in scores)
        ceiling = [each for each in scores if each.family == self.ceiling and not has_own]
        shown = [each for each in scores if each not in ceiling] or scores
        whole = self._whole(group)
        if any(AXIS_INDEX in score.beside for score in shown):
            statistic = load_benchmark(group.name).find_statistic(AXIS_INDEX)
            yield _drawn(
                f"scores_{group.name}_{AXIS_INDEX}",
                scores_by_family,
                shown,
                statistic=statistic,
                samples=_samples(group, whole, AXIS_INDEX),
                styles=self.styles,
            )
        yield _drawn(
            f"scores_{group.name}",
            scores_by_family,
            shown,
            samples=_samples(group, whole, "value"),
            ceiling=ceiling if shown is not scores else (),
            styles=self.styles,
        )
        name = f"neurons_{group.name}"
        if not whole:
            yield Gathered(name, reason="the arrays of the scores cannot be read")
        elif all(group.benchmark in each.data for each in whole):
            yield _drawn(name, neurons_in_order, whole, styles=self.styles)
        if all("unit_proportion" in each.beside for each in scores):
            yield _drawn(
                f"unit_proportion_{group.name}",
                correlation_ratio_against_unit_proportion,
                scores,
                styles=self.styles,
            )

    def others(self) -> Iterator[Gathered]:
        """Draw what is of one family or instance: UDR, units, faces and traversals."""
        alignment, decoding = self.groups.get("alignment"), self.groups.get("decoding")
        for family in self.families:
            if alignment is not None and family in alignment.families:
                if self.with_udr:
                    yield _drawn(f"udr_{family}", self._udr, alignment, family)
                yield _drawn(f"units_by_neurons_{family}", self._units, alignment, family)
        if decoding is None:
            yield Gathered("decoded_faces", reason="there is no score by decoding")
            return
        pictures: dict[str, xr.DataArray] = {}
        for family in sorted(decoding.families, key=lambda name: _ranked(decoding, name)[0]):
            name, best = f"traversals_{family}", self._best(decoding, family)
            try:
                if best is None:
                    raise NeuroalignError("the arrays of its scores cannot be read")
                model = self._decoder(best)
                pictures |= self._decoded(model, best)
            except Exception as error:
                for each in (f"decoded_faces of {family}", name):
                    yield Gathered(each, reason=_reason(error))
                continue
            yield _drawn(name, self._traversals, model, best)
        if pictures:
            ids = next(iter(pictures.values()))["stimulus"].values
            faces = self.dataset.stimuli.select(ids).pixels(_FACE_SIZE)
            rows = {"held-out images": _pictures(faces, ids), **pictures}
            yield _drawn(
                "decoded_faces",
                decoded_faces,
                rows,
                dataset=self.dataset.identifier,
                simulated=self.dataset.simulated,
            )

    def _udr(self, group: ScoreGroup, family: str) -> "Axes":
        scores = list(group.families[family].values())
        rows = [_hyper_parameters(each) for each in scores]
        table = pd.DataFrame(rows)
        same = [column for column in table if column != "instance"]
        if not table.duplicated(same).any():
            raise NeuroalignError("no two instances differ in their seed alone, which UDR needs")
        latents = {}
        for score in scores:
            computed = compute_latents(self._model(score), self.dataset.stimuli)
            if "kl" not in computed.coords:
                raise NeuroalignError("its units have no prior from which to diverge, which UDR needs")
            latents[score.model] = computed
        by = "beta" if "beta" in table and len(table["beta"].unique()) > 1 else None
        return udr_against_alignment(add_udr(table, latents), scores, by=by)

    def _units(self, group: ScoreGroup, family: str) -> "Axes":
        best = self._best(group, family)
        if best is None:
            raise NeuroalignError("the arrays of its scores cannot be read")
        explained = self.groups.get("variance_explained")
        of = {} if explained is None else explained.families.get(family, {})
        key = next((key for key, score in of.items() if score.model == best.model), None)
        shares = unit_shares(best, None if key is None else self.store.load(key))
        return units_by_neurons(
            shares, model=best.model, dataset=self.dataset.identifier, simulated=self.dataset.simulated
        )

    def _decoded(self, model: Decodes, score: Score) -> dict[str, xr.DataArray]:
        predicted = score.data["predicted_latents"].sortby("stimulus")[:_N_FACES]
        ids = predicted["stimulus"].values
        real = compute_latents(model, self.dataset.stimuli).sel(stimulus=ids)
        n = score.data.sizes["matched_unit"]
        return {
            f"{model.identifier}\nreconstructed": _pictures(model.decode(real), ids),
            f"{model.identifier}\nfrom {n} neurons": _pictures(model.decode(predicted), ids),
        }

    def _traversals(self, model: Decodes, score: Score) -> "Axes":
        latents = compute_latents(model, self.dataset.stimuli)
        # Units with a unit Gaussian as prior are moved on their own scale, as in the paper.
        images = latent_traversals(model, self.dataset.stimuli, in_deviations="kl" not in latents.coords)
        images = images[:_N_UNITS]
        matched = score.data.set_coords(["matched_neuroid", "correlation"])
        factors = self.dataset.factors
        labels = {}
        for unit in images["unit"].values:
            lines = []
            if factors is not None:
                known = factors.loc[latents["stimulus"].values]
                r = known.corrwith(pd.Series(latents.sel(unit=unit).values, index=known.index)).abs()
                if r.notna().any():
                    lines.append(f"{str(r.idxmax()).replace('_', ' ')}, |r| = {r.max():.2f}")
            if unit in matched["matched_unit"].values:
                pair = matched.sel(matched_unit=unit)
                lines.append(f"{pair['matched_neuroid'].item()}, r = {pair['correlation'].item():.2f}")
            if lines:
                labels[str(unit)] = "\n".join(lines)
        return traversals(
            images, labels=labels, dataset=self.dataset.identifier, simulated=self.dataset.simulated
        )

    def _whole(self, group: ScoreGroup) -> list[Score]:
        loaded = (self.store.load(key) for of in group.families.values() for key in of)
        return [each for each in loaded if each is not None]

    def _best(self, group: ScoreGroup, family: str) -> Score | None:
        """Return the score of the best instance of a family with its arrays; None if they cannot be read."""
        *_, key = _ranked(group, family)[0]
        return self.store.load(key)

    def _decoder(self, score: Score) -> Decodes:
        model = self._model(score)
        if not isinstance(model, Decodes):
            raise NeuroalignError(f"{score.model} has no decoder")
        return model

    def _model(self, score: Score) -> Model:
        name = parse_spec(score.model).name
        if name not in registered_models or ":" in name:
            raise NeuroalignError(f"{score.model} is no registered model, so it is not loaded from a record")
        model = load_model(score.model, dataset=self.dataset)
        fingerprint = score.provenance.get("model_fingerprint")
        if isinstance(model, ModelFamily) or fingerprint_of(model) != fingerprint:
            raise NeuroalignError(
                f"{score.model} is not the model that was scored under this name; score it anew"
            )
        return model


def _ranked(group: ScoreGroup, family: str) -> list[tuple[bool, float, str, str]]:
    """Sort a family's scores, the best first, NaN last, names between equals; each ends with its key."""
    sign = -1.0 if group.higher_is_better else 1.0
    scores = group.families[family].items()
    return sorted(
        (bool(np.isnan(each.value)), sign * np.nan_to_num(each.value), each.model, key)
        for key, each in scores
    )


def _samples(group: ScoreGroup, whole: Sequence[Score], statistic: str) -> dict[str, Sample]:
    """Return the families as samples of one statistic; empty where the benchmark is not installed."""
    families: dict[str, list[Score]] = {}
    for score in whole:
        families.setdefault(score.family or score.model, []).append(score)
    try:
        resampling = load_benchmark(group.name).resampling(statistic, whole)
    except NeuroalignError:
        return {}
    return {name: make_sample(scores, resampling, name=name) for name, scores in families.items()}


def _drawn(name: str, draw: "Callable[..., Axes]", *args: Any, **options: Any) -> Gathered:
    try:
        return Gathered(name, axes=draw(*args, **options))
    except Exception as error:  # models of others raise anything
        return Gathered(name, reason=_reason(error))


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, NeuroalignError) else f"{type(error).__name__}: {text}"


def _hyper_parameters(score: Score) -> dict[str, object]:
    """Return a row of the table of instances: what tells this one from those that differ in their seed."""
    spec = parse_spec(score.model)
    others = {name: value for name, value in spec.options.items() if name not in ("seed", "beta")}
    row: dict[str, object] = {"instance": score.model, "family": format_spec(spec.name, others)}
    return row | ({"beta": spec.options["beta"]} if "beta" in spec.options else {})


def _pictures(images: NDArray[np.float32], ids: NDArray[np.str_]) -> xr.DataArray:
    return xr.DataArray(images, dims=("stimulus", "row", "column"), coords={"stimulus": ids})
