"""The commands ``neuroalign data align-faces`` and ``measure-faces``: aligned faces, and their measured factors."""

import json
from typing import Any

import click

from neuroalign.cli.data_text import one_line, print_notes


@click.command(
    "align-faces",
    short_help="Make a set of aligned faces from photographs.",
    epilog="""\b
Examples:
  neuroalign data align-faces photographs/ --output my-faces
  neuroalign data align-faces fairface.zip --output fairface \\
      --table fairface_label_train.csv --where "age=20-29|30-39|40-49" \\
      --min-eye-distance 45 --training 2100 --held-out 477
""",
)
@click.argument("folder", type=click.Path(), metavar="FOLDER|ZIP")
@click.option(
    "--output",
    required=True,
    metavar="NAME|PATH",
    help="Name of the dataset to add, or a folder to write, such as ./faces.",
)
@click.option("--size", default=128, show_default=True, help="Side of the aligned images in pixels.")
@click.option(
    "--crop",
    default="0.29,0.34,0.73",
    show_default=True,
    metavar="EYE_X,EYE_Y,MOUTH_Y",
    help="Places of the left eye of the image and of the mouth, as shares of the side. The right eye is at 1 - EYE_X, "
    "the mouth in the middle.",
)
@click.option("--grey", is_flag=True, help="Write grey images. By default they have colours.")
@click.option("--min-score", default=0.8, show_default=True, help="Least score of the detector of faces.")
@click.option("--max-yaw", default=8.0, show_default=True, help="Largest turn to either side, in degrees.")
@click.option(
    "--max-pitch",
    default=10.0,
    show_default=True,
    help="Largest difference of the pitch from the median of the faces, in degrees.",
)
@click.option(
    "--max-nose",
    default=0.12,
    show_default=True,
    help="Largest distance of the nose from the middle of the jaw, over the distance of the eyes.",
)
@click.option(
    "--min-eye-distance",
    default=30.0,
    show_default=True,
    help="Least distance of the eyes, in pixels of the photograph.",
)
@click.option(
    "--max-outside",
    default=0.03,
    show_default=True,
    help="Largest share of the aligned image outside the photograph.",
)
@click.option(
    "--table",
    type=click.Path(),
    help="Table of the photographs with a column file or filename; its other columns describe the stimuli. "
    "Photographs without a row are left out.",
)
@click.option(
    "--where", metavar="COLUMN=VALUE[|VALUE]", help="Rows of the table to take, such as age=20-29|30-39."
)
@click.option(
    "--training",
    "n_training",
    type=int,
    metavar="N",
    help="Number of faces for training, drawn at random; the others are held out. By default the column training of "
    "the table, or all faces.",
)
@click.option(
    "--held-out",
    "n_held_out",
    type=int,
    metavar="N",
    help="Number of held-out faces, drawn at random beside --training; the rest is left out.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the draws.")
@click.option("--source", help="Origin of the photographs; stored with the dataset.")
@click.option("--licence", "--license", help="Licence of the photographs; stored with the dataset.")
@click.option("--citation", help="Reference to cite; stored with the dataset.")
@click.option("--description", help="One line on the photographs; stored with the dataset.")
@click.option("--force", is_flag=True, help="Replace a dataset of this name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def align_faces(
    folder: str,
    output: str,
    size: int,
    crop: str,
    min_score: float,
    max_yaw: float,
    max_pitch: float,
    max_nose: float,
    min_eye_distance: float,
    max_outside: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Find a frontal face in each photograph of a folder or ZIP archive, and write a set of aligned faces.

    A similarity transform brings eyes and mouth to fixed places. The set has images, a table, 68 landmarks on each
    image, and the file left_out.csv with the reason for each photograph that was left out. It is a dataset without
    responses: networks can be trained on it. Needs the extra: pip install 'neuroalign[landmarks]'.
    """
    from neuroalign.datasets.importing.face_set import align_faces as make_set
    from neuroalign.datasets.inspecting import describe
    from neuroalign.datasets.landmarks.alignment import Crop
    from neuroalign.datasets.landmarks.frontal import Limits, count_reasons

    made = make_set(
        folder,
        output,
        crop=Crop(size, *_parse_crop(crop)),
        limits=Limits(
            score=min_score,
            yaw=max_yaw,
            pitch=max_pitch,
            nose=max_nose,
            eye_distance=min_eye_distance,
            outside=max_outside,
        ),
        **options,
    )
    described, reasons = describe(made.dataset), count_reasons(made.left_out)
    if as_json:
        document = {**described, "left_out": dict(reasons), "log": str(made.log)}
        click.echo(json.dumps(document, indent=1, allow_nan=False))
        return
    print_notes(described)
    kept = len(made.dataset.stimuli)
    click.echo(f"{kept + len(made.left_out):,} photographs, {kept:,} kept, {len(made.left_out):,} left out")
    width = max(map(len, reasons), default=0)
    for reason, n in reasons.items():
        click.echo(f"  {reason:<{width}}  {n:>7,}")
    click.echo(f"Log: {made.log}")
    click.echo(f"Added {one_line(described)}")


def _parse_crop(text: str) -> list[float]:
    from neuroalign.errors import UsageError

    try:
        places = [float(part) for part in text.split(",")]
    except ValueError:
        places = []
    if len(places) != 3:
        raise UsageError(f"--crop must be three numbers, EYE_X,EYE_Y,MOUTH_Y, got {text!r}")
    return places


@click.command(
    "measure-faces",
    short_help="Measure pose, shape, expression and light of faces.",
    epilog="Example: neuroalign data measure-faces my-faces",
)
@click.argument("name", metavar="NAME|PATH")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def measure_faces(name: str, as_json: bool) -> None:
    """Measure factors on the landmarks and pixels of aligned faces, and write them into the stimulus table.

    The factors are the pose of the head, width and height of the face, width and opening of the mouth, opening of the
    eyes, height of the brows, luminance, lighting, contrast and luminance of the skin. The dataset needs the 68
    landmarks that 'data align-faces' and 'data landmarks' write.
    """
    from neuroalign.datasets.catalogue import folder_of, load_dataset
    from neuroalign.datasets.importing.measured_factors import add_measured_factors
    from neuroalign.datasets.landmarks.measured import FACTORS

    for note in add_measured_factors(name):
        click.echo(f"neuroalign: note: {note}", err=True)
    n_faces = int(load_dataset(folder_of(name)).stimuli.table["face_width"].notna().sum())
    if as_json:
        click.echo(json.dumps({"dataset": name, "faces": n_faces, "factors": dict(FACTORS)}, indent=1))
        return
    click.echo(f"{name}: {len(FACTORS)} measured factors of {n_faces:,} faces in stimuli.csv")
