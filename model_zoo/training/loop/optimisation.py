"""Optimisation steps of Adam for one network, or for several networks that are computed as one.

A batch of 16 small images does not use a GPU fully. So networks of one shape are stacked: every layer becomes one
batched matrix product or one grouped convolution, with a group for each instance. Instances do not influence each
other, except that sums are rounded in another order.

A step has two parts. The host draws the batch and computes learning rates, and writes them to tensors at fixed places.
The device then computes the step from these tensors alone. A CPU runs this function; a GPU replays it from a graph.

Importing this module imports torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from neuroalign.model_zoo.training.images.draws import Noise
from neuroalign.model_zoo.training.loop.graphs import Backend, CudaGraphs, Replayed
from neuroalign.model_zoo.training.networks.architectures import convolve_by_products
from neuroalign.model_zoo.training.objectives.base import Objective

# Defaults of torch's Adam.
_DECAY, _SQUARE_DECAY = 0.9, 0.999
_EPSILON = 1e-8
_MOMENTS = ("exp_avg", "exp_avg_sq")

#: Values of the objectives, shape (n_instances,), and measurements averaged over the batch, shape (n_instances, …).
Results = tuple[Tensor, dict[str, Tensor]]


class Optimisation(ABC):
    """Optimisation of one or several instances, a step at a time.

    Parameters
    ----------
    objectives : sequence of Objective
        Objective of each instance, on the same images.
    networks : sequence of torch.nn.Module
        Network of each instance, on the device of the images. Training changes their parameters in place.
    graphs : Backend, optional
        Capture of the steps; by default :class:`~neuroalign.model_zoo.training.loop.graphs.CudaGraphs` on an NVIDIA
        GPU, and none elsewhere.
    """

    def __init__(
        self,
        objectives: Sequence[Objective[Any]],
        networks: Sequence[nn.Module],
        *,
        graphs: Backend | None = None,
    ) -> None:
        self.objectives, self.networks = tuple(objectives), tuple(networks)
        first = next(self.networks[0].parameters())
        self.device, self.dtype = self.objectives[0].images.device, first.dtype
        if graphs is None and self.device.type == "cuda":
            graphs = CudaGraphs()
        #: Whether steps are captured; the optimiser then keeps all of its numbers on the device.
        self.captures = graphs is not None
        self._replayed = None if graphs is None else Replayed(self._compute, self._changed, graphs)
        names = list(self.objectives[0].weights)
        self._weights = {
            name: self._tensor([objective.weights[name] for objective in self.objectives]) for name in names
        }
        shape = self.objectives[0].noise_shape
        seeds = [objective.recipe.seed for objective in self.objectives]
        self._noise = None if shape is None else Noise(seeds, shape, self.device)
        self._static: dict[str, Tensor] = {}

    def step(self, steps: Sequence[int]) -> Results:
        """Train each instance on its next batch.

        Parameters
        ----------
        steps : sequence of int
            Number of the step of each instance, counted from 0.

        Returns
        -------
        values : tensor of shape (n_instances,)
            Values of the objectives before the step.
        means : dict of name to tensor of shape (n_instances, …)
            Measurements averaged over the batch. If steps are captured, the next step overwrites them.
        """
        drawn = [objective.draw(step) for objective, step in zip(self.objectives, steps, strict=True)]
        self._write("drawn", torch.stack(drawn))
        if self._noise is not None:
            self._write("noise", self._noise.at(steps).to(self.dtype))
        self._write_rates(steps)
        if self._replayed is None:
            return self._compute()
        values, means = self._replayed()
        return values.clone(), means

    @abstractmethod
    def _compute(self) -> Results:
        """Compute a step from the tensors in ``self._static`` alone."""

    @abstractmethod
    def _write_rates(self, steps: Sequence[int]) -> None:
        """Write the learning rates of a step for :meth:`_compute`."""

    @abstractmethod
    def _changed(self) -> list[Tensor]:
        """Return the tensors that a step changes and the next step reads."""

    @abstractmethod
    def state(self, instance: int) -> dict[str, Tensor]:
        """Return the tensors from which an instance can continue; they share memory with the trained network.

        Returns
        -------
        dict of name to tensor
            ``network.NAME``, ``exp_avg.NAME`` and ``exp_avg_sq.NAME`` for each parameter.
        """

    @abstractmethod
    def load(self, instance: int, state: Mapping[str, Tensor], step: int) -> None:
        """Continue from the result of :meth:`state`.

        Parameters
        ----------
        instance : int
            Index of the instance.
        state : mapping of name to tensor
            State from this or the other class, on any device.
        step : int
            Number of finished steps of the instance.

        Raises
        ------
        KeyError, RuntimeError
            If the state belongs to another network.
        """

    def _write(self, name: str, value: Tensor) -> None:
        """Write a tensor for :meth:`_compute`, at its fixed place in memory if steps are captured."""
        if not self.captures:
            self._static[name] = value.to(self.device)
        elif name not in self._static:
            self._static[name] = value.to(self.device, copy=True)
        else:
            on_host = value.device.type == "cpu" and self.device.type == "cuda"
            # The copy from pinned memory does not make the host wait; torch keeps the memory until it is done.
            source = value.pin_memory() if on_host else value
            self._static[name].copy_(source, non_blocking=True)

    def _gather(self) -> tuple[Tensor, ...]:
        noise = [] if self._noise is None else [self._static["noise"]]
        return *self.objectives[0].gather(self._static["drawn"]), *noise

    def _rates(self, steps: Sequence[int]) -> list[float]:
        return [
            objective.recipe.learning_rate_at(step)
            for objective, step in zip(self.objectives, steps, strict=True)
        ]

    def _values(self, means: Mapping[str, Tensor]) -> Tensor:
        """Return the value of each objective, shape (n_instances,)."""
        weighted = []
        for name, weights in self._weights.items():
            mean = means[name].flatten(1).sum(dim=1) if means[name].dim() > 1 else means[name]
            weighted.append(weights * mean)
        return torch.stack(weighted).sum(dim=0)

    def _tensor(self, numbers: Any) -> Tensor:
        return torch.as_tensor(np.asarray(numbers), dtype=self.dtype).to(self.device)


class Alone(Optimisation):
    """Optimisation of one instance by torch's fused Adam."""

    def __init__(
        self,
        objectives: Sequence[Objective[Any]],
        networks: Sequence[nn.Module],
        *,
        graphs: Backend | None = None,
    ) -> None:
        super().__init__(objectives, networks, graphs=graphs)
        [self._objective], [self._network] = self.objectives, self.networks
        # The fused kernel reads memory in order, so moments have the layout of the parameters.
        self._moments = {
            moment: {name: torch.zeros_like(value) for name, value in self._network.named_parameters()}
            for moment in _MOMENTS
        }

    def _write_rates(self, steps: Sequence[int]) -> None:
        [step], [self._rate] = steps, self._rates(steps)
        self._write("done", torch.tensor(float(step + 1)))
        if self.captures:
            self._write("rate", torch.tensor(self._rate))

    def _compute(self) -> Results:
        parameters = list(self._network.parameters())
        for parameter in parameters:
            parameter.grad = None
        measured = self._objective.measure(self._network, *(values[0] for values in self._gather()))
        means = {name: values.mean(dim=0, keepdim=True) for name, values in measured.items()}
        values = self._values(means)
        (-values).sum().backward()
        gradients = [torch.zeros_like(own) if own.grad is None else own.grad for own in parameters]
        # A captured step reads the learning rate from the device.
        rate = self._static["rate"] if self.captures else self._rate
        moments = [list(tensors.values()) for tensors in self._moments.values()]
        _fused_adam(parameters, gradients, moments, rate, self._static["done"])
        return values.detach(), _detached(means)

    def _changed(self) -> list[Tensor]:
        return list(self.state(0).values())

    def state(self, instance: int) -> dict[str, Tensor]:
        """Return parameters and moments of gradients."""
        parameters = {name: value.detach() for name, value in self._network.named_parameters()}
        kinds = {"network": parameters, **self._moments}
        return {f"{kind}.{name}": value for kind, values in kinds.items() for name, value in values.items()}

    def load(self, instance: int, state: Mapping[str, Tensor], step: int) -> None:
        """Continue from the result of :meth:`state`."""
        for name, value in self.state(instance).items():
            value.copy_(state[name])


