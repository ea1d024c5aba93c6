"""Examination of a network with two batches: axis of the images, random numbers, independence of images."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from neuroalign.errors import ModelError, NeuroalignWarning, UsageError
from neuroalign.models.repeatability import TOLERANCE, differ, observe

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

# Numbers of images in the two batches. One image alone is best, but some networks need more.
_SIZES = ((1, 2), (2, 3))
# Tolerances for rounding in networks that compute less exactly than float32 on a CPU.
_TOLERANCES = {"torch.float16": 1e-2, "torch.bfloat16": 5e-2}
_CUDA_TOLERANCE = 5e-3


class Extractor(Protocol):
    """Layers of a module that can be run; see :class:`neuroalign.model_zoo.adapters.extraction.Layers`."""

    module: "torch.nn.Module"
    layers: Sequence[str]
    autocast: str | None

    def capture(self, batch: "torch.Tensor", *, seed: str | int | None) -> "dict[str, torch.Tensor]":
        """Return the output of each layer."""
        ...

    def capture_modules(self, batch: "torch.Tensor", *, seed: str | int | None) -> "dict[str, torch.Tensor]":
        """Return the output of each module, in the order in which they finish."""
        ...


@dataclass(frozen=True)
class Examination:
    """Results of two runs of a network with different numbers of images.

    Parameters
    ----------
    axes : mapping of str to int
        Axis of each layer's output that holds the images.
    is_random : bool
        Whether the network draws random numbers when it is evaluated.
    is_seedable : bool
        Whether seeding the global random generators makes its outputs repeat.
    small : tensor, optional
        Images of the smaller of the two runs; None if the network accepts a single number of images only.
    outputs : mapping of str to tensor
        Output of each layer in the smaller run.
    """

    axes: Mapping[str, int]
    is_random: bool
    is_seedable: bool
    small: "torch.Tensor | None"
    outputs: "Mapping[str, torch.Tensor]"


def examine(
    extractor: Extractor,
    batch: "torch.Tensor",
    *,
    batch_axis: int | Mapping[str, int] | None,
    treats_alone: bool,
    notes_axes: bool = True,
) -> Examination:
    """Run a network with two numbers of images.

    The images are on the axis with a length that follows the number of images. So another axis may have the length of
    the batch by chance.

    Parameters
    ----------
    extractor : Extractor
    batch : tensor, shape (n, …)
        Images; if the two runs need more images, darker copies of the first one are added.
    batch_axis : int or mapping of str to int, optional
        Axis that holds the images, if the caller specifies it.
    treats_alone : bool
        Whether to refuse a network if its outputs for one image depend on the other images of a batch.
    notes_axes : bool
        Whether a note names layers with the images on another axis than the first.

    Returns
    -------
    Examination

    Raises
    ------
    ModelError
        If no axis or several axes can hold the images, or the outputs for an image depend on other images.
    """
    tolerance = _tolerance(extractor)
    for n_small, n_large in _SIZES:
        small, large = _first(batch, n_small), _first(batch, n_large)
        try:
            seen = observe(partial(extractor.capture, small, seed=None), tolerance=tolerance)
            outputs = extractor.capture(large, seed=0)
        except ModelError:
            continue
        # A network that squeezes its output has other axes for one image.
        if all(seen.value[layer].ndim == outputs[layer].ndim for layer in outputs) or n_small > 1:
            break
    else:
        return _unexamined(extractor, batch, batch_axis)
    axes = {
        layer: _axis(layer, seen.value[layer], outputs[layer], (n_small, n_large), _asked(batch_axis, layer))
        for layer in extractor.layers
    }
    for layer, axis in axes.items():
        if notes_axes and axis != 0 and _asked(batch_axis, layer) is None:
            warnings.warn(
                f"{type(extractor.module).__name__}: axis {axis} of {name_layer(layer)}, which has shape "
                f"{tuple(outputs[layer].shape)} for {n_large} images, holds the images; give batch_axis={axis} to "
                "leave this note out",
                NeuroalignWarning,
                stacklevel=2,
            )
    examined = Examination(axes, seen.is_random, seen.is_seedable, small, seen.value)
    if treats_alone:
        expect_alone(extractor, examined, large, outputs)
    return examined


def expect_alone(
    extractor: Extractor, examined: Examination, batch: "torch.Tensor", outputs: "Mapping[str, torch.Tensor]"
) -> None:
    """Refuse a network if its outputs for the first image depend on the other images of a batch.

    Parameters
    ----------
    extractor : Extractor
    examined : Examination
    batch : tensor, shape (n, …)
        Images, starting with the images that the network was examined with.
    outputs : mapping of str to tensor
        Outputs for the batch, with the images on the axes of `examined`.

    Raises
    ------
    ModelError
        With the first layer that depends on the batch.
    """
    for layer in examined.axes:
        if depends_on_batch(extractor, examined, layer, outputs[layer]):
            raise _dependent(extractor, examined, layer, batch)


def depends_on_batch(extractor: Extractor, examined: Examination, layer: str, output: "torch.Tensor") -> bool:
    """Return whether the output of a layer for the first image depends on the other images of a batch.

    Parameters
    ----------
    extractor : Extractor
    examined : Examination
    layer : str
    output : tensor
        Output for the batch, with the images on the axis of `examined`.
    """
    if examined.is_random or examined.small is None:
        return False
    axis = examined.axes[layer]
    first, other = examined.outputs[layer].select(axis, 0), output.select(axis, 0)
    return differ(first, other, _tolerance(extractor))


def _dependent(extractor: Extractor, examined: Examination, layer: str, batch: "torch.Tensor") -> ModelError:
    assert examined.small is not None
    reason = _explain(extractor, examined.small, batch, _tolerance(extractor))
    return ModelError(
        f"the values of {name_layer(layer)} for an image depend on the other images of its batch; {reason}, or give "
        "batch_size=1, which runs each image alone"
    )


class Taking:
    """Units of the layers of a batch, made as soon as the output of a layer is there.

    Parameters
    ----------
    extractor : Extractor
    examined : Examination
    batch : tensor, shape (n, …)
        Images of the batch.
    pool : callable
        Pooling of a layer, from shape (n, …) to (n, n_units).
    treats_alone : bool
        Whether to check that the outputs for the first image do not depend on the other images.
    """

    def __init__(
        self,
        extractor: Extractor,
        examined: Examination,
        batch: "torch.Tensor",
        pool: "Callable[[torch.Tensor], torch.Tensor]",
        *,
        treats_alone: bool,
    ) -> None:
        self._extractor, self._examined, self._batch, self._pool = extractor, examined, batch, pool
        self._checks = treats_alone
        self._dependent: set[str] = set()

    def take(self, layer: str, output: "torch.Tensor") -> "NDArray[np.float32]":
        """Return the units of a layer, shape (n, n_units).

        Parameters
        ----------
        layer : str
        output : tensor
            Output of the layer for the batch.
        """
        axis = self._examined.axes[layer]
        rows = images_first(layer, output, axis, len(self._batch))
        # The last run of a module that runs several times counts.
        self._dependent.discard(layer)
        if self._checks and depends_on_batch(self._extractor, self._examined, layer, output):
            self._dependent.add(layer)
        units = self._pool(rows.float())
        # A copy of a part, so that the part does not keep the whole output in memory.
        whole = output.untyped_storage().nbytes()
        return (units.clone() if whole > 2 * units.nbytes else units).numpy()

    def expect_alone(self) -> None:
        """Refuse the network if a layer of the first image depends on the other images of the batch.

        Raises
        ------
        ModelError
            With the first layer that depends on the batch.
        """
        for layer in self._examined.axes:
            if layer in self._dependent:
                raise _dependent(self._extractor, self._examined, layer, self._batch)


def images_first(layer: str, output: "torch.Tensor", axis: int, n_images: int) -> "torch.Tensor":
    """Move the axis that holds the images to the front.

    Raises
    ------
    ModelError
        If the axis does not have one entry for each image.
    """
    if output.ndim <= axis or output.shape[axis] != n_images:
        raise ModelError(
            f"{name_layer(layer)} puts out shape {tuple(output.shape)} for {_count(n_images)}; axis {axis} must "
            "have one entry for each image: choose another layer, or say which axis holds the images with batch_axis="
        )
    return output.movedim(axis, 0)


def axes_that_follow(small: Sequence[int], large: Sequence[int], sizes: tuple[int, int]) -> list[int]:
    """Return the axes with the length of the number of images in both of two shapes."""
    if len(small) != len(large):
        return []
    return [
        axis for axis, lengths in enumerate(zip(small, large, strict=True)) if tuple(lengths) == tuple(sizes)
    ]


def name_layer(layer: str) -> str:
    """Name a layer in a message."""
    return f"the layer {layer!r}" if layer else "the module's output"


def two_sizes(batch: "torch.Tensor") -> "list[tuple[torch.Tensor, torch.Tensor]]":
    """Return pairs of batches with which to compare the shapes of outputs."""
    return [(_first(batch, small), _first(batch, large)) for small, large in _SIZES]


def _axis(
    layer: str,
    small: "torch.Tensor",
    large: "torch.Tensor",
    sizes: tuple[int, int],
    asked: int | None,
) -> int:
    following = axes_that_follow(small.shape, large.shape, sizes)
    shapes = (
        f"{name_layer(layer)} puts out shape {tuple(small.shape)} for {_count(sizes[0])} and {tuple(large.shape)} for "
        f"{_count(sizes[1])}"
    )
    if asked is not None:
        if asked not in following:
            raise ModelError(f"{shapes}, so batch_axis={asked} has not one entry for each image")
        return asked
    if not following:
        raise ModelError(
            f"{shapes}: no axis has one entry for each image; choose another layer (batch_axis= helps only where an "
            "axis has one)"
        )
    if len(following) > 1:
        raise ModelError(
            f"{shapes}: axes {' and '.join(map(str, following))} have one entry for each image; say which holds the "
            f"images with batch_axis={' or batch_axis='.join(map(str, following))}"
        )
    return following[0]


def _unexamined(
    extractor: Extractor, batch: "torch.Tensor", batch_axis: int | Mapping[str, int] | None
) -> Examination:
    """Use the axes that the caller specifies, for a network that accepts a single number of images only."""
    outputs = extractor.capture(batch, seed=0)  # raises the error of a network that fails on any batch
    fixed = f"the network runs on a batch of {len(batch)} images, but not on one of 1, 2 or 3"
    axes = {}
    for layer in extractor.layers:
        asked = _asked(batch_axis, layer)
        if asked is None:
            raise ModelError(
                f"{fixed}, so the axis of {name_layer(layer)} that holds the images cannot be found in its shape "
                f"{tuple(outputs[layer].shape)}; say which it is with batch_axis="
            )
        axes[layer] = asked
    warnings.warn(
        f"{type(extractor.module).__name__}: {fixed}, so nothing could check that each image is treated alone",
        NeuroalignWarning,
        stacklevel=3,
    )
    return Examination(axes, False, True, None, {})


def _explain(extractor: Extractor, small: "torch.Tensor", large: "torch.Tensor", tolerance: float) -> str:
    """Return a sentence about the first module that depends on the batch, with advice."""
    from torch.nn.modules.batchnorm import _BatchNorm

    try:
        alone = extractor.capture_modules(small, seed=0)
        together = extractor.capture_modules(large, seed=0)
    except ModelError:  # layers of compiled modules cannot be captured
        return "change the network"
    modules: dict[str, Any] = dict(extractor.module.named_modules())
    for name, output in alone.items():
        other = together.get(name)
        if other is None:
            continue
        axes = axes_that_follow(output.shape, other.shape, (len(small), len(large)))
        if len(axes) == 1 and differ(output.select(axes[0], 0), other.select(axes[0], 0), tolerance):
            module = modules[name]
            who = (
                f"{name_layer(name)} ({type(module).__name__})" if name else f"{type(module).__name__} itself"
            )
            if isinstance(module, _BatchNorm) and module.running_mean is None:
                return (
                    f"{who} has no running statistics and normalises by the batch: train it with "
                    "track_running_stats=True"
                )
            return f"{who} is the first to depend on them: change it"
    return "change the network"


def _asked(batch_axis: int | Mapping[str, int] | None, layer: str) -> int | None:
    asked = batch_axis.get(layer) if isinstance(batch_axis, Mapping) else batch_axis
    if asked is not None and (isinstance(asked, bool) or not isinstance(asked, int) or asked < 0):
        raise UsageError(f"batch_axis must be the number of an axis from 0 up, got {asked!r}")
    return asked


def _first(batch: "torch.Tensor", n: int) -> "torch.Tensor":
    import torch

    darker = [(batch[:1] / 2**power).to(batch.dtype) for power in range(1, n - len(batch) + 1)]
    return torch.cat([batch[:n], *darker])


def _tolerance(extractor: Extractor) -> float:
    module = extractor.module
    floating = [value for value in (*module.parameters(), *module.buffers()) if value.is_floating_point()]
    tolerances = [_TOLERANCES.get(str(value.dtype), TOLERANCE) for value in floating]
    tolerances += [_CUDA_TOLERANCE for value in floating if value.device.type != "cpu"]
    tolerances.append(_TOLERANCES.get(f"torch.{extractor.autocast}", TOLERANCE))
    return max(tolerances)


def _count(n: int) -> str:
    return "1 image" if n == 1 else f"{n} images"
