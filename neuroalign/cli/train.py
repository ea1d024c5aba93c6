"""The command ``neuroalign train``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuroalign.cli.cluster import ClusterOptions, cluster_options

if TYPE_CHECKING:
    from neuroalign.models.trainable import TrainingOutcome


@click.command(
    epilog="""\b
Examples:
  neuroalign train beta_vae my-recordings --set beta=4 --seeds 3
  neuroalign train beta_vae ./faces.zip --set beta=2,4,8 --steps 20000 --jobs 2
  neuroalign train classifier my-recordings --grid small --jobs 2
  neuroalign train beta_vae my-faces --set beta=1,4 --set mirror=0.5
  neuroalign train vae AM-faces --grid my-grids.toml --output weights
  neuroalign train beta_vae my-recordings --grid paper --device cuda --precision tf32
  neuroalign train beta_vae my-recordings --grid paper --backend dask --address tcp://10.0.0.1:8786
"""
)
@click.argument("family")
@click.argument("dataset")
@click.option(
    "--grid", metavar="NAME|FILE", help="Named sweep (small, bundled or paper), or a TOML file with a sweep."
)
@click.option(
    "--set",
    "-s",
    "settings",
    multiple=True,
    metavar="KEY=VALUE[,VALUE]",
    help="Setting of the recipe, such as beta=4. Several values train one instance each. May be repeated.",
)
@click.option("--seeds", metavar="N|LIST", help="Number of seeds, from 0, or a list of seeds: 0,3,7.")
@click.option("--steps", type=int, help="Number of training steps.")
@click.option("--batch-size", type=int, help="Number of images in a step.")
@click.option("--learning-rate", type=float, help="Learning rate of Adam.")
@click.option(
    "--precision",
    metavar="NAME",
    help="Precision of training: float32 (default), tf32 (on an NVIDIA GPU), or bfloat16.",
)
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Folder for the weights.")
@click.option(
    "--jobs", "-j", default=1, show_default=True, help="Number of parallel processes, each on one core."
)
@cluster_options
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Device for training; auto uses a GPU if one is available.",
)
@click.option(
    "--together",
    type=int,
    help="Largest number of instances that are trained as one batched network. Default: 1 on a CPU; the number that "
    "memory holds on a GPU.",
)
@click.option(
    "--overwrite", is_flag=True, help="Replace instances with the same name and other settings or images."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def train(
    family: str,
    dataset: str,
    grid: str | None,
    settings: tuple[str, ...],
    seeds: str | None,
    steps: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    precision: str | None,
    output: Path | None,
    jobs: int,
    device: str,
    together: int | None,
    overwrite: bool,
    as_json: bool,
    on: ClusterOptions,
) -> int:
    """Train instances of FAMILY on the training images of DATASET.

    FAMILY is beta_vae, vae, autoencoder, classifier, or another family that can be trained. DATASET is the name of a
    dataset, the path of a dataset folder, or the path of a folder or ZIP archive of images. If a dataset and a folder
    have the same name, ./DATASET is the folder.

    Where the dataset marks stimuli that are not for training, the log and the record of an instance also have the
    objective on these held-out images.

    The same command continues an interrupted run. Scores of the family on a dataset with these images use the new
    instances.
    """
    from neuroalign.errors import UsageError
    from neuroalign.models.training import load_trainable

    trainable = load_trainable(family)
    chosen = dict(_parse_setting(setting) for setting in settings)
    if seeds is not None:
        chosen["seed"] = _parse_seeds(seeds)
    flags = {
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "precision": precision,
    }
    chosen |= {name: value for name, value in flags.items() if value is not None}
    recipes = trainable.recipes(chosen, grid=grid)
    if jobs < 1:
        raise UsageError(f"--jobs must be a positive number, got {jobs}")
    if together is not None and together < 1:
        raise UsageError(f"--together must be a positive number, got {together}")
    on.join(folders=[] if output is None else [output])
    folder, outcomes = trainable.train(
        dataset, recipes, folder=output, device=device, together=together, jobs=jobs, overwrite=overwrite
    )

    _print_outcomes(outcomes, family, folder, as_json=as_json)
    for outcome in outcomes:
        if outcome.failure is not None:
            click.echo(f"neuroalign: {_name(family, outcome)}: {outcome.failure}", err=True)
    return 1 if any(outcome.failure for outcome in outcomes) else 0


def _parse_setting(text: str) -> tuple[str, Any]:
    from neuroalign.errors import UsageError
    from neuroalign.names.syntax import parse_value

    key, equals, value = (part.strip() for part in text.partition("="))
    if not (key and equals and value):
        raise UsageError(f"--set must be KEY=VALUE, such as beta=4, got {text!r}")
    values = [parse_value(one) for one in value.split(",")]
    return key.replace("-", "_"), values[0] if len(values) == 1 else values


def _parse_seeds(text: str) -> list[int]:
    from neuroalign.errors import UsageError

    try:
        numbers = [int(number) for number in text.split(",") if number.strip()]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 0 or ("," not in text and numbers == [0]):
        raise UsageError(
            f"--seeds must be a number of seeds (3) or a list of seeds (0,3,7; a single seed as 3,), got {text!r}"
        )
    return numbers if "," in text else list(range(numbers[0]))


def _name(family: str, outcome: "TrainingOutcome") -> str:
    from neuroalign.names.syntax import format_spec

    return format_spec(family, outcome.recipe.options())


def _on_held_out(record: Mapping[str, Any]) -> str:
    """Return the objective on held-out images; a dash for an instance that was trained without them."""
    return f"{record['held_out']['objective']:.5g}" if "held_out" in record else "–"


def _print_outcomes(
    outcomes: "Sequence[TrainingOutcome]", family: str, folder: Path, *, as_json: bool
) -> None:
    finished = [
        (_name(family, outcome), outcome.trained) for outcome in outcomes if outcome.trained is not None
    ]
    if as_json:
        import json

        document = {
            "folder": str(folder),
            "instances": [
                {"instance": name, "weights": str(trained.path), **trained.record}
                for name, trained in finished
            ],
            "failures": [
                {"instance": _name(family, outcome), "reason": outcome.failure}
                for outcome in outcomes
                if outcome.failure is not None
            ],
        }
        click.echo(json.dumps(document, indent=1, allow_nan=False))
        return
    if finished:
        from tabulate import tabulate

        numbers = list(finished[0][1].record["final"])
        holds_out = any("held_out" in trained.record for _, trained in finished)
        shown = [*(number.replace("_", " ") for number in numbers), *["held-out objective"] * holds_out]
        columns = ("instance", *shown, "seconds", "images/s")
        rows = [
            (
                name,
                *(f"{trained.record['final'][number]:.5g}" for number in numbers),
                *[_on_held_out(trained.record)] * holds_out,
                f"{trained.record['training_seconds']:.0f}",
                f"{trained.record['images_per_second']:.0f}",
            )
            for name, trained in finished
        ]
        click.echo(tabulate(rows, headers=columns, disable_numparse=True, stralign="right"))
        click.echo(f"weights: {folder}")
