"""The command ``neuroalign score``."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from neuroalign.scoring import Failure


@click.command(
    epilog="""\b
Examples:
  neuroalign score beta_vae AM-faces
  neuroalign score "beta_vae[beta=6,seed=0]" AM-faces --benchmark alignment
  neuroalign score "timm:resnet18@layer3+pca[n=50]" ./my-recordings
  neuroalign score vgg_face AM-faces --weights vgg_face_dag.pth
  neuroalign score "pca[n=50]" AM-faces --benchmark alignment --permutations 199
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
    seed: int,
    no_cache: bool,
    as_json: bool,
) -> int:
    """Score MODEL on DATASET.

    MODEL is a family (every instance is scored), one instance, timm:NAME@LAYER, neurons:DATASET, or
    FILE.py:NAME for a model of your own; see neuroalign list models. DATASET is a name (see neuroalign
    list datasets) or a dataset folder.
    """
    from neuroalign.benchmark import load_benchmark
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.errors import UsageError
    from neuroalign.models import ModelFamily, load_model
    from neuroalign.registry import benchmarks as registered
    from neuroalign.scoring import score_all

    if jobs == 0 or jobs < -1:
        raise UsageError(f"--jobs must be a positive number, or -1 for all cores, not {jobs}")
    if permutations < 0 or seed < 0:
        raise UsageError(f"--permutations and --seed must not be negative, not {permutations} and {seed}")
    # First what is quick to check: datasets and models can take long to load.
    wanted = [load_benchmark(each) for each in benchmarks or [name for name, _ in registered.items()]]
    wanted = [each for each in wanted if benchmarks or not each.on_request]
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
            "scores": [each.to_record() for each in scores],
            "failures": [
                {"model": each.model, "benchmark": each.benchmark, "reason": str(each.reason)}
                for each in failures
            ],
        }
        click.echo(json.dumps(document, indent=1, default=str, allow_nan=False))
    elif scores:
        from neuroalign.cli.tables import score_table

        click.echo(score_table(scores, is_family=isinstance(loaded, ModelFamily)))
    for line in _explain(failures):
        click.echo(f"neuroalign: {line}", err=True)
    if not failures:
        return 0
    # A benchmark that was not asked for by name may not apply to every model.
    return 1 if benchmarks or not scores else 0


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