class Together(Optimisation):
    """Optimisation of several instances as one batched network, with Adam on all of their parameters.

    Parameters
    ----------
    objectives, networks, graphs
        See :class:`Optimisation`.
    products : bool, optional
        Whether convolutions are matrix products; see :mod:`neuroalign.model_zoo.training.networks.quarters`. By
        default on an NVIDIA GPU.
    """

    def __init__(
        self,
        objectives: Sequence[Objective[Any]],
        networks: Sequence[nn.Module],
        *,
        graphs: Backend | None = None,
        products: bool | None = None,
    ) -> None:
        super().__init__(objectives, networks, graphs=graphs)
        shared = dict(self.networks[0].named_parameters())
        # The parameters of the network that measures are replaced in every call, so they take no memory.
        without: dict[int, Any] = {
            id(value): nn.Parameter(torch.empty_like(value, device="meta")) for value in shared.values()
        }
        network = deepcopy(self.networks[0], without)
        if products or (products is None and self.device.type == "cuda"):
            convolve_by_products(network)
        self._measured = _Measured(self.objectives[0], network)
        own = [dict(network.named_parameters()) for network in self.networks]
        # One tensor for each parameter, so that all matrices are aligned in memory.
        self._parameters = {
            name: torch.stack([values[name].detach().contiguous() for values in own]) for name in shared
        }
        self._moments = {
            moment: {name: torch.zeros_like(value) for name, value in self._parameters.items()}
            for moment in _MOMENTS
        }
        for index, values in enumerate(own):
            for name, parameter in values.items():
                parameter.data = self._parameters[name][index]
        self._stacked = {
            f"network.{name}": value.requires_grad_() for name, value in self._parameters.items()
        }
        # First and last instance of each series with the same learning rate at every step.
        self._series: list[tuple[int, int]] = []

    def _write_rates(self, steps: Sequence[int]) -> None:
        rates = self._rates(steps)
        if not self.captures:
            done = np.asarray(steps, dtype=np.float64) + 1
            self._write("rates", self._tensor(np.asarray(rates) / (1 - _DECAY**done)))
            self._write("correction", self._tensor(np.sqrt(1 - _SQUARE_DECAY**done)))
            return
        if not self._series:
            recipes = [objective.recipe for objective in self.objectives]
            schedules = [
                (recipe.learning_rate, recipe.warmup, recipe.cooldown, recipe.steps, step)
                for recipe, step in zip(recipes, steps, strict=True)
            ]
            starts = [n for n in range(len(steps)) if n == 0 or schedules[n] != schedules[n - 1]]
            self._series = list(zip(starts, [*starts[1:], len(steps)], strict=True))
        for start, _ in self._series:
            self._write(f"rate.{start}", torch.tensor(rates[start]))
            self._write(f"done.{start}", torch.tensor(float(steps[start] + 1)))

    def _compute(self) -> Results:
        def measure(parameters: dict[str, Tensor], *inputs: Tensor) -> Any:
            return functional_call(self._measured, parameters, inputs)

        means: dict[str, Tensor] = vmap(measure)(self._stacked, *self._gather())
        values = self._values(means)
        gradients = torch.autograd.grad((-values).sum(), list(self._stacked.values()))
        kinds = [list(self._parameters.values()), [gradient.contiguous() for gradient in gradients]]
        kinds += [list(moments.values()) for moments in self._moments.values()]
        if self.captures:
            for start, stop in self._series:
                parameters, own, *moments = ([value[start:stop] for value in kind] for kind in kinds)
                rate, done = self._static[f"rate.{start}"], self._static[f"done.{start}"]
                _fused_adam(parameters, own, moments, rate, done)
        else:
            for tensors in zip(*kinds, strict=True):
                self._adam(*tensors)
        return values.detach(), _detached(means)

    @torch.no_grad()
    def _adam(self, parameter: Tensor, gradient: Tensor, mean: Tensor, square: Tensor) -> None:
        """Do algorithm 1 of Kingma & Ba (2015), with its own learning rate and number of steps for each instance."""
        mean.lerp_(gradient, 1 - _DECAY)
        square.mul_(_SQUARE_DECAY).addcmul_(gradient, gradient, value=1 - _SQUARE_DECAY)
        shape = (-1, *(1,) * (mean.dim() - 1))
        rates, correction = (self._static[name].view(shape) for name in ("rates", "correction"))
        parameter.sub_(rates * mean / (square.sqrt() / correction).add_(_EPSILON))

    def _changed(self) -> list[Tensor]:
        moments = [value for values in self._moments.values() for value in values.values()]
        return [*(value.detach() for value in self._parameters.values()), *moments]

    def state(self, instance: int) -> dict[str, Tensor]:
        """Return parameters and moments of gradients."""
        kinds = {"network": self._parameters, **self._moments}
        return {
            f"{kind}.{name}": value.detach()[instance]
            for kind, values in kinds.items()
            for name, value in values.items()
        }

    def load(self, instance: int, state: Mapping[str, Tensor], step: int) -> None:
        """Continue from the result of :meth:`state`."""
        for name, value in self.state(instance).items():
            value.copy_(state[name])


@torch.no_grad()
def _fused_adam(
    parameters: list[Any], gradients: list[Tensor], moments: list[list[Tensor]], rate: Any, done: Tensor
) -> None:
    """Change parameters by the kernel of torch's Adam.

    Parameters
    ----------
    parameters, gradients : list of tensor
    moments : pair of lists of tensor
    rate : float, or tensor on the device
    done : tensor of float32
        Number of the step, counted from 1.
    """
    mean, square = moments
    torch._fused_adam_(
        parameters,
        gradients,
        mean,
        square,
        [],
        [done] * len(parameters),
        lr=rate,
        beta1=_DECAY,
        beta2=_SQUARE_DECAY,
        weight_decay=0.0,
        eps=_EPSILON,
        amsgrad=False,
        maximize=False,
    )


class _Measured(nn.Module):
    """Measurements of an objective with a network, averaged over the batch, as one module."""

    def __init__(self, objective: Objective[Any], network: nn.Module) -> None:
        super().__init__()
        self.objective, self.network = objective, network

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        measured = self.objective.measure(self.network, *inputs)
        return {name: values.mean(dim=0) for name, values in measured.items()}


def _detached(means: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: mean.detach() for name, mean in means.items()}
