"""The command ``neuroalign leaderboard``."""

import click


@click.command(
    epilog="""\b
Example:
  neuroalign score beta_vae AM-faces && neuroalign score pca AM-faces
  neuroalign leaderboard AM-faces --benchmark alignment
"""
)
@click.argument("dataset")
@click.option(
    "--benchmark",
    "-b",
    "benchmarks",
    multiple=True,
    metavar="NAME",
    help="Repeat for several; by default all.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json", "csv", "markdown", "latex"]),
    default="table",
    show_default=True,
    help="How to lay the table out.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def leaderboard(dataset: str, benchmarks: tuple[str, ...], style: str, as_json: bool) -> int:
    """Rank the families of models that were scored on DATASET.

    Means, standard deviations and Welch's test against the best are over the instances of a family;
    p is corrected over the table (Holm).
    """
    from neuroalign.cli.tables import format_leaderboards
    from neuroalign.datasets.catalogue import load_dataset
    from neuroalign.errors import NeuroalignError
    from neuroalign.leaderboards import leaderboard as rank
    from neuroalign.registry import benchmarks as registered

    loaded = load_dataset(dataset)
    wanted = list(benchmarks) or [name for name, _ in registered.items()]
    tables = [rank(loaded, each) for each in wanted]
    if not any(len(each) for each in tables):
        left: dict[str, int] = {}
        for each in tables:
            for reason, n in each.attrs["left_out"].items():
                left[reason] = left.get(reason, 0) + n
        why = f" (left out: {', '.join(f'{n} {reason}' for reason, n in left.items())})" if left else ""
        by = f" by {', '.join(benchmarks)}" if benchmarks else ""
        model = "beta_vae" if loaded.stimuli.has_images else "neuron_subset"
        raise NeuroalignError(
            f"nothing has been scored on {loaded.identifier}{by} yet{why}; "
            f"try: neuroalign score {model} {dataset}"
        )
    tables = [each for each in tables if len(each) or benchmarks]
    click.echo(format_leaderboards(tables, "json" if as_json else style))
    return 0
