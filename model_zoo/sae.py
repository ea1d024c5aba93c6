"""Sparse autoencoder of units: a reducer that is trained on other images than the scored ones."""

import warnings
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import version

import numpy as np
import xarray as xr

from neuroalign import arrays
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignWarning, UsageError
from neuroalign.files.digests import digest
from neuroalign.files.home import home
from neuroalign.model_zoo.fitted.components import parts_of
from neuroalign.model_zoo.fitted.other_images import NamedImages, find_images
from neuroalign.model_zoo.fitted.reduced import LatentRows, Reduced
from neuroalign.model_zoo.fitted.topk import STEPS, SparseAutoencoder, read_autoencoder, train_autoencoder
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.latents_file import MEMORY_VARIABLE, memory_budget
from neuroalign.models.model import Model, fingerprint_of
from neuroalign.models.reductions import NOTE, add_reduction
from neuroalign.validation import NonNegative, Positive, check_value

#: Version of the computation; it is raised when the same latents give other values or other records.
VERSION = 1


class ReducedBySAE(Reduced):
    """Units of a top-k sparse autoencoder of a model's units.

    Parameters
    ----------
    model : Model
    k : int
        Number of units that are active for a stimulus, at most.
    n : int
        Number of units.
    images : NamedImages
        Images to train on; the scored stimuli among them are left out.
    seed : int
    steps : int
        Number of steps of the training.
    """

    depends_on_stimuli = True

    def __init__(self, model: Model, k: int, n: int, images: NamedImages, seed: int, steps: int) -> None:
        options = {"k": k, "n": n, "images": images.name, "seed": seed}
        super().__init__(
            model,
            "sae",
            None,
            version=VERSION,
            options=options | ({} if steps == STEPS else {"steps": steps}),
        )
        self.images = images
        self._training = {"n": n, "k": k, "seed": seed, "steps": steps}
        self.key += [self._training, f"torch {version('torch')}"]

    @property
    def fingerprint(self) -> str | None:
        """Digest of the options, the images to train on, and the fingerprint of the other model."""
        inner = super().fingerprint
        return None if inner is None else digest(inner, self._images_hash)

    @cached_property
    def _images_hash(self) -> str:
        return self.images.stimuli.content_hash

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Train on the images that are not among the stimuli, or read the weights, and encode all stimuli.

        Raises
        ------
        ModelError
            If no image is left to train on, or the training latents do not fit into memory.
        """
        latents = compute_latents(self.model, stimuli)
        training, n_left_out = self.images.other_than(stimuli)
        autoencoder = self._find(training, latents)
        rows = LatentRows(latents, latents["stimulus"].values)
        values = np.concatenate(
            [
                autoencoder.encode(rows[part])
                for part in parts_of(rows.shape[0], max(rows.shape[1], self._training["n"]))
            ]
        )
        record = {
            "reducer": "sae",
            **self.options,
            "n_units": rows.shape[1],
            "n_training": len(training),
            "n_left_out": n_left_out,
            "training_hash": training.content_hash,
            **autoencoder.numbers,
        }
        if n_left_out:
            record[NOTE] = (
                f"+sae was trained on {len(training):,} of the {len(self.images.stimuli):,} images of "
                f"{self.images.name}: {n_left_out:,} are scored stimuli, their mirror images or their variants"
            )
        encoded = arrays.latents(values, stimulus=rows.stimulus, attrs=add_reduction(latents, record))
        return encoded.sel(stimulus=latents["stimulus"].values)

    def _find(self, training: StimulusSet, latents: xr.DataArray) -> SparseAutoencoder:
        """Read the trained weights, or train and keep them; without a fingerprint of the model nothing is kept."""
        inner = fingerprint_of(self.model)
        path = None
        if inner is not None:
            path = home() / "models" / "sae" / f"{digest(inner, self.key, training.content_hash)}.safetensors"
            try:
                return read_autoencoder(path)
            except FileNotFoundError:
                pass
            except (OSError, ValueError) as error:
                warnings.warn(
                    f"ignored {path}: {error}; it is trained again", NeuroalignWarning, stacklevel=3
                )
        fitted = compute_latents(self.model, training)
        missing = len(training) - fitted.sizes["stimulus"]
        if missing or fitted.sizes["unit"] != latents.sizes["unit"]:
            raise ModelError(
                f"{self.model.identifier} has {fitted.sizes['unit']} units for {fitted.sizes['stimulus']} of the "
                f"{len(training)} training images, and {latents.sizes['unit']} units for the scored stimuli; use +sae "
                "behind a model of images that gives the same units for all images"
            )
        rows = LatentRows(fitted, training.ids)
        if (n_bytes := 8 * rows.shape[0] * rows.shape[1]) > memory_budget():
            raise ModelError(
                f"{self.identifier} needs the latents of all training images in memory, {n_bytes / 1e9:.1f} GB; "
                f"average positions with pool=mean, put +srp[n=…] before +sae, or set {MEMORY_VARIABLE} to a higher "
                "number of megabytes"
            )
        autoencoder = train_autoencoder(rows[:], **self._training)
        # A model that draws random numbers has lost its fingerprint by now.
        if path is not None and fingerprint_of(self.model) is not None:
            autoencoder.save(path)
        return autoencoder


def sae(k: int, n: int, images: str, seed: int = 0, steps: int = STEPS) -> Callable[[Model], ReducedBySAE]:
    """Units of a top-k sparse autoencoder of a model's units.

    The autoencoder is trained on images that you name, without the scored stimuli. Its weights are kept in the folder
    ``models/sae`` of neuroalign's home and used again for the same images, model and options.

    Parameters
    ----------
    k : int
        Number of units that are active for a stimulus, at most.
    n : int
        Number of units of the autoencoder.
    images : str
        Name of a dataset, or path of a dataset folder or of a folder of image files (``./my_images``). Where a dataset
        marks training stimuli, only these are used. Images with the pixels of a scored stimulus, mirrored or not, are
        left out, and a note counts them.
    seed : int
        Seed of the initial weights and of the order of the images.
    steps : int
        Number of steps of the training, of at most 256 images each.

    Returns
    -------
    callable
        Function from model to reduced model: ``MODEL+sae[k=8,n=256,images=./my_images]`` by name.

    Raises
    ------
    UsageError
        If a number is not a positive integer, k is larger than n, or the folder has no images.

    References
    ----------
    Gao et al. (2024), "Scaling and evaluating sparse autoencoders", arXiv:2406.04093.

    Examples
    --------
    >>> import neuroalign as na
    >>> model = na.load_model("ica[n=10]+sae[k=2,n=20,images=AM-faces-sim,steps=10]")
    >>> model.identifier
    'ica[n=10]+sae[k=2,n=20,images=AM-faces-sim,seed=0,steps=10]'
    """
    for name, value in (("k", k), ("n", n), ("steps", steps)):
        check_value(value, Positive, name, owner="sae")
    check_value(seed, NonNegative, "seed", owner="sae")
    if k > n:
        raise UsageError(f"sae: k must be at most n, got k={k} and n={n}")
    named = find_images(check_value(images, str, "images", owner="sae"), "sae")
    return lambda model: ReducedBySAE(model, k, n, named, seed, steps)
