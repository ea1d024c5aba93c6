"""Trained weights on disk: a safetensors file, and a JSON record of the training beside it.

Nothing here imports torch, so that finding and naming instances is fast.
"""

import hashlib
import json
import operator
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.errors import ModelError, NeuroalignError, NeuroalignWarning
from neuroalign.files.home import TEMPORARY_PREFIX, write_file
from neuroalign.model_zoo.training.recipe import Recipe
from neuroalign.models.replaced_weights import own_path, sweep_weights, with_ending

#: Version of the JSON record.
FORMAT = 1


@dataclass(frozen=True)
class Trained:
    """A trained instance.

    Parameters
    ----------
    path : Path
        File of the weights; the record has the same name with the ending ``.json``.
    recipe : Recipe
    record : mapping
        Content of the record: family, architecture, recipe, stimulus_set (name, content_hash, n_images), versions,
        final (numbers by name; see the family), weights_sha256, and further entries of the family.
    """

    path: Path
    recipe: Recipe
    record: Mapping[str, Any]

    @property
    def stimulus_set(self) -> str:
        """Name of the stimulus set that the instance was trained on."""
        return str(self.record["stimulus_set"]["name"])

    @property
    def stimulus_set_hash(self) -> str:
        """Content hash of the images that the instance was trained on."""
        return str(self.record["stimulus_set"]["content_hash"])

    @property
    def n_images(self) -> int:
        """Number of images that the instance was trained on."""
        return operator.index(self.record["stimulus_set"]["n_images"])

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of the present file of weights.

        Raises
        ------
        ModelError
            If the file cannot be read.
        """
        return hashlib.sha256(self._read()).hexdigest()

    def weights(self, expected: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
        """Read the weights.

        Parameters
        ----------
        expected : mapping of name to shape
            Shapes of the weights of the network.

        Returns
        -------
        dict of name to array, float32

        Raises
        ------
        ModelError
            If the file is missing or damaged, or has other arrays than expected.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        content = self._read()
        try:
            arrays = load(content)
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"the weights {self.path} are damaged: {error}; train them again") from error
        if hashlib.sha256(content).hexdigest() != self.record["weights_sha256"]:
            raise ModelError(
                f"the weights {self.path} are not the ones that {self.path.stem}.json beside them records "
                "(their SHA-256 differs); train them again"
            )
        shapes = {name: array.shape for name, array in arrays.items()}
        if shapes != dict(expected):
            differing = sorted(set(shapes.items()) ^ set(expected.items()))[0][0]
            raise ModelError(
                f"the weights {self.path} do not fit the network: {differing} is {shapes.get(differing, 'missing')}, "
                f"expected {expected.get(differing, 'nothing')}"
            )
        weights = {name: array.astype(np.float32) for name, array in arrays.items()}
        broken = [name for name, array in weights.items() if not np.isfinite(array).all()]
        if broken:
            raise ModelError(f"the weights {self.path} hold NaN or infinite values in {broken[0]}")
        return weights

    def _read(self) -> bytes:
        own = own_path(self.path, self.record["weights_sha256"])
        try:
            # A process that was killed after it replaced the record did not rename the weights.
            return (own if own.is_file() else self.path).read_bytes()
        except OSError as error:
            raise ModelError(f"cannot read the weights {self.path}: {error.strerror or error}") from error


def stem(recipe: Recipe) -> str:
    """Return the file name of an instance without its ending: ``beta-4_seed-0``."""
    # Whole and fractional numbers have one format, as in the names of instances.
    return "_".join(f"{name}-{value:g}" for name, value in recipe.options().items())


def read_trained(path: Path, recipe: type[Recipe]) -> Trained:
    """Read the record of a trained instance.

    Parameters
    ----------
    path : Path
        Path of the weights or of the record.
    recipe : type of Recipe
        Class of the recipes of the family.

    Returns
    -------
    Trained

    Raises
    ------
    ModelError
        If the record is missing or damaged, or belongs to another family.
    """
    path, family = with_ending(path, ".json"), recipe.family
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read the record of trained weights {path}: {error}") from error
    try:
        if record["format"] != FORMAT or record["family"] != family:
            raise ModelError(
                f"{path} records format {record['format']} of the family {record['family']}; "
                f"expected format {FORMAT} of {family}"
            )
        str(record["architecture"]), str(record["weights_sha256"])
        trained = Trained(with_ending(path, ".safetensors"), recipe.from_mapping(record["recipe"]), record)
        str(trained.stimulus_set), str(trained.stimulus_set_hash), str(trained.n_images)
    except (KeyError, TypeError) as error:
        raise ModelError(f"the record of trained weights {path} is damaged: {error!r}") from error
    return trained


def find_trained(folder: Path, recipe: type[Recipe]) -> list[Trained]:
    """Find the trained instances in a folder.

    Parameters
    ----------
    folder : Path
        Folder, which need not exist.
    recipe : type of Recipe
        Class of the recipes of the family.

    Returns
    -------
    list of Trained
        Instances in the order of their options. Records that cannot be read are left out, with a warning.
    """
    instances = []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        if path.name.startswith(TEMPORARY_PREFIX):
            continue
        try:
            instances.append(read_trained(path, recipe))
        except NeuroalignError as error:
            warnings.warn(f"ignored {error}", NeuroalignWarning, stacklevel=2)
    return sorted(instances, key=lambda trained: tuple(trained.recipe.options().items()))


def write_trained(
    folder: Path, recipe: Recipe, weights: Mapping[str, NDArray[np.float32]], record: Mapping[str, Any]
) -> Trained:
    """Write trained weights and their record; an earlier instance of the same name stays until both are complete.

    The record is written after the weights, so that an instance without a record is unfinished. Weights that replace
    others have a name of their own until their record is written; see
    :mod:`neuroalign.models.replaced_weights`.

    Parameters
    ----------
    folder : Path
    recipe : Recipe
    weights : mapping of name to array
    record : mapping
        Record without format, recipe and weights_sha256, which are added.

    Returns
    -------
    Trained
    """
    from safetensors.numpy import save

    content = save({name: np.ascontiguousarray(array) for name, array in weights.items()})
    path = folder / f"{stem(recipe)}.safetensors"
    sha256 = hashlib.sha256(content).hexdigest()
    replaces = with_ending(path, ".json").is_file()
    target = own_path(path, sha256) if replaces else path
    write_file(target, content)
    record = {
        "format": FORMAT,
        "recipe": recipe.to_mapping(),
        "weights_sha256": sha256,
        **record,
    }
    write_json(with_ending(path, ".json"), record)
    if replaces:
        os.replace(target, path)
    sweep_weights(with_ending(path, ".json"))
    return Trained(path, recipe, record)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file completely or not at all."""
    write_file(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
