"""The command ``neuroalign train``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from neuroalign.models.model import TrainableFamily, TrainingOutcome


@click.command(
    epilog="""\b
Examples:
  neuroalign train beta_vae my-recordings --set beta=4 --seeds 3
  neuroalign train beta_vae ./faces.zip --set beta=2,4,8 --steps 20000 --jobs 2
  neuroalign train classifier my-recordings --grid small --jobs 2
  neuroalign train vae AM-faces --grid my-grids.toml --output weights
  neuroalign train beta_vae my-recordings --grid paper --device cuda
"""
)
@click.argument("family")
@click.argument("dataset")
@click.option(
    "--grid", metavar="NAME|FILE", help="A whole sweep: small, bundled, paper, or a TOML file of yours."
)
@click.option(
    "--set",
    "-s",
    "settings",
    multiple=True,
    metavar="KEY=VALUE[,VALUE]",
    help="A setting of the recipe, such as beta=4; with several values each is trained. Repeat for more.",
)
@click.option("--seeds", metavar="N|LIST", help="How many seeds (from 0), or which: 0,3,7.")
@click.option("--steps", type=int, help="Training steps.")
@click.option("--batch-size", type=int, help="Images in a step.")
@click.option("--learning-rate", type=float, help="Learning rate of Adam.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Folder for the weights.")
@click.option("--jobs", "-j", default=1, show_default=True, help="Processes at once, a core each.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where to train; by default on a GPU if there is one.",
)
@click.option(
    "--together",
    type=int,
    help="Instances of one shape trained as one batched network; by default 1 on the CPU, and as many as "
    "memory holds on a GPU.",
)
@click.option("--overwrite", is_flag=True, help="Replace instances that were trained differently.")
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
    output: Path | None,
    jobs: int,
    device: str,
    together: int | None,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Train FAMILY (beta_vae, vae, autoencoder, classifier) on the training images of DATASET.

    DATASET is the name of a dataset, a dataset folder, or a folder or ZIP archive of images; a name goes before a
    folder of the same name, which is ./DATASET. A run that was stopped
    goes on when the same command is given again. Afterwards, scoring the family on a dataset of these
    images uses the new instances.
    """
    from neuroalign.errors import UsageError

    trainable = _load_family(family)
    chosen = dict(_parse_setting(each) for each in settings)
    if seeds is not None:
        chosen["seed"] = _parse_seeds(seeds)
    flags = {"steps": steps, "batch_size": batch_size, "learning_rate": learning_rate}
    chosen |= {name: value for name, value in flags.items() if value is not None}
    recipes = trainable.recipes(chosen, grid=grid)
    if jobs < 1:
        raise UsageError(f"--jobs must be a positive number, not {jobs}")
    if together is not None and together < 1:
        raise UsageError(f"--together must be a positive number, not {together}")
    folder, outcomes = trainable.train(
        dataset, recipes, folder=output, device=device, together=together, jobs=jobs, overwrite=overwrite
    )

    _print_outcomes(outcomes, family, folder, as_json=as_json)
    for outcome in outcomes:
        if outcome.failure is not None:
            click.echo(f"neuroalign: {_name(family, outcome)}: {outcome.failure}", err=True)
    return 1 if any(outcome.failure for outcome in outcomes) else 0


def _load_family(name: str) -> "TrainableFamily":
    """Return the registered family with this name, which must declare that it can be trained."""
    from neuroalign.errors import unknown_name
    from neuroalign.models.model import ModelFamily, TrainableFamily
    from neuroalign.names.registry import models

    def trainable(registered: Any) -> TrainableFamily | None:
        is_class = isinstance(registered, type) and issubclass(registered, ModelFamily)
        family = registered() if is_class else registered
        return family if isinstance(family, TrainableFamily) else None

    if name in models and (family := trainable(models.get(name))) is not None:
        return family
    names = [other for other, registered in models.items() if trainable(registered) is not None]
    raise unknown_name("family that can be trained", name, names)


def _parse_setting(text: str) -> tuple[str, Any]:
    from neuroalign.errors import UsageError
    from neuroalign.names.syntax import parse_spec

    key, equals, value = (each.strip() for each in text.partition("="))
    if not (key and equals and value):
        raise UsageError(f"--set takes KEY=VALUE, such as beta=4, not {text!r}")
    values = [parse_spec(f"setting[{key}={each}]").options[key] for each in value.split(",")]
    return key.replace("-", "_"), values[0] if len(values) == 1 else values


def _parse_seeds(text: str) -> list[int]:
    from neuroalign.errors import UsageError

    try:
        numbers = [int(each) for each in text.split(",") if each.strip()]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 0 or ("," not in text and numbers == [0]):
        raise UsageError(f"--seeds takes how many (3) or which (0,3,7; a single one as 3,), not {text!r}")
    return numbers if "," in text else list(range(numbers[0]))


def _name(family: str, outcome: "TrainingOutcome") -> str:
    from neuroalign.names.syntax import format_spec

    return format_spec(family, outcome.recipe.options())


def _print_outcomes(
    outcomes: "Sequence[TrainingOutcome]", family: str, folder: Path, *, as_json: bool
) -> None:
    finished = [(_name(family, each), each.trained) for each in outcomes if each.trained is not None]
    if as_json:
        import json

        document = {
            "folder": str(folder),
            "instances": [
                {"instance": name, "weights": str(trained.path), **trained.record}
                for name, trained in finished
            ],
            "failures": [
                {"instance": _name(family, each), "reason": each.failure}
                for each in outcomes
                if each.failure is not None
            ],
        }
        click.echo(json.dumps(document, indent=1, allow_nan=False))
        return
    if finished:
        from tabulate import tabulate

        numbers = list(finished[0][1].record["final"])
        columns = ("instance", *(each.replace("_", " ") for each in numbers), "seconds", "images/s")
        rows = [
            (
                name,
                *(f"{trained.record['final'][each]:.5g}" for each in numbers),
                f"{trained.record['training_seconds']:.0f}",
                f"{trained.record['images_per_second']:.0f}",
            )
            for name, trained in finished
        ]
        click.echo(tabulate(rows, headers=columns, disable_numparse=True, stralign="right"))
        click.echo(f"weights: {folder}")
