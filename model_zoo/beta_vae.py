"""β-VAEs: variational autoencoders with a weight β on the divergence, for few and independent latent units."""

from dataclasses import dataclass
from typing import ClassVar

from neuroalign.model_zoo.training.family import TrainedFamily
from neuroalign.model_zoo.variational import VariationalModel, VariationalRecipe
from neuroalign.validation import NonNegativeFloat


@dataclass(frozen=True)
class BetaVAERecipe(VariationalRecipe):
    """Settings that, together with the images, determine the weights of a β-VAE.

    Parameters
    ----------
    beta : float
        Weight of the divergence from the prior, at least 0.
    **settings
        See :class:`neuroalign.model_zoo.training.recipe.Recipe`.
    """

    family: ClassVar[str] = "beta_vae"
    named_by: ClassVar[tuple[str, ...]] = ("beta",)

    beta: NonNegativeFloat = 4.0

    @property
    def kl_weight(self) -> float:
        """Weight of the divergence: β."""
        return self.beta


class BetaVAEModel(VariationalModel):
    """A trained β-VAE; its units are the means of the posterior.

    Parameters
    ----------
    trained : Trained or path
        Weights, or the path of their file.
    identifier : str, optional
        By default ``beta_vae[beta=…,seed=…]``.
    """

    recipe = BetaVAERecipe


class BetaVAE(TrainedFamily):
    """The bundled β-VAEs, and the β-VAEs that you train.

    For a dataset, the family has the instances that you trained on its images with ``neuroalign train beta_vae
    DATASET``. If you trained none, it has the bundled instances of photographs of faces, or for a simulated dataset
    the bundled instances of rendered faces. ``beta_vae[trained_on=faces]`` and ``beta_vae[trained_on=stand-in]``
    choose between these.

    References
    ----------
    Higgins et al. (2017), "β-VAE: Learning basic visual concepts with a constrained variational
    framework"; Higgins et al. (2020), arXiv:2006.14304.
    """

    identifier = "beta_vae"
    model = BetaVAEModel
