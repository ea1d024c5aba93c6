"""Classifiers: networks that are trained to distinguish the training faces."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neuroalign.model_zoo.training.family import TrainedFamily
from neuroalign.model_zoo.training.images.translations import (
    N_TRANSLATIONS,
    SHIFTS,
    Translations,
    split,
)
from neuroalign.model_zoo.training.model import TrainedModel
from neuroalign.model_zoo.training.objectives.base import (
    EVALUATION_BATCH,
    Objective,
    means_of,
    n_varying,
)
from neuroalign.model_zoo.training.objectives.early_stopping import EarlyStopping
from neuroalign.model_zoo.training.recipe import Recipe
from neuroalign.validation import Positive, PositiveFloat

if TYPE_CHECKING:
    from torch import Tensor, nn

    from neuroalign.model_zoo.training.images.draws import BatchOrder


@dataclass(frozen=True)
class ClassifierRecipe(Recipe):
    """Settings that, together with the images, determine the weights of a classifier.

    Parameters
    ----------
    validate_every : int
        Steps between measurements on the validation set.
    patience : int
        Number of measurements in a row without a lower cross-entropy after which training stops. The weights with the
        lowest cross-entropy are kept.
    **settings
        See :class:`neuroalign.model_zoo.training.recipe.Recipe`. ``steps`` is the largest number of steps. The seed
        also divides the images into training, validation and test. The learning rate is lower than in the other
        families, because a classifier of thousands of faces learns nothing at theirs.
    """

    family: ClassVar[str] = "classifier"

    learning_rate: PositiveFloat = 3e-4
    validate_every: Positive = 500
    patience: Positive = 5

    def network(self, n_images: int) -> "nn.Module":
        """Make a network with an encoder to a few linear units, and one logit for each training image."""
        from neuroalign.model_zoo.training.networks.architectures import Classifier

        return Classifier(self.n_latents, n_images, image_size=self.image_size)

    def objective(self, pixels: "NDArray[np.float32] | Tensor") -> "ClassifierObjective":
        """Make the objective."""
        return ClassifierObjective(self, pixels)


class ClassifierObjective(Objective[ClassifierRecipe]):
    """Log-probability of the correct face (the negative cross-entropy), in nats.

    Each training image is one class, in 25 positions that are split 80/10/10; see
    :mod:`neuroalign.model_zoo.training.images.translations`.

    References
    ----------
    Higgins et al. (2020), arXiv:2006.14304, Methods, "Baseline models".
    """

    def __init__(self, recipe: ClassifierRecipe, pixels: "NDArray[np.float32] | Tensor") -> None:
        super().__init__(recipe, pixels)
        self.translations = Translations(self.images[:, 0])
        self.split = split(len(pixels), seed=recipe.seed)

    @property
    def worst(self) -> float:
        """Ten times the objective of a guess, and at most −10 nats."""
        return float(-10 * max(1, np.log(len(self.images))))

    @cached_property
    def order(self) -> "BatchOrder":
        """Order in which training sees its examples."""
        return self._order_of(len(self.split.training))

    @property
    def n_examples(self) -> int:
        """Number of shifted images."""
        return len(self.translations)

    def examples(self, step: int) -> NDArray[np.int64]:
        """Return the numbers of the examples in the batch."""
        return self.split.training[self.order.batch(step)]

    def gather(self, drawn: "Tensor") -> tuple["Tensor", ...]:
        """Return shifted images, and the numbers of their faces."""
        examples = drawn % self.n_examples
        images = self.translations.take(examples).unsqueeze(-3)
        return self.show(images, drawn), examples // N_TRANSLATIONS

    def hold_out(self, pixels: "NDArray[np.float32] | Tensor") -> None:
        """Return None: an image that training does not use belongs to none of the classes."""

    def evaluation_inputs(self) -> Iterator[tuple["Tensor", ...]]:
        """Yield all shifted images for training, and the numbers of their faces."""
        return self._batches(self.split.training)

    def measure(self, network: "nn.Module", *inputs: "Tensor") -> dict[str, "Tensor"]:
        """Return ``cross_entropy`` (n,), ``accuracy`` (n,), 1 or 0, and ``units`` (n, n_latents)."""
        from torch.nn.functional import cross_entropy

        images, faces = inputs
        logits, units = network(images)
        return {
            "cross_entropy": cross_entropy(logits, faces, reduction="none"),
            "accuracy": (logits.argmax(dim=1) == faces).float(),
            "units": units,
        }

    @property
    def weights(self) -> dict[str, float]:
        """Weight of the cross-entropy: −1."""
        return {"cross_entropy": -1.0}

    def summary(self, means: Mapping[str, "Tensor"]) -> dict[str, float]:
        """Return the objective and the accuracy on the images for training."""
        return {"objective": self.value(means).item(), "training_accuracy": means["accuracy"].item()}

    def early_stopping(self) -> EarlyStopping:
        """Return the rule with the settings of the recipe."""
        return EarlyStopping(self.recipe.validate_every, self.recipe.patience)

    def validate(self, network: "nn.Module") -> tuple[float, dict[str, float]]:
        """Return the cross-entropy on the validation set, and numbers for the log."""
        means = means_of(self.measure_all(network, self._batches(self.split.validation)))
        loss = means["cross_entropy"].item()
        return loss, {"validation_cross_entropy": loss, "validation_accuracy": means["accuracy"].item()}

    def evaluate(self, network: "nn.Module") -> dict[str, Any]:
        """Return the summary over the images for training, and losses and accuracies on validation and test.

        ``accuracy`` and ``cross_entropy`` are measured on the test set, which training does not use.
        """
        measured = self.measure_all(network, self.evaluation_inputs())
        test = means_of(self.measure_all(network, self._batches(self.split.test)))
        return {
            "final": {
                **self.summary(means_of(measured)),
                **self.validate(network)[1],
                "cross_entropy": test["cross_entropy"].item(),
                "accuracy": test["accuracy"].item(),
                "informative_units": n_varying(measured["units"]),
            },
            "translations": {"shifts": list(SHIFTS), "edge": "repeated"},
            "split": {
                "training": len(self.split.training),
                "validation": len(self.split.validation),
                "test": len(self.split.test),
            },
        }

    def _batches(self, examples: NDArray[np.int64]) -> Iterator[tuple["Tensor", ...]]:
        import torch

        for batch in torch.from_numpy(examples).split(EVALUATION_BATCH):
            yield self.gather(batch.to(self.images.device))


class ClassifierModel(TrainedModel):
    """A trained classifier; its units are the inputs of the layer of logits.

    Parameters
    ----------
    trained : Trained or path
        Weights, or the path of their file.
    identifier : str, optional
        By default ``classifier[n_latents=…,seed=…]``.
    """

    recipe = ClassifierRecipe


class Classifier(TrainedFamily):
    """The bundled classifiers, and the classifiers that you train.

    They are trained to distinguish all training images: the encoder of the other families leads to a few linear units,
    and the units lead to one logit for each face. Classifiers cannot decode. Instances differ in the number of units
    and the seed.

    For a dataset, the family has the instances that you trained on its images with ``neuroalign train classifier
    DATASET``. If you trained none, it has the bundled instances of photographs of faces, or for a simulated dataset
    the bundled instances of rendered faces. ``classifier[trained_on=faces]`` and ``classifier[trained_on=stand-in]``
    choose between these.

    References
    ----------
    Higgins et al. (2020), arXiv:2006.14304, Methods, "Baseline models".
    """

    identifier = "classifier"
    model = ClassifierModel
