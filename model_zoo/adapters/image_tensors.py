"""Images of stimuli as batches of torch tensors.

Nothing here imports torch until there is a batch to make.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignError, UsageError, name_some
from neuroalign.model_zoo.adapters.checks import one_line, warn_of_random_numbers
from neuroalign.models.repeatability import observe, seeded

if TYPE_CHECKING:
    import torch
    from PIL import Image


class ImageTensors:
    """Preprocessing of images: by a function of the caller, or by resampling, shift and scale.

    Parameters
    ----------
    identifier : str
        Name of the model, for messages.
    preprocess : callable, optional
        Function from PIL image to tensor of shape (channels, height, width). It replaces `image_size`, `mean` and
        `std`.
    image_size : int, optional
        Images are resampled to image_size × image_size pixels; by default they keep their size.
    channels : {1, 3}
        Grey or RGB.
    mean, std : float or sequence of float, optional
        The mean is subtracted from the pixels in [0, 1], and the result is divided by `std`: one number, or one for
        each channel.
    seed : int
        Seed of the random numbers that `preprocess` draws; every stimulus has random numbers of its own.

    Raises
    ------
    UsageError
        If `preprocess` is given together with an option that it replaces, or `mean` or `std` is out of range.
    """

    def __init__(
        self,
        identifier: str,
        *,
        preprocess: "Callable[[Image.Image], torch.Tensor] | None",
        image_size: int | None,
        channels: int,
        mean: ArrayLike | None,
        std: ArrayLike | None,
        seed: int,
    ) -> None:
        if preprocess is not None and not (image_size is None and mean is None and std is None):
            raise UsageError(
                f"{identifier}: preprocess= takes care of size and scale; leave out image_size=, mean=, std="
            )
        self.preprocess = preprocess
        self.image_size = image_size
        self.channels = channels
        self.mean = _for_each_channel(identifier, "mean", mean, channels)
        self.std = _for_each_channel(identifier, "std", std, channels)
        self.seed = seed
        # None until the preprocessing was observed on an image.
        self._is_random: bool | None = None

    @property
    def is_random(self) -> bool:
        """Whether the preprocessing draws random numbers for an image of noise, or did for a stimulus."""
        if self.preprocess is None:
            return False
        if self._is_random is None:
            from PIL import Image

            pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
            image = Image.fromarray(pixels).convert(self._mode)
            preprocess = self.preprocess
            try:
                self._is_random = observe(lambda: preprocess(image.copy())).is_random
            except Exception:  # a preprocessing that refuses this image is observed on the first stimulus
                return False
        return self._is_random

    def batches(self, stimuli: StimulusSet, batch_size: int, *, identifier: str) -> "Iterator[torch.Tensor]":
        """Yield batches of images in the order of the stimuli.

        Parameters
        ----------
        stimuli : StimulusSet
        batch_size : int
        identifier : str
            Name of the model, for a warning if the preprocessing draws random numbers.

        Yields
        ------
        tensor of shape (n, channels, height, width)
            With `preprocess`, any dtype; otherwise float32.

        Raises
        ------
        ModelError
            If the preprocessing fails, with the stimulus; if its tensors have the wrong number of dimensions, or
            different shapes in one batch.
        """
        import torch

        preprocess = self.preprocess
        if preprocess is not None:
            yield from self._preprocessed(stimuli, batch_size, preprocess, identifier)
            return
        for pixels in stimuli.batches(batch_size, size=self.image_size, channels=self.channels):
            batch = torch.from_numpy(pixels)
            batch = batch.unsqueeze(1) if self.channels == 1 else batch.permute(0, 3, 1, 2)
            if self.mean is not None:
                batch = batch - torch.tensor(self.mean).reshape(-1, 1, 1)
            if self.std is not None:
                batch = batch / torch.tensor(self.std).reshape(-1, 1, 1)
            yield batch.contiguous()

    @property
    def _mode(self) -> str:
        return "L" if self.channels == 1 else "RGB"

    def _preprocessed(
        self,
        stimuli: StimulusSet,
        batch_size: int,
        preprocess: "Callable[[Image.Image], torch.Tensor]",
        identifier: str,
    ) -> "Iterator[torch.Tensor]":
        ids = stimuli.ids.tolist()
        if ids:
            drew_before = self.is_random
            seen = observe(lambda: self._tensor(stimuli, ids[0], preprocess))
            self._is_random = drew_before or seen.is_random
            if self._is_random:
                warn_of_random_numbers(identifier, "the preprocessing", self.seed, seen.is_seedable)
        for start in range(0, len(ids), batch_size):
            batch = [
                self._seeded_tensor(stimuli, name, preprocess) for name in ids[start : start + batch_size]
            ]
            yield _stack(batch)

    def _seeded_tensor(
        self, stimuli: StimulusSet, stimulus_id: str, preprocess: "Callable[[Image.Image], torch.Tensor]"
    ) -> "torch.Tensor":
        if not self._is_random:
            return self._tensor(stimuli, stimulus_id, preprocess)
        with seeded("preprocess", self.seed, stimulus_id):
            return self._tensor(stimuli, stimulus_id, preprocess)

    def _tensor(
        self, stimuli: StimulusSet, stimulus_id: str, preprocess: "Callable[[Image.Image], torch.Tensor]"
    ) -> "torch.Tensor":
        import torch

        try:
            image = preprocess(stimuli.open(stimulus_id).convert(self._mode))
            tensor = image if isinstance(image, torch.Tensor) else torch.from_numpy(np.array(image))
        except NeuroalignError:
            raise
        except Exception as error:
            raise ModelError(
                f"preprocess fails on the image of stimulus {str(stimulus_id)!r}: {one_line(error)}"
            ) from error
        if tensor.ndim != 3:
            raise ModelError(
                f"preprocess must return a tensor of shape (channels, height, width), got {tuple(tensor.shape)}"
            )
        return tensor


def _for_each_channel(
    identifier: str, name: str, values: ArrayLike | None, channels: int
) -> list[float] | None:
    if values is None:
        return None
    given = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if given.shape not in ((1,), (channels,)) or (name == "std" and not (given > 0).all()):
        raise UsageError(
            f"{identifier}: {name} must be one number{' above 0' if name == 'std' else ''}, "
            f"or one for each of the {channels} channels, got {values!r}"
        )
    return [float(value) for value in given]


def _stack(images: "Sequence[torch.Tensor]") -> "torch.Tensor":
    import torch

    shapes = sorted({tuple(image.shape) for image in images})
    if len(shapes) > 1:
        raise ModelError(f"preprocess returns images of different shapes: {name_some(shapes)}")
    return torch.stack(list(images))
