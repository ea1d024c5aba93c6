"""β-VAEs: variational autoencoders that are pressed to keep few, independent latent units."""

from dataclasses import dataclass
from typing import ClassVar

from neuroalign.model_zoo.training.family import TrainedFamily
from neuroalign.model_zoo.variational import VariationalModel, VariationalRecipe
from neuroalign.validation import NonNegativeFloat


@dataclass(frozen=True)
class BetaVAERecipe(VariationalRecipe):
    """Everything but the images that determines the weights of a β-VAE.

    Parameters
    ----------
    beta : float
        Weight of the divergence from the prior; at least 0.
    **settings
        See :class:`neuroalign.model_zoo.training.recipe.Recipe`.
    """

    family: ClassVar[str] = "beta_vae"
    named_by: ClassVar[tuple[str, ...]] = ("beta",)

    beta: NonNegativeFloat = 4.0

    @property
    def kl_weight(self) -> float:
        """β."""
        return self.beta


class BetaVAEModel(VariationalModel):
    """A trained β-VAE; its units are the means of the posterior.

    Parameters
    ----------
    trained : Trained or path
        The weights, or the path of their file.
    identifier : str, optional
        By default ``beta_vae[beta=…,seed=…]``.
    """

    recipe = BetaVAERecipe


class BetaVAE(TrainedFamily):
    """The β-VAEs that come with neuroalign, and those that you train.

    The instances for a dataset are those that were trained on its own training images, by
    ``neuroalign train beta_vae DATASET``, if there are any; otherwise the bundled ones, which were
    trained on the rendered faces of ``AM-faces-sim``, as their scores say. Names of your own say what they
    were trained on: ``beta_vae[beta=4,seed=0,trained_on=my-faces]``.

    References
    ----------
    Higgins et al. (2017), "β-VAE: Learning basic visual concepts with a constrained variational
    framework"; Higgins et al. (2020), arXiv:2006.14304.
    """

    identifier = "beta_vae"
    model = BetaVAEModel
