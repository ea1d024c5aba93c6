"""The command ``neuroalign data simulate-faces``: simulated neurons over the photographs of a face set."""

import json

import click

from neuroalign.cli.data_text import one_line, print_notes
from neuroalign.names.defaults import DEFAULT_FACE_SPACE


@click.command(
    "simulate-faces",
    short_help="Simulate neurons over the photographs of a face set.",
    epilog="""\b
Examples:
  neuroalign data simulate-faces faces
  neuroalign data simulate-faces faces --output faces-sim --neurons 100 --seed 1
  neuroalign score pca "AM-faces-photos-sim[population=single]"
""",
)
@click.argument("faces")
@click.option(
    "--output",
    default="AM-faces-photos-sim",
    show_default=True,
    metavar="NAME|PATH",
    help="Name of the dataset to add, or a folder to write, such as ./faces-sim.",
)
@click.option(
    "--neurons", "n_neurons", default=60, show_default=True, help="Number of neurons of each population."
)
@click.option(
    "--factors",
    default="",
    metavar="COLUMN[,COLUMN]",
    help="Columns of the stimulus table that single and mixed neurons follow; by default all measured factors.",
)
@click.option(
    "--space",
    default=DEFAULT_FACE_SPACE,
    show_default=True,
    metavar="MODEL",
    help="Model with the units through which the neurons of the population appearance have random directions.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of directions, rates and noise.")
@click.option("--force", is_flag=True, help="Replace a dataset of this name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def simulate_faces(
    faces: str, output: str, n_neurons: int, factors: str, space: str, seed: int, force: bool, as_json: bool
) -> None:
    """Simulate neurons over the photographs of FACES, a face set with measured factors and landmarks.

    The dataset has three populations of neurons, which are parts such as AM-faces-photos-sim[population=single]:
    single (one measured factor each), appearance (random directions in the space of shape and appearance) and mixed
    (random mixtures of the measured factors). Rates, sparseness and reliability are similar to those that Chang & Tsao
    (2017) recorded in face patch AM. All outputs say that the neurons are simulated.
    """
    from neuroalign.datasets.catalogue import load_dataset, new_folder
    from neuroalign.datasets.folder import write_folder
    from neuroalign.datasets.inspecting import describe
    from neuroalign.datasets.simulation.photographs import DIRECTIONS, directions_text
    from neuroalign.datasets.simulation.photographs import simulate_faces as simulate
    from neuroalign.errors import UsageError
    from neuroalign.files.home import write_file
    from neuroalign.models.latents_cache import compute_latents
    from neuroalign.models.loading import load_model
    from neuroalign.models.model import ModelFamily

    target = new_folder(output, force=force)
    photographs = load_dataset(faces)
    model = load_model(space, dataset=photographs)
    if isinstance(model, ModelFamily):
        raise UsageError(
            f"--space must be one model, got the family {space}; name an instance, such as pca[n=50]"
        )
    dataset, directions = simulate(
        photographs,
        compute_latents(model, photographs.stimuli),
        space_name=model.identifier,
        factors=[name.strip() for name in factors.split(",") if name.strip()],
        n_neurons=n_neurons,
        seed=seed,
        identifier=target.name,
    )
    write_folder(dataset, target, replace=force)
    write_file(target / DIRECTIONS, directions_text(directions))
    described = describe(load_dataset(target))
    if as_json:
        click.echo(json.dumps(described, indent=1, allow_nan=False))
        return
    print_notes(described)
    click.echo(f"Added {one_line(described)}")
