"""Variational autoencoders: the β-VAE with β = 1, in several sizes."""

from dataclasses import dataclass
from typing import ClassVar

from neuroalign.model_zoo.training.family import TrainedFamily
from neuroalign.model_zoo.variational import VariationalModel, VariationalRecipe


@dataclass(frozen=True)
class VAERecipe(VariationalRecipe):
    """Settings that, together with the images, determine the weights of a VAE; see :class:`VariationalRecipe`."""

    family: ClassVar[str] = "vae"
    kl_weight: ClassVar[float] = 1.0


class VAEModel(VariationalModel):
    """A trained VAE; its units are the means of the posterior.

    Parameters
    ----------
    trained : Trained or path
        Weights, or the path of their file.
    identifier : str, optional
        By default ``vae[n_latents=…,seed=…]``.
    """

    recipe = VAERecipe


class VAE(TrainedFamily):
    """The bundled VAEs, and the VAEs that you train.

    They are trained for the evidence lower bound, log p(x|z) − KL(q(z|x)‖p(z)), which is the objective of
    the β-VAE with β = 1. Instances differ in the number of latents and the seed.

    For a dataset, the family has the instances that you trained on its images with ``neuroalign train vae DATASET``.
    If you trained none, it has the bundled instances of photographs of faces, or for a simulated dataset the bundled
    instances of rendered faces. ``vae[trained_on=faces]`` and ``vae[trained_on=stand-in]`` choose between these.

    References
    ----------
    Kingma & Welling (2014), "Auto-encoding variational Bayes"; Higgins et al. (2020), arXiv:2006.14304,
    eq. 3.
    """

    identifier = "vae"
    model = VAEModel
