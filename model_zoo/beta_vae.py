"""β-VAEs: variational autoencoders that are pressed to keep few, independent latent units."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from neuroalign.model_zoo.training.recipes import setting_names
from neuroalign.model_zoo.training.trained import Trained, find_trained, read_trained
from numpy.typing import NDArray

from neuroalign import arrays
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import ModelError, UsageError
from neuroalign.hashing import digest
from neuroalign.home import home
from neuroalign.models import ModelFamily
from neuroalign.registry import unknown_name
from neuroalign.specs import format_spec
from neuroalign.stimuli import StimulusSet

if TYPE_CHECKING:
    from neuroalign.model_zoo.networks import VariationalAutoencoder

FAMILY = "beta_vae"
#: Raised when the same weights and images would give other latents.
VERSION = 1
#: A unit is informative if its mean divergence from the prior is above this, in nats.
INFORMATIVE = 0.01

# One size for every call: kernels may round differently for batches of different sizes.
_BATCH = 64


class BetaVAEModel:
    """A trained β-VAE; its units are the means of the posterior.

    Parameters
    ----------
    trained : Trained or path
        The weights, or the path of their file.
    identifier : str, optional
        By default ``beta_vae[beta=…,seed=…]``.
    """

    def __init__(self, trained: Trained | Path, *, identifier: str | None = None) -> None:
        self._trained = (
            trained if isinstance(trained, Trained) else read_trained(Path(trained), family=FAMILY)
        )
        self.identifier = identifier or format_spec(FAMILY, self._trained.recipe.options())
        self._loaded: VariationalAutoencoder | None = None

    def __repr__(self) -> str:
        return f"<BetaVAEModel {self.identifier}, trained on {self.trained_on}>"

    @property
    def trained_on(self) -> str:
        """Name of the stimulus set that the model was trained on."""
        return self._trained.stimulus_set

    @property
    def record(self) -> Mapping[str, Any]:
        """Where the weights come from: recipe, stimulus set, versions, losses."""
        return self._trained.record

    @property
    def fingerprint(self) -> str:
        """Digest of the weights, the architecture and the image size; computed without torch."""
        architecture, size = self._trained.record["architecture"], self._trained.recipe.image_size
        return digest(FAMILY, VERSION, architecture, self._trained.weights_sha256, size, _BATCH)

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Encode stimuli.

        Parameters
        ----------
        stimuli : StimulusSet

        Returns
        -------
        latents of shape (n_stimuli, n_latents)
            The means of the posterior. ``kl`` is each unit's divergence from the prior, averaged over
            the stimuli; where it is above 0.01 nats the unit is ``informative``.

        Raises
        ------
        ModelError
            If the weights are missing or damaged.
        MissingImagesError
            If the images are not available.

        References
        ----------
        Duan et al. (2020), arXiv:1905.12614, section 4, for the threshold.
        """
        import torch
        from neuroalign.model_zoo.training.objectives import gaussian_kl
        from neuroalign.model_zoo.training.trainer import one_thread

        network = self._network()
        size = self._trained.recipe.image_size
        # In sorted order, so that a value does not depend on the order in which stimuli are given.
        in_order = stimuli.select(np.sort(stimuli.ids))
        means, divergences = [], []
        with one_thread(), torch.inference_mode():
            for pixels in in_order.batches(_BATCH, size=size):
                batch = np.zeros((_BATCH, 1, size, size), dtype=np.float32)
                batch[: len(pixels), 0] = pixels
                mean, log_variance = network.encode(torch.from_numpy(batch))
                means.append(mean[: len(pixels)].numpy())
                divergences.append(gaussian_kl(mean, log_variance)[: len(pixels)].numpy())
        kl = np.concatenate(divergences).mean(axis=0, dtype=np.float64)
        rank = np.argsort(np.argsort(stimuli.ids))
        return arrays.latents(
            np.concatenate(means)[rank],
            stimulus=stimuli.ids,
            informative=kl > INFORMATIVE,
            kl=kl,
            attrs={"identifier": self.identifier, "trained_on": self.trained_on},
        )

    def decode(self, latents: xr.DataArray) -> NDArray[np.float32]:
        """Reconstruct images.

        Parameters
        ----------
        latents : latents
            Dimensions stimulus, unit; all units of the model, in their order.

        Returns
        -------
        array of float32 in [0, 1], shape (n_stimuli, image_size, image_size)

        Raises
        ------
        ModelError
            If the number of units is not the model's own, or the weights are damaged.
        """
        import torch
        from neuroalign.model_zoo.training.trainer import one_thread

        recipe = self._trained.recipe
        if latents.sizes["unit"] != recipe.n_latents:
            raise ModelError(
                f"{self.identifier} decodes {recipe.n_latents} units, not {latents.sizes['unit']}"
            )
        network = self._network()
        values = np.asarray(latents.values, dtype=np.float32)
        images = np.empty((len(values), recipe.image_size, recipe.image_size), dtype=np.float32)
        with one_thread(), torch.inference_mode():
            for start in range(0, len(values), _BATCH):
                rows = values[start : start + _BATCH]
                batch = np.zeros((_BATCH, recipe.n_latents), dtype=np.float32)
                batch[: len(rows)] = rows
                decoded = torch.sigmoid(network.decode(torch.from_numpy(batch)))
                images[start : start + _BATCH] = decoded[: len(rows), 0].numpy()
        return images

    def _network(self) -> "VariationalAutoencoder":
        if self._loaded is None:
            import torch
            from neuroalign.model_zoo.networks import ARCHITECTURE, empty

            architecture = self._trained.record["architecture"]
            if architecture != ARCHITECTURE:
                raise ModelError(
                    f"{self.identifier} has the architecture {architecture}; this version of neuroalign "
                    f"knows {ARCHITECTURE}"
                )
            recipe = self._trained.recipe
            network = empty(recipe.n_latents, image_size=recipe.image_size)
            state = network.state_dict()
            weights = self._trained.weights({name: tuple(value.shape) for name, value in state.items()})
            with torch.no_grad():
                for name, value in state.items():
                    value.copy_(torch.from_numpy(weights[name]))
            self._loaded = network.eval()
        return self._loaded

    def __getstate__(self) -> dict[str, Any]:
        # Workers read the weights themselves.
        return {**self.__dict__, "_loaded": None}


