"""All figures that stored scores and the models behind them support."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from neuroalign.comparison.score_groups import group_scores
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError
from neuroalign.models.ceiling import ceiling_family
from neuroalign.names.registry import benchmarks as registered_benchmarks
from neuroalign.names.syntax import format_spec
from neuroalign.reporting.figures.gathered import Gathered
from neuroalign.reporting.figures.group_figures import draw_group
from neuroalign.reporting.figures.model_figures import ModelFigures
from neuroalign.reporting.figures.selection import keep_models, keep_named
from neuroalign.reporting.figures.style import family_styles
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.groups import load_benchmarks

__all__ = ["Gathered", "gather_figures"]


def gather_figures(
    dataset: Dataset,
    *,
    benchmarks: "Sequence[str] | Mapping[Benchmark, Collection[str]]" = (),
    models: Sequence[str] = (),
    with_udr: bool = True,
    ceiling: str | None = None,
    store: ResultsStore | None = None,
) -> Iterator[Gathered]:
    """Draw every figure that the scores of a dataset support, and explain why the other figures are missing.

    Parameters
    ----------
    dataset : Dataset
        Scores of earlier versions of the dataset are left out.
    benchmarks : sequence of str, or mapping of Benchmark to collection of str
        Benchmarks with their options; by default all benchmarks with their default options. A mapping names the
        instances that are shown for each benchmark, as far as they are among `models`.
    models : sequence of str
        Families or instances that are shown; by default all of them.
    with_udr : bool
        Whether to draw scores over UDR, which is computed from the instances that are shown.
    ceiling : str, optional
        Family that provides the ceiling of scores without a ceiling of their own. By default the family of subsets of
        the recorded neurons; empty for no ceiling.
    store : ResultsStore, optional

    Yields
    ------
    Gathered
        One figure after another; each is drawn just before it is yielded.

    Raises
    ------
    NeuroalignError
        If nothing has been scored.
    UnknownNameError
        If a model is not among the scored ones, or a benchmark is unknown.

    Notes
    -----
    Figures of scores need numbers in ``Score.beside``: an axis index, ``native`` and ``recombined``, or
    ``unit_proportion``. Figures of units and faces need a benchmark that declares the array ``weights`` or
    ``predicted_latents``; see ``neuroalign.scoring.benchmark.Benchmark.arrays``.

    Units, faces and traversals come from the best instance of a family. A model is loaded only if its name is
    registered and it is the model that was scored: a record from another laboratory must not run code or fetch weights.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import neuroalign as na
    >>> from neuroalign.reporting.figures.gathering import gather_figures
    >>> from neuroalign.results.store import ResultsStore
    >>> from neuroalign.testing import make_dataset, make_score
    >>> store, dataset = ResultsStore(mkdtemp()), make_dataset()
    >>> store.save("0000", make_score(0.4, model="pca[n=5]", benchmark=na.load_benchmark("ridge"), dataset=dataset))
    >>> figures = gather_figures(dataset, with_udr=False, store=store)
    >>> [figure.name for figure in figures if figure.axes is not None]
    ['scores_ridge']
    """
    store = store or ResultsStore()
    named: list[str | Benchmark] = [*benchmarks] or [name for name, _ in registered_benchmarks.items()]
    wanted = load_benchmarks(named)
    items = store.items(dataset=dataset.identifier)
    groups = [group for group in group_scores(items, dataset, wanted) if group.families]
    if not groups:
        by = f" by {', '.join(map(_name, benchmarks))}" if benchmarks else ""
        raise NeuroalignError(
            f"nothing has been scored on {dataset.identifier}{by} yet; try: neuroalign score MODEL {dataset.identifier}"
        )
    keep_models(groups, models)
    if isinstance(benchmarks, Mapping):
        keep_named(groups, benchmarks)
    families = sorted({family for group in groups for family in group.families})
    styles = family_styles(families)
    top = ceiling_family() if ceiling is None else ceiling
    for group in groups:
        yield from draw_group(group, store, ceiling=top or "", styles=styles)
    figures = ModelFigures(dataset, store, groups)
    for family in families:
        yield from figures.draw_units(family, with_udr=with_udr)
    yield from figures.draw_decoded()


def _name(benchmark: str | Benchmark) -> str:
    return benchmark if isinstance(benchmark, str) else format_spec(benchmark.identifier, benchmark.options())
