"""The command ``neuroalign score``."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import click

from neuroalign.errors import UsageError

if TYPE_CHECKING:
    from neuroalign.scoring.benchmark import Benchmark
    from neuroalign.scoring.evaluate import Failure


@click.command(
    epilog="""\b
Examples:
  neuroalign score beta_vae AM-faces
  neuroalign score "beta_vae[beta=6,seed=0]" AM-faces --benchmark alignment
  neuroalign score "timm:resnet18@layer3+pca[n=50]" ./my-recordings
  neuroalign score vgg_face AM-faces --weights vgg_face_dag.pth
  neuroalign score "pca[n=50]" AM-faces --benchmark alignment --permutations 199
  neuroalign score beta_vae AM-faces --turns 99
  neuroalign score my_models.py:my_model ./my-recordings --json
"""
)
@click.argument("model")
@click.argument("dataset")
@click.option(
    "--benchmark",
    "-b",
    "benchmarks",
    multiple=True,
    metavar="NAME",
    help='Benchmark, with options if need be: "alignment[n_folds=5]". Repeat for several; by default all but '
    "stimulus_bootstrap, which takes long.",
)
@click.option(
    "--weights",
    metavar="FILE|random",
    help="For networks: a file of their weights, or random ones; as the option weights= of MODEL.",
)
@click.option(
    "--intersection", is_flag=True, help="Score the stimuli that model and recording share, if not all."
)
@click.option(
    "--jobs", "-j", default=1, show_default=True, help="Instances scored at once; -1 for all cores."
)
@click.option(
    "--permutations",
    default=0,
    show_default=True,
    metavar="B",
    help="Chance of prediction: B shuffles of the stimuli, which test whether the units predict the neurons, not "
    "whether their axes are special. Each takes as long as a score.",
)
@click.option(
    "--turns",
    type=int,
    metavar="N",
    help="Random turns of the neurons' tuning behind the axis index κ, for the benchmarks that have one; 20 by "
    "default, 0 for none.",
)
@click.option("--seed", default=0, show_default=True, help="Of those shuffles.")
@click.option("--no-cache", is_flag=True, help="Compute everything anew, and keep nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def score(
    model: str,
    dataset: str,
    benchmarks: tuple[str, ...],
    weights: str | None,
    intersection: bool,
    jobs: int,
    permutations: int,
    turns: int | None,
    seed: int,
    no_cache: bool,
    as_json: bool,
) -> int:
    """Score MODEL on DATASET.

    MODEL is a family (every instance is scored), one instance, timm:NAME@LAYER, neurons:DATASET, or
    FILE.py:NAME for a model of your own; see neuroalign list models. DATASET is a name (see neuroalign
    list datasets) or a dataset folder.
    """
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.models.loading import load_model
    from neuroalign.models.model import ModelFamily
    from neuroalign.names.registry import benchmarks as registered
    from neuroalign.scoring.benchmark import load_benchmark
    from neuroalign.scoring.cautions import cautions
    from neuroalign.scoring.evaluate import score_all

    if jobs == 0 or jobs < -1:
        raise UsageError(f"--jobs must be a positive number, or -1 for all cores, not {jobs}")
    if permutations < 0 or seed < 0:
        raise UsageError(f"--permutations and --seed must not be negative, not {permutations} and {seed}")
    # First what is quick to check: datasets and models can take long to load.
    wanted = [load_benchmark(each) for each in benchmarks or [name for name, _ in registered.items()]]
    wanted = [each for each in wanted if benchmarks or not each.on_request]
    if turns is not None:
        wanted = _with_turns(wanted, benchmarks, turns)
    loaded_dataset = load_dataset(dataset)
    given = {} if weights is None else {"weights": weights}
    loaded = load_model(model, dataset=loaded_dataset, **given)
    scores, failures = score_all(
        loaded,
        loaded_dataset,
        wanted,
        join="intersection" if intersection else "exact",
        n_jobs=jobs,
        use_cache=not no_cache,
        n_permutations=permutations,
        permutation_seed=seed,
    )
    if as_json:
        document = {
            "model": loaded.identifier,
            "dataset": loaded_dataset.identifier,
            "simulated": loaded_dataset.simulated,
            "scores": [{**each.to_record(), "cautions": cautions(each)} for each in scores],
            "failures": [
                {"model": each.model, "benchmark": each.benchmark, "reason": str(each.reason)}
                for each in failures
            ],
        }
        click.echo(json.dumps(document, indent=1, default=str, allow_nan=False))
    elif scores:
        from neuroalign.reporting.text.scores import score_table

        # A line of more than 160 letters is hard to follow; a terminal of fewer than 60 breaks numbers.
        width = min(max(shutil.get_terminal_size().columns, 60), 160)
        click.echo(score_table(scores, is_family=isinstance(loaded, ModelFamily), width=width))
    for line in _explain(failures):
        click.echo(f"neuroalign: {line}", err=True)
    if not failures:
        return 0
    # A benchmark that was not asked for by name may not apply to every model.
    return 1 if benchmarks or not scores else 0


def _with_turns(wanted: Sequence["Benchmark"], specs: Sequence[str], turns: int) -> list["Benchmark"]:
    """Set the number of turns of the benchmarks that have this option."""
    from neuroalign.names.syntax import parse_spec

    for spec in specs:
        own = parse_spec(spec).options.get("turns", turns)
        if own != turns:
            raise UsageError(f"--turns {turns} and {spec} differ; give the number of turns once")
    with_option = [any(option.name == "turns" for option in fields(benchmark)) for benchmark in wanted]
    if not any(with_option):
        names = ", ".join(benchmark.identifier for benchmark in wanted)
        raise UsageError(f"--turns must go with a benchmark that has an axis index, got {names}")
    return [
        type(benchmark)(**{**benchmark.options(), "turns": turns}) if has_turns else benchmark
        for benchmark, has_turns in zip(wanted, with_option, strict=True)
    ]


def _explain(failures: Sequence["Failure"]) -> list[str]:
    """Say each reason once, with all the benchmarks and models that it holds for."""
    models: dict[tuple[str, str], list[str]] = {}
    for each in failures:
        models.setdefault((each.benchmark, " ".join(str(each.reason).split())), []).append(each.model)
    benchmarks: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (benchmark, reason), names in models.items():
        benchmarks.setdefault((reason, tuple(names)), []).append(benchmark)
    lines = []
    for (reason, of), names in benchmarks.items():
        who = of[0] if len(of) == 1 else f"{of[0]} and {len(of) - 1} more"
        lines.append(f"no {', '.join(names)} for {who}: {reason}")
    return lines
