"""The command ``neuroalign compare``."""

import json
import shutil

import click

from neuroalign.cli.output import echo_with_cautions
from neuroalign.names.defaults import DEFAULT_BENCHMARK
from neuroalign.progress import notice


@click.command(
    epilog="""\b
Examples:
  neuroalign compare beta_vae pca AM-faces
  neuroalign compare "beta_vae[beta=6,seed=0]" "pca[n=50]" AM-faces --stimuli 200
  neuroalign compare ica pca ./my-recordings -b variance_explained --json
"""
)
@click.argument("model_a", metavar="A")
@click.argument("model_b", metavar="B")
@click.argument("dataset")
@click.option(
    "--benchmark",
    "-b",
    default=DEFAULT_BENCHMARK,
    show_default=True,
    metavar="NAME",
    help='Benchmark, with options in brackets, such as "alignment[n_units=informative]".',
)
@click.option(
    "--statistic",
    default="",
    metavar="NAME",
    help="Number of the benchmark that is compared, such as at_common_d; by default its first statistic.",
)
@click.option(
    "--neurons", default=10_000, show_default=True, metavar="B", help="Draws of neurons (no refit)."
)
@click.option(
    "--stimuli",
    default=0,
    show_default=True,
    metavar="B",
    help="Draws of stimuli; every instance is fitted to each draw.",
)
@click.option(
    "--permutations",
    default=0,
    show_default=True,
    metavar="B",
    help="Chance of prediction by B shuffles of the stimuli. They test whether the units predict the neurons, not "
    "whether the axes are special.",
)
@click.option(
    "--margin",
    default=0.05,
    show_default=True,
    help="Difference from the mean of the ceiling below which a model meets the ceiling.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of draws and shuffles.")
@click.option(
    "--ceiling",
    metavar="FAMILY",
    help="Family with the scores that are the ceiling. By default the family of subsets of the recorded neurons for "
    "the score itself, and no ceiling for an axis index, which has the bound 1.",
)
@click.option("--no-ceiling", is_flag=True, help="Leave the ceiling out.")
@click.option(
    "--jobs",
    "-j",
    default=1,
    show_default=True,
    help="Instances that are scored at the same time; -1 for all cores.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def compare(
    model_a: str,
    model_b: str,
    dataset: str,
    benchmark: str,
    statistic: str,
    neurons: int,
    stimuli: int,
    permutations: int,
    margin: float,
    seed: int,
    ceiling: str | None,
    no_ceiling: bool,
    jobs: int,
    as_json: bool,
) -> int:
    """Compare the models A and B on DATASET, in words.

    A and B are single models, or families with all their instances. The output names the model that
    scores higher, the difference, the scope of each test (instances, neurons, stimuli), and other possible
    explanations.
    """
    # The libraries below take seconds to load.
    notice(f"loading {model_a}, {model_b} and {dataset}")
    from neuroalign.comparison import compare as run
    from neuroalign.errors import UsageError
    from neuroalign.reporting.text.comparison import format_comparison

    if jobs == 0 or jobs < -1:
        raise UsageError(f"--jobs must be a positive number, or -1 for all cores, got {jobs}")
    result = run(
        model_a,
        model_b,
        dataset,
        benchmark,
        statistic=statistic,
        ceiling=None if no_ceiling else ceiling or "auto",
        margin=margin,
        n_resamples=neurons,
        n_stimulus_resamples=stimuli,
        n_permutations=permutations,
        seed=seed,
        n_jobs=jobs,
    )
    if as_json:
        click.echo(json.dumps(result.to_record(), indent=1, default=str, allow_nan=False))
    else:
        width = min(max(shutil.get_terminal_size().columns, 60), 160)
        echo_with_cautions(format_comparison(result, width=width))
    return 0
