"""Computations that a GPU repeats without the host: they are captured once in a CUDA graph and replayed.

Importing this module imports torch.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

#: Runs before a capture, in which libraries choose kernels and allocate work space.
WARM_UPS = 3

T = TypeVar("T")


class Backend(Protocol):
    """Captures a computation."""

    def warm_up(self, compute: Callable[[], object], n_runs: int) -> None:
        """Run a computation a few times, apart from the work before and after it."""

    def capture(self, compute: Callable[[], T]) -> tuple[Callable[[], None], T]:
        """Record a computation without a run of it; return the function that replays it, and its static results."""


class CudaGraphs:
    """Captures in CUDA graphs of torch."""

    def warm_up(self, compute: Callable[[], object], n_runs: int) -> None:
        """Run a computation a few times on a stream of its own, as torch asks for."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(n_runs):
                compute()
        torch.cuda.current_stream().wait_stream(stream)

    def capture(self, compute: Callable[[], T]) -> tuple[Callable[[], None], T]:
        """Record a computation in a graph."""
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the GPU at the same time.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            results = compute()
        return graph.replay, results


class Replayed(Generic[T]):
    """A computation that is captured before its first run.

    Every run is a replay, so that all steps of a training use the same kernels, before and after an interruption. Runs
    before the capture are undone.

    Parameters
    ----------
    compute : callable
        Computation that reads and writes tensors at fixed places in memory, and waits for nothing.
    state : callable
        Function that returns the tensors that the computation changes and reads again, for the copy before the capture.
    backend : Backend
    """

    def __init__(
        self, compute: Callable[[], T], state: Callable[[], Sequence[Tensor]], backend: Backend
    ) -> None:
        self._compute, self._state, self._backend = compute, state, backend
        self._captured: tuple[Callable[[], None], T] | None = None

    def __call__(self) -> T:
        """Run the computation; its results stay valid until the next run."""
        if self._captured is None:
            tensors = self._state()
            before = [tensor.clone() for tensor in tensors]
            self._backend.warm_up(self._compute, WARM_UPS)
            with torch.no_grad():
                for tensor, value in zip(tensors, before, strict=True):
                    tensor.copy_(value)
            self._captured = self._backend.capture(self._compute)
        replay, results = self._captured
        replay()
        return results


class Reruns:
    """Replays without graphs, on any device: a replay computes again, and copies the results to their fixed place.

    Everything that a capture asks of a computation can so be tested on a CPU.
    """

    def __init__(self) -> None:
        self._last: Any = None

    def warm_up(self, compute: Callable[[], object], n_runs: int) -> None:
        """Run a computation a few times."""
        for _ in range(n_runs):
            self._last = compute()

    def capture(self, compute: Callable[[], T]) -> tuple[Callable[[], None], T]:
        """Keep a computation and the place of its results, without a run."""
        static, (places, _) = self._last, tree_flatten(self._last)

        def replay() -> None:
            for place, value in zip(places, tree_flatten(compute())[0], strict=True):
                place.copy_(value)

        return replay, static
