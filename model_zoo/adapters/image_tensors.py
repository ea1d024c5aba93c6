"""Images of stimuli as batches of torch tensors.

Nothing here imports torch until there is a batch to make.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.datasets.image_sources import expect_one_size, square_pixels
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignError, UsageError, name_some
from neuroalign.model_zoo.adapters.ahead import default_workers, load_ahead
from neuroalign.model_zoo.adapters.checks import one_line, warn_of_random_numbers
from neuroalign.models.repeatability import generator_states, observe, seeded

if TYPE_CHECKING:
    import torch
    from PIL import Image

# Libraries with transforms that keep no state between two images.
_LIBRARIES = ("torchvision", "timm", "torch")


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

    def batches(
        self,
        stimuli: StimulusSet,
        batch_size: "int | Callable[[torch.Tensor], int]",
        *,
        identifier: str,
        n_workers: int | None = None,
        pin: bool = False,
    ) -> "Iterator[torch.Tensor]":
        """Yield batches of images in the order of the stimuli, loaded ahead of the network in threads.

        Threads decode and resample. They also run `preprocess` if it consists of parts of torchvision and timm alone.
        Other functions may keep state or draw random numbers, so they run one image after another in the calling
        thread, as do all that draw random numbers. The bytes do not depend on the number of threads.

        Parameters
        ----------
        stimuli : StimulusSet
        batch_size : int or callable
            Number of images in a batch, or a function that returns it for the tensor of the first image.
        identifier : str
            Name of the model, for a warning if the preprocessing draws random numbers.
        n_workers : int, optional
            Number of threads; 0 for none. By default :func:`neuroalign.model_zoo.adapters.ahead.default_workers`.
        pin : bool
            Whether the batches are in pinned memory, for a copy to a CUDA GPU beside its computations.

        Yields
        ------
        tensor of shape (n, channels, height, width)
            With `preprocess`, any dtype; otherwise float32.

        Raises
        ------
        DatasetError
            If an image cannot be read; the message names the stimulus.
        ModelError
            If the preprocessing fails, with the stimulus; if its tensors have the wrong number of dimensions, or
            different shapes in one batch.
        """
        ids = stimuli.ids.tolist()
        if not ids:
            return
        preprocess = self.preprocess
        if preprocess is not None:
            first = self._observe(stimuli, ids[0], preprocess, identifier)
        elif not isinstance(batch_size, int):
            first = self._scaled(stimuli.open(ids[0]))
        size = batch_size if isinstance(batch_size, int) else batch_size(first)
        chunks = [ids[start : start + size] for start in range(0, len(ids), size)]
        n_workers = min(default_workers() if n_workers is None else n_workers, len(ids))
        stack = partial(_stack, pin=pin, preprocessed=preprocess is not None)
        if preprocess is None:
            yield from load_ahead(
                chunks, lambda name: self._scaled(stimuli.open(name)), stack, n_workers=n_workers
            )
        elif not self._is_random and is_from_libraries(preprocess):
            yield from load_ahead(
                chunks,
                lambda name: self._tensor(stimuli.open(name), name, preprocess),
                stack,
                n_workers=n_workers,
            )
        else:
            decoded = load_ahead(
                chunks, lambda name: (name, stimuli.open(name).convert(self._mode)), list, n_workers=n_workers
            )
            for images in decoded:
                yield stack([self._in_turn(image, name, preprocess, identifier) for name, image in images])

    @property
    def _mode(self) -> str:
        return "L" if self.channels == 1 else "RGB"

    def _scaled(self, image: "Image.Image") -> "torch.Tensor":
        import torch

        pixels = square_pixels(image, channels=self.channels, size=self.image_size)
        tensor = torch.from_numpy(pixels.astype(np.float32) / np.float32(255))
        tensor = tensor.unsqueeze(0) if self.channels == 1 else tensor.permute(2, 0, 1)
        if self.mean is not None:
            tensor = tensor - torch.tensor(self.mean).reshape(-1, 1, 1)
        if self.std is not None:
            tensor = tensor / torch.tensor(self.std).reshape(-1, 1, 1)
        return tensor

    def _observe(
        self,
        stimuli: StimulusSet,
        stimulus_id: str,
        preprocess: "Callable[[Image.Image], torch.Tensor]",
        identifier: str,
    ) -> "torch.Tensor":
        """Process one image twice, and warn if the preprocessing draws random numbers."""
        drew_before = self.is_random
        seen = observe(lambda: self._tensor(stimuli.open(stimulus_id), stimulus_id, preprocess))
        self._is_random = drew_before or seen.is_random
        if self._is_random:
            warn_of_random_numbers(identifier, "the preprocessing", self.seed, seen.is_seedable)
        return seen.value

    def _in_turn(
        self,
        image: "Image.Image",
        stimulus_id: str,
        preprocess: "Callable[[Image.Image], torch.Tensor]",
        identifier: str,
    ) -> "torch.Tensor":
        """Process an image in the calling thread, and notice random numbers that are drawn for some images only."""
        if not self._is_random:
            before = generator_states()
            tensor = self._tensor(image.copy(), stimulus_id, preprocess)
            after = generator_states()
            if all(after[name] == state for name, state in before.items()):
                return tensor
            self._is_random = True
            warn_of_random_numbers(identifier, "the preprocessing", self.seed, True)
        with seeded("preprocess", self.seed, stimulus_id):
            return self._tensor(image, stimulus_id, preprocess)

    def _tensor(
        self, opened: "Image.Image", stimulus_id: str, preprocess: "Callable[[Image.Image], torch.Tensor]"
    ) -> "torch.Tensor":
        import torch
        from PIL import Image

        try:
            image = preprocess(opened.convert(self._mode))
            if isinstance(image, Image.Image):
                raise ModelError(
                    "preprocess must return a tensor, got an image; end it with torchvision.transforms.ToTensor()"
                )
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


def _stack(images: "Sequence[torch.Tensor]", *, pin: bool, preprocessed: bool) -> "torch.Tensor":
    import torch

    shapes = sorted({tuple(image.shape) for image in images})
    if len(shapes) > 1 and preprocessed:
        raise ModelError(f"preprocess returns images of different shapes: {name_some(shapes)}")
    expect_one_size((height, width) for _, height, width in shapes)
    batch = torch.stack(list(images)).contiguous()
    return batch.pin_memory() if pin else batch


def is_from_libraries(preprocess: Any) -> bool:
    """Return whether a preprocessing consists of objects of torchvision and timm alone, which threads can share.

    Parameters
    ----------
    preprocess : callable
        Function or object with its parts in attributes, such as ``torchvision.transforms.Compose``.
    """
    if isinstance(preprocess, Mapping):
        return all(map(is_from_libraries, preprocess.values()))
    if isinstance(preprocess, list | tuple):
        return all(map(is_from_libraries, preprocess))
    if not callable(preprocess):
        return True
    kind = preprocess if isinstance(preprocess, type | FunctionType) else type(preprocess)
    if kind.__module__.partition(".")[0] not in _LIBRARIES:
        return False
    return isinstance(preprocess, type | FunctionType) or is_from_libraries(vars(preprocess))
