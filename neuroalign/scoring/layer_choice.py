"""Choice of the best layer inside the training folds, and its score on the held-out folds."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_bins import expect_one_window
from neuroalign.errors import count_noun, name_some
from neuroalign.jobs.running import run_jobs
from neuroalign.models.model import Model
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore, now, score_key
from neuroalign.scoring.benchmark import Benchmark, load_benchmark
from neuroalign.scoring.chance import draw_orders, recorded_latents, with_null
from neuroalign.scoring.chosen_layers import LayerChoice, best_layers
from neuroalign.scoring.conflicts import warn_of_conflict
from neuroalign.scoring.evaluate import check_shuffles
from neuroalign.scoring.examined_layers import Examined, Settings, examine
from neuroalign.scoring.folded import FoldedBenchmark
from neuroalign.scoring.grouped import as_columns
from neuroalign.scoring.instance import Batch, Failure
from neuroalign.scoring.layer_candidates import (
    Layer,
    Layers,
    Moved,
    hash_layers,
    identify_layers,
    label_layers,
    name_choice,
    open_candidates,
    prepare_layers,
)
from neuroalign.scoring.nested_choice import (
    check_can_choose,
    check_can_choose_by_group,
    choose_best,
    group_neurons,
    plan_folds,
    score_choice,
)
from neuroalign.scoring.provenance import add_notes_of_model, content_of, library_versions
from neuroalign.validation import checks

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@checks("identifier", "join", "use_cache", "store")
def choose_layer(
    layers: Layers,
    dataset: "str | os.PathLike[str] | Dataset",
    benchmark: str | Benchmark,
    *,
    by: str | Sequence[str] = (),
    identifier: str | None = None,
    join: Join = "exact",
    n_jobs: int = 1,
    use_cache: bool = True,
    n_permutations: int = 0,
    permutation_seed: int = 0,
    store: ResultsStore | None = None,
) -> LayerChoice:
    """Choose the best of several layers inside the training folds, and score it on the held-out folds.

    For each fold of the benchmark, every layer is scored by cross-validation within the training stimuli of the
    fold. The best one is fitted to all training stimuli and predicts the fold. The predictions of all folds give the
    score as for a single layer. The layers may be any models, such as the instances of a family.

    Parameters
    ----------
    layers : str, Model, ModelFamily, or sequence of them
        Two or more models with different names. A name with patterns of layers, such as ``timm:resnet50@*`` or
        ``timm:resnet50@layer1,layer2``, stands for these layers, and a family for all its instances.
    dataset : str, path or Dataset
    benchmark : str or Benchmark
        Benchmark with held-out predictions; see ``neuroalign.scoring.nested_choice.benchmarks_that_choose``.
    by : str or sequence of str
        Columns of the neurons, such as region: each group has a layer of its own. ``neuroid_id`` chooses a layer for
        each neuron. By default one layer is chosen for all neurons.
    identifier : str, optional
        Name of the candidates in the name of the score, ``choose_layer[among=NAME]``; by default the name of the
        network or family, or the list of the models.
    join : {"exact", "intersection"}
        See :func:`neuroalign.score`.
    n_jobs : int
        Number of layers that are scored at once; the numbers do not depend on it.
    use_cache : bool
        Whether to read and write cached latents and scores.
    n_permutations, permutation_seed : int
        Number and seed of shuffles of the stimuli for the level of chance of the nested score. Each takes as long as
        the score. The shuffles of the benchmark itself give the gain by chance.
    store : ResultsStore, optional
        Store of the scores; by default the store in the neuroalign folder.

    Returns
    -------
    LayerChoice

    Raises
    ------
    UsageError
        If the benchmark has no held-out folds, there are fewer than two models, or too few folds.
    NeuroalignError
        If a name is unknown, or no layer can be scored.

    References
    ----------
    Varma & Simon (2006), BMC Bioinformatics 7:91; Cawley & Talbot (2010), J. Mach. Learn. Res. 11:2079.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign import as_model
    >>> from neuroalign.scoring.layer_choice import choose_layer
    >>> from neuroalign.testing import make_dataset
    >>> dataset = make_dataset(n_stimuli=60, n_neurons=4)
    >>> layers = [
    ...     as_model(lambda pixels, n=n: pixels.reshape(len(pixels), -1)[:, :n], identifier=f"first{n}") for n in (2, 4)
    ... ]
    >>> choice = choose_layer(layers, dataset, "linear[n_folds=3]", use_cache=False)
    >>> choice.layers, choice.chosen.shape
    (('first2', 'first4'), (3, 1))
    """
    chosen_benchmark = load_benchmark(benchmark)
    check_can_choose(chosen_benchmark)
    check_shuffles(n_permutations, permutation_seed)
    loaded = load_dataset(dataset)
    expect_one_window(loaded)
    columns, kept = as_columns(by), store or ResultsStore()
    if columns:
        check_can_choose_by_group(chosen_benchmark)
    started = time.monotonic()
    with open_candidates(layers, loaded) as (candidates, name, left_out):
        named = name_choice(identifier or name, columns)
        prepared, failures = prepare_layers(candidates, loaded, use_cache)
        key = _key_of(named, prepared, loaded, chosen_benchmark, join)
        stored = kept.load_own(key) if use_cache else None
        earlier = None if stored is None else LayerChoice.from_score(stored)
        if earlier is not None and _has_null(earlier.score, n_permutations, permutation_seed):
            return earlier
        batch = Batch(
            dataset=loaded,
            benchmarks=[],
            family="",
            is_sample=None,
            join=join,
            use_cache=use_cache,
            store=kept,
            created=now(),
            serial=kept.new_serial() if use_cache else None,
            n_permutations=n_permutations,
            permutation_seed=permutation_seed,
        )
        choice = _choose(prepared, {**left_out, **failures}, chosen_benchmark, batch, columns, named, n_jobs)
    provenance = {
        "created": batch.created,
        **library_versions(),
        "dataset_hash": loaded.content_hash,
        "latents_hash": hash_layers(prepared),
        "identity": identify_layers(prepared, loaded.stimuli),
        "simulated": loaded.simulated,
        "join": join,
        "seconds": round(time.monotonic() - started, 3),
        "latents_seconds": round(sum(layer.seconds for layer in prepared), 3),
        **choice.score.provenance,
    }
    choice = replace(choice, score=replace(choice.score, family=named, provenance=provenance)).stored(columns)
    warn_of_conflict(kept, key, choice.score, with_own=not use_cache)
    if use_cache:
        kept.keep(key, choice.score, serial=batch.serial)
    return choice


def _key_of(name: str, layers: Sequence[Layer], dataset: Dataset, benchmark: Benchmark, join: Join) -> str:
    return score_key(
        model=name,
        family=name,
        identity=identify_layers(layers, dataset.stimuli),
        decoder=None,
        dataset=dataset.identifier,
        dataset_hash=content_of(dataset, benchmark),
        benchmark=benchmark.identifier,
        benchmark_version=benchmark.version,
        options=benchmark.options(),
        join=join,
    )


def _has_null(score: Score, n_permutations: int, seed: int) -> bool:
    entries = score.provenance
    return not n_permutations or (entries.get("n_permutations"), entries.get("permutation_seed")) == (
        n_permutations,
        seed,
    )


def _choose(
    layers: Sequence[Layer],
    failures: Mapping[str, str],
    benchmark: Benchmark,
    batch: Batch,
    by: Sequence[str],
    name: str,
    n_jobs: int,
) -> LayerChoice:
    """Score all layers, choose one for each fold, and score the folds."""
    import joblib

    assert isinstance(benchmark, FoldedBenchmark)
    dataset, join = batch.dataset, batch.join
    responses = benchmark.align(layers[0], dataset, join=join)[1]
    neuroids = responses["neuroid"].values.astype(str)
    plan = plan_folds(benchmark, dataset, responses["stimulus"].values)
    groups = group_neurons(dataset, neuroids, by)
    recorded = recorded_latents(layers[0].latents(dataset.stimuli), dataset)["stimulus"].values.astype(str)
    own = benchmark.options().get("n_permutations", 0)
    orders, own_orders = (
        draw_orders(benchmark, dataset, recorded, n_permutations=number, seed=seed) if number else []
        for number, seed in (
            (batch.n_permutations, batch.permutation_seed),
            (
                own if len(groups.names) > 1 and not batch.n_permutations else 0,
                benchmark.options().get("seed", 0),
            ),
        )
    )
    settings = Settings(benchmark, dataset, plan, groups, batch, orders, own_orders)
    jobs = [joblib.delayed(examine)(layer, settings) for layer in layers]
    outcomes = run_jobs(jobs, n_jobs=n_jobs, description="choosing among layers")
    scored = [
        (layer, outcome)
        for layer, outcome in zip(layers, outcomes, strict=True)
        if isinstance(outcome, Examined)
    ]
    lost = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    if not scored:
        raise lost[0].reason
    failures = {**failures, **{failure.model: str(failure.reason) for failure in lost}}
    kept, examined = [layer for layer, _ in scored], [outcome for _, outcome in scored]
    higher = benchmark.higher_is_better
    inner = np.stack([outcome.inner for outcome in examined], axis=1)
    chosen = choose_best(inner[0], higher_is_better=higher)
    ordinary = np.array([outcome.by_group for outcome in examined])

    def score(models: Sequence[Model], choice: IntArray) -> Score:
        return score_choice(plan, benchmark, name, models, dataset, groups, choice, join=join)

    nested = score(kept, chosen)
    best = best_layers(ordinary, higher)
    # One layer for all folds and neurons has its ordinary score.
    one = len(groups.names) == 1
    naive = examined[best[0]].ordinary if one else score(kept, np.tile(best, (len(chosen), 1)))
    statistic = benchmark.resampling("value").from_score
    assert statistic is not None
    nested = _describe(nested, benchmark, kept, examined, chosen, failures, dataset, recorded)
    if orders:
        moved = [[Moved(layer, dataset, order) for layer in kept] for order in orders]
        null = [
            score(models, choose_best(scores, higher_is_better=higher)).value
            for models, scores in zip(moved, inner[1:], strict=True)
        ]
        notes = benchmark.exchange(dataset, recorded).notes
        nested = with_null(nested, np.array(null), seed=batch.permutation_seed, notes=notes)
    return LayerChoice(
        score=nested,
        layers=tuple(layer.identifier for layer in kept),
        groups=groups.names,
        group_sizes=tuple(groups.members.sum(axis=1).tolist()),
        fold_sizes=plan.sizes,
        inner=inner[0],
        chosen=chosen,
        ordinary=ordinary,
        group_scores=statistic(nested).in_order(neuroids.tolist())(groups.members),
        naive_maximum=naive.value,
        shuffled=np.array([outcome.shuffled for outcome in examined]),
        failures=failures,
        short_names=label_layers(kept),
    )


def _describe(
    score: Score,
    benchmark: FoldedBenchmark,
    layers: Sequence[Layer],
    examined: Sequence[Examined],
    chosen: IntArray,
    failures: Mapping[str, str],
    dataset: Dataset,
    stimuli: NDArray[np.str_],
) -> Score:
    """Add the level of chance, the mean number of units, and the notes of a choice to its score."""
    levels = np.array([outcome.ordinary.null for outcome in examined])
    units = np.array([outcome.ordinary.beside.get("informative_units", np.nan) for outcome in examined])
    notes = [
        f"the layer of each fold is chosen among {len(layers)} on the training stimuli of the fold, by the same score "
        "in folds of their own"
    ]
    if np.isfinite(levels).any():
        notes.append(
            "chance is the mean level of the layers: a layer that is chosen without the scored stimuli has the level "
            "of a fixed layer"
        )
    if benchmark.depends_on_n_units and np.unique(units[np.isfinite(units)]).size > 1:
        notes.append(
            f"the score depends on the number of units, and the layers have {units.min():,.0f} to {units.max():,.0f} "
            "informative units; reduce all layers to one number, as with +pca[n=50]"
        )
    if failures:
        left_out = [f"{name} ({reason})" for name, reason in failures.items()]
        notes.append(f"{count_noun(len(failures), 'layer')} left out: {name_some(left_out)}")
    beside = dict(score.beside)
    if np.isfinite(units).all():
        beside["informative_units"] = float(units[chosen].mean())
    score = replace(
        score,
        null=float(np.nanmean(levels)) if np.isfinite(levels).any() else float("nan"),
        beside=beside,
        notes=[*notes, *score.notes],
    )
    score = benchmark.note_folds(score, dataset, stimuli)
    for index in np.unique(chosen):
        score = add_notes_of_model(score, layers[index].model, dataset)
    return score
