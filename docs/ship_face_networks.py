"""Choice of the bundled networks of photographs: ``python docs/ship_face_networks.py FACES NETWORKS``.

FACES is the face set on which the networks were trained; NETWORKS has a folder for each family, with all instances of
``neuroalign train FAMILY FACES --grid faces --output NETWORKS/FAMILY``. Of each β, the instance with the highest UDR
among its seeds is bundled; of the other families, the instances with 50 units. Their weights go to
``model_zoo/weights/faces`` in float16, with a record of the photographs, their credit and licence, the commit of the
training, the squared error of held-out reconstructions, UDR, and the change of the latents by the rounding to float16.
"""

import argparse
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import neuroalign as na
from neuroalign.model_zoo.training.family import TrainedFamily
from neuroalign.model_zoo.training.weights_file import Trained, find_trained, write_trained
from neuroalign.models.selection import add_udr

TARGET = Path(__file__).parents[1] / "model_zoo" / "weights" / "faces"
#: Bundled instances: values of β, and numbers of units. A VAE has the objective of a β-VAE with β = 1.
BUNDLED: dict[str, dict[str, tuple[float, ...]]] = {
    "beta_vae": {"beta": (2, 4, 6)},
    "vae": {"n_latents": (50,)},
    "autoencoder": {"n_latents": (50,)},
    "classifier": {"n_latents": (50,)},
}
CROP = (
    "frontal faces with the centres of the eyes at (0.29, 0.34) and (0.71, 0.34) of the side and the mouth at "
    "(0.50, 0.73); neuroalign data align-faces aligns photographs in this way"
)


def choose(family: TrainedFamily, folder: Path, stimuli: na.StimulusSet) -> list[tuple[Trained, float]]:
    """Return the bundled instances of a family, with their UDR; NaN without other seeds."""
    trained = find_trained(folder, family.recipe)
    models = {str(number): family.model(instance) for number, instance in enumerate(trained)}
    table = pd.DataFrame(
        {
            "instance": list(models),
            "family": family.identifier,
            **{
                name: [instance.recipe.to_mapping()[name] for instance in trained]
                for name in BUNDLED[family.identifier]
            },
        }
    )
    table["udr"] = np.nan
    if family.identifier == "beta_vae":
        latents = {name: model.latents(stimuli) for name, model in models.items()}
        table["udr"] = add_udr(table, latents)["udr"].to_numpy()
        print(table.assign(seed=[instance.recipe.seed for instance in trained]).to_string(index=False))
    chosen = []
    [(setting, values)] = BUNDLED[family.identifier].items()
    for value in values:
        rows = table[table[setting] == value].sort_values("udr", ascending=False, kind="stable")
        if rows.empty:
            print(f"no {family.identifier} with {setting}={value:g} in {folder}")
            continue
        chosen.append((trained[int(rows["instance"].iloc[0])], float(rows["udr"].iloc[0])))
    return chosen


def ship(family: TrainedFamily, trained: Trained, udr: float, faces: na.Dataset, commit: str) -> None:
    """Write an instance in float16 with its record."""
    before = family.model(trained)
    recipe = replace(trained.recipe, storage="float16")
    shapes = {name: tuple(value.shape) for name, value in before.network().state_dict().items()}
    weights = {name: value.astype(np.float16) for name, value in trained.weights(shapes).items()}
    facts = ("source", "licence", "citation")
    record: dict[str, Any] = {
        **{
            name: value
            for name, value in trained.record.items()
            if name not in ("format", "recipe", "weights_sha256")
        },
        "stimulus_set": {
            **trained.record["stimulus_set"],
            **{name: faces.metadata[name] for name in facts if name in faces.metadata},
            "crop": CROP,
        },
        "commit": commit,
    }
    if not np.isnan(udr):
        record["udr"] = round(udr, 4)
    shipped = family.model(write_trained(TARGET / family.identifier, recipe, weights, record))
    rounded, exact = shipped.latents(faces.stimuli), before.latents(faces.stimuli)
    used = exact["informative"].values
    change = np.sqrt(((rounded.values - exact.values)[:, used] ** 2).mean(axis=0)) / exact.values[
        :, used
    ].std(axis=0)
    if trained.recipe.storage == "float32":
        record["largest_change_by_float16"] = float(f"{change.max():.3g}")
    if hasattr(shipped, "decode"):
        held_out = faces.stimuli.held_out()
        assert held_out is not None
        errors = (shipped.decode(shipped.latents(held_out)) - held_out.pixels(recipe.image_size)) ** 2
        record["reconstruction"] = {"held_out": float(errors.sum(axis=(1, 2), dtype=np.float64).mean())}
    write_trained(TARGET / family.identifier, recipe, weights, record)
    print(
        f"{shipped.identifier}: UDR {udr:.3f}, {int(used.sum())} informative units, change {change.max():.2g}"
    )


def main() -> None:
    """Choose and write the instances of all families."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("faces")
    parser.add_argument("networks", type=Path)
    parser.add_argument("--commit", help="commit of the training; by default the present one")
    given = parser.parse_args()
    commit = (
        given.commit
        or subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    )
    faces = na.load_dataset(given.faces)
    for name in BUNDLED:
        family = na.load_model(name)
        assert isinstance(family, TrainedFamily)
        for trained, udr in choose(family, given.networks / name, faces.stimuli):
            ship(family, trained, udr, faces, commit)


if __name__ == "__main__":
    main()
