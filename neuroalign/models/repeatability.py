"""Repeatability of a computation: its random numbers, and the independence of the rows of a batch."""

import random
import sys
import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from neuroalign.errors import ModelError, NeuroalignWarning
from neuroalign.files.digests import digest
from neuroalign.masked import as_numbers

T = TypeVar("T")

#: Largest difference between two runs that counts as rounding, as a fraction of the largest absolute value.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Observation(Generic[T]):
    """A computation that ran under observation.

    Parameters
    ----------
    value : object
        Result of the first run.
    is_random : bool
        Whether the computation drew from a global random generator, or gave another result in a second run.
    is_seedable : bool
        Whether the same seed of the global random generators gives the same result.
    """

    value: T
    is_random: bool
    is_seedable: bool


@contextmanager
def seeded(*key: Hashable) -> Iterator[None]:
    """Seed the global random generators of Python, NumPy and torch in a block, and restore them afterwards.

    Parameters
    ----------
    *key : str or int
        Values that determine the seed.
    """
    seed = int(digest(*key)[:8], 16)
    torch = sys.modules.get("torch")
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    torch_state = torch and torch.get_rng_state()
    cuda_states = torch.cuda.get_rng_state_all() if torch and torch.cuda.is_initialized() else None
    try:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        if torch:
            torch.manual_seed(seed)
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        if torch:
            torch.set_rng_state(torch_state)
        if torch and cuda_states is not None:
            torch.cuda.set_rng_state_all(cuda_states)


def observe(compute: Callable[[], T], *, tolerance: float = TOLERANCE) -> Observation[T]:
    """Run a computation two or three times with fixed seeds, and observe whether its result is random.

    Parameters
    ----------
    compute : callable
        Function that returns an image, an array, a tensor, or containers of these.
    tolerance : float
        See :func:`differ`.

    Returns
    -------
    Observation
    """
    with seeded("observed", 0):
        before = generator_states()
        first = compute()
        after = generator_states()
        # A generator that appears during the run, such as the generator of CUDA, has no state to compare with.
        drew = any(after[name] != state for name, state in before.items())
    with seeded("observed", 1):
        second = compute()
    if not drew and not differ(first, second, tolerance):
        return Observation(first, False, True)
    with seeded("observed", 0):
        third = compute()
    return Observation(first, True, not differ(first, third, tolerance))


def differ(first: Any, second: Any, tolerance: float = TOLERANCE) -> bool:
    """Return whether two results differ by more than rounding.

    Parameters
    ----------
    first, second : image, array, tensor, or containers of these
    tolerance : float
        Largest absolute difference that counts as rounding, as a fraction of the largest absolute value.
    """
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() != second.keys() or any(
            differ(first[key], second[key], tolerance) for key in first
        )
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) != len(second) or any(
            differ(one, other, tolerance) for one, other in zip(first, second, strict=True)
        )
    one, other = _array(first), _array(second)
    if one is None or other is None:
        return False
    if one.shape != other.shape or not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return True
    finite = np.isfinite(one)
    if not finite.any():
        return False
    largest = max(np.abs(one[finite]).max(), np.abs(other[finite]).max())
    return bool(np.abs(one[finite] - other[finite]).max() > tolerance * largest)


def check_rows(
    run: Callable[[NDArray[np.float32]], Any],
    image: NDArray[np.float32],
    value: NDArray[np.float64],
    *,
    identifier: str,
    n_images: int,
    batch_size: int,
) -> bool:
    """Check on the first batch whether a function is random, and that it treats every image independently.

    Parameters
    ----------
    run : callable
        Function that returns a row for each image.
    image : array, shape (1, …)
        Last image of the first batch: the first one can have position 0 both there and alone.
    value : array
        Row that `run` returned for the image within the batch.
    identifier : str
        Name of the model, for messages.
    n_images : int
        Number of images in the first batch.
    batch_size : int
        Number of images in a batch.

    Returns
    -------
    bool
        Whether the values are random. If they are, a warning is issued.

    Raises
    ------
    ModelError
        If the values of one image depend on the other images of its batch.
    """
    try:
        seen = observe(lambda: as_numbers(run(image.copy()), np.float64))
    except Exception as error:  # functions of users raise nearly anything
        warnings.warn(
            f"{identifier} fails on one image alone ({type(error).__name__}), so nothing could check whether its "
            "latents repeat and depend on one image each",
            NeuroalignWarning,
            stacklevel=2,
        )
        return False
    if seen.is_random:
        warnings.warn(
            f"{identifier} draws random numbers: one image has other latents in every run, and they are not cached; "
            "let the model seed a generator of its own",
            NeuroalignWarning,
            stacklevel=2,
        )
        return True
    if batch_size > 1 and differ(np.ravel(seen.value), np.ravel(value)):
        raise ModelError(
            f"{identifier} gives an image other latents in a batch of {n_images} than alone, so they depend on "
            "the other images or on its place; let it treat each image by itself, or give batch_size=1"
        )
    return False


def generator_states() -> dict[str, Any]:
    """Return the states of the global random generators that exist at present, by the name of their library."""
    torch = sys.modules.get("torch")
    numpy_state: Any = np.random.get_state()  # noqa: NPY002
    states: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": (numpy_state[1].tobytes(), *numpy_state[2:]),
    }
    if torch:
        states["torch"] = torch.get_rng_state().numpy().tobytes()
        if torch.cuda.is_initialized():
            states["cuda"] = [state.numpy().tobytes() for state in torch.cuda.get_rng_state_all()]
    return states


def _array(value: Any) -> NDArray[np.float64] | None:
    """Return the numbers of an image, array or tensor; None for other objects."""
    torch = sys.modules.get("torch")
    if torch and isinstance(value, torch.Tensor):
        value = value.detach().cpu().double().numpy()
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