class BetaVAE(ModelFamily):
    """The β-VAEs that come with neuroalign, and those that you train.

    The instances for a dataset are those that were trained on its own training images, by
    ``neuroalign train beta_vae DATASET``, if there are any; otherwise the bundled ones, which were
    trained on the rendered faces of ``AM-faces-sim``. Names of your own say what they were trained on:
    ``beta_vae[beta=4,seed=0,trained_on=my-faces]``.

    References
    ----------
    Higgins et al. (2017), "β-VAE: Learning basic visual concepts with a constrained variational
    framework"; Higgins et al. (2020), arXiv:2006.14304.
    """

    identifier = FAMILY

    def grid(self, dataset: Dataset | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the options of each instance."""
        if dataset is not None:
            own = own_instances()
            if own and dataset.stimuli.has_images:
                wanted = dataset.stimuli.training().content_hash
                fitting = [names for names, each in own if each.stimulus_set_hash == wanted]
                if fitting:
                    return fitting
        return [names for names, _ in bundled_instances()]

    def instance(self, dataset: Dataset | None = None, **options: Any) -> BetaVAEModel:
        """Return the instance with these options.

        Parameters
        ----------
        dataset : Dataset, optional
            Not needed: the options say all.
        **options
            ``beta``, ``seed`` and, for instances of your own, ``trained_on``; ``n_latents`` and
            ``image_size`` where they are not 50 and 64. An option may be left out if the rest leaves
            only one instance.

        Raises
        ------
        UsageError
            If there is no such instance, or several, naming those that there are.
        """
        known = (*setting_names(), "trained_on")
        for option in options:
            if option not in known:
                raise unknown_name(f"option of {self.identifier}", option, known)
        available = own_instances() if "trained_on" in options else bundled_instances()
        fitting = [each for each in available if _fits(*each, options)]
        if len(fitting) != 1:
            several = fitting or [*bundled_instances(), *own_instances()]
            names = [self.instance_identifier(**each) for each, _ in several]
            raise UsageError(
                f"{self.instance_identifier(**options)} "
                f"{'could be any of' if fitting else 'is not among the trained instances'}: "
                f"{arrays.name_some(names, most=12) if names else 'there are none'}"
                f"{'' if fitting else '; train more with neuroalign train beta_vae DATASET'}"
            )
        [(found, trained)] = fitting
        return BetaVAEModel(trained, identifier=self.instance_identifier(**found))


#: The options that name an instance, and its weights.
Instance = tuple[dict[str, Any], Trained]


def bundled_instances() -> list[Instance]:
    """Return the instances that come with neuroalign."""
    folder = Path(str(files("neuroalign.model_zoo"))) / "weights" / FAMILY
    return [(each.recipe.options(), each) for each in find_trained(folder, family=FAMILY)]


def own_folder() -> Path:
    """Return the folder in which the instances that you train are kept, a folder for each stimulus set."""
    return home() / "models" / FAMILY


def own_instances() -> list[Instance]:
    """Return the instances that you trained."""
    folder = own_folder()
    return [
        ({**each.recipe.options(), "trained_on": path.name}, each)
        for path in (sorted(folder.iterdir()) if folder.is_dir() else [])
        for each in find_trained(path, family=FAMILY)
    ]


def _fits(names: Mapping[str, Any], trained: Trained, options: Mapping[str, Any]) -> bool:
    settings = {**trained.recipe.to_mapping(), **names}
    # The name of a set such as "2023" is read as a number where it stands among options.
    return all(
        str(settings[name]) == str(value) if name == "trained_on" else settings[name] == value
        for name, value in options.items()
    )
