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
        self._adam = torch.optim.Adam(self._network.parameters(), fused=True, capturable=self.captures)
        if self.captures:
            # A graph reads the learning rate from the device, and the state must exist before the first step.
            self._static["rate"] = self._adam.param_groups[0]["lr"] = torch.zeros((), device=self.device)
            self.load(0, self.state(0), 0)

    def _write_rates(self, steps: Sequence[int]) -> None:
        [rate] = self._rates(steps)
        if self.captures:
            self._write("rate", torch.tensor(rate, dtype=torch.float32))
        else:
            self._adam.param_groups[0]["lr"] = rate

    def _compute(self) -> Results:
        self._adam.zero_grad(set_to_none=True)
        measured = self._objective.measure(self._network, *(values[0] for values in self._gather()))
        means = {name: values.mean(dim=0, keepdim=True) for name, values in measured.items()}
        values = self._values(means)
        (-values).sum().backward()
        self._adam.step()
        return values.detach(), _detached(means)

    def _changed(self) -> list[Tensor]:
        steps = [moments["step"] for moments in self._adam.state.values()]
        return [*self.state(0).values(), *steps]

    def state(self, instance: int) -> dict[str, Tensor]:
        """Return parameters and moments of gradients."""
        state = {}
        for name, parameter in self._network.named_parameters():
            state[f"network.{name}"] = parameter.detach()
            moments = self._adam.state[parameter]
            for moment in _MOMENTS:
                state[f"{moment}.{name}"] = moments.get(moment, torch.zeros_like(parameter)).detach()
        return state

    def load(self, instance: int, state: Mapping[str, Tensor], step: int) -> None:
        """Continue from the result of :meth:`state`."""
        with torch.no_grad():
            for name, parameter in self._network.named_parameters():
                parameter.copy_(state[f"network.{name}"])
                # The fused optimiser reads memory in order, so moments need the layout of the parameter.
                self._adam.state[parameter] = {
                    "step": torch.tensor(float(step), device=parameter.device),
                    **{
                        moment: torch.empty_like(parameter).copy_(state[f"{moment}.{name}"])
                        for moment in _MOMENTS
                    },
                }
        if self._replayed is not None:
            self._replayed.forget()


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
        first = dict(self.networks[0].named_parameters())
        self._shapes = {name: parameter.shape for name, parameter in first.items()}
        # One row for each instance with all of its parameters, one after another.
        rows = [
            torch.cat([parameter.detach().flatten() for parameter in network.parameters()])
            for network in self.networks
        ]
        self._parameters = torch.stack(rows)
        self._moments = {name: torch.zeros_like(self._parameters) for name in _MOMENTS}
        network = deepcopy(self.networks[0])
        if products or (products is None and self.device.type == "cuda"):
            convolve_by_products(network)
        self._measured = _Measured(self.objectives[0], network)
        stacked = self._unflatten(self._parameters)
        for index, own in enumerate(self.networks):
            for name, parameter in own.named_parameters():
                parameter.data = stacked[name][index]
        self._stacked = {f"network.{name}": value.requires_grad_() for name, value in stacked.items()}
        self._fused = _FusedAdam(self._parameters, self._moments) if self.captures else None

    def _write_rates(self, steps: Sequence[int]) -> None:
        if self._fused is not None:
            for name, value in self._fused.schedules(self.objectives, steps).items():
                self._write(name, value)
            return
        done = np.asarray(steps, dtype=np.float64) + 1
        self._write("rates", self._tensor(np.asarray(self._rates(steps)) / (1 - _DECAY**done))[:, None])
        self._write("correction", self._tensor(np.sqrt(1 - _SQUARE_DECAY**done))[:, None])

    def _compute(self) -> Results:
        def measure(parameters: dict[str, Tensor], *inputs: Tensor) -> Any:
            return functional_call(self._measured, parameters, inputs)

        means: dict[str, Tensor] = vmap(measure)(self._stacked, *self._gather())
        values = self._values(means)
        gradients = torch.autograd.grad((-values).sum(), list(self._stacked.values()))
        flat = torch.cat([gradient.flatten(1) for gradient in gradients], dim=1)
        if self._fused is None:
            self._adam(flat)
        else:
            self._fused.step(flat, self._static)
        return values.detach(), _detached(means)

    @torch.no_grad()
    def _adam(self, gradients: Tensor) -> None:
        """Do algorithm 1 of Kingma & Ba (2015), with its own learning rate and number of steps for each row."""
        mean, square = self._moments.values()
        mean.lerp_(gradients, 1 - _DECAY)
        square.mul_(_SQUARE_DECAY).addcmul_(gradients, gradients, value=1 - _SQUARE_DECAY)
        rates, correction = self._static["rates"], self._static["correction"]
        self._parameters.sub_(rates * mean / (square.sqrt() / correction).add_(_EPSILON))

    def _changed(self) -> list[Tensor]:
        return [self._parameters, *self._moments.values()]

    def state(self, instance: int) -> dict[str, Tensor]:
        """Return parameters and moments of gradients."""
        flat = {"network": self._parameters, **self._moments}
        return {
            f"{kind}.{name}": value[instance]
            for kind, values in flat.items()
            for name, value in self._unflatten(values).items()
        }

    def load(self, instance: int, state: Mapping[str, Tensor], step: int) -> None:
        """Continue from the result of :meth:`state`."""
        for name, value in self.state(instance).items():
            value.copy_(state[name])

    def _unflatten(self, flat: Tensor) -> dict[str, Tensor]:
        """View rows of parameters as the parameters, each of shape (n_instances, …)."""
        sizes = [shape.numel() for shape in self._shapes.values()]
        pieces = flat.split(sizes, dim=1)
        return {
            name: piece.view(-1, *shape)
            for (name, shape), piece in zip(self._shapes.items(), pieces, strict=True)
        }


class _FusedAdam:
    """Adam of torch in one kernel, on the rows of a matrix of parameters.

    The kernel has one learning rate, so there is one call for all rows with the same rate at every step.

    Parameters
    ----------
    parameters : tensor of shape (n_instances, n_parameters)
    moments : mapping of name to tensor of the same shape
    """

    def __init__(self, parameters: Tensor, moments: Mapping[str, Tensor]) -> None:
        self._parameters, self._moments = parameters, moments
        self._rows: dict[str, list[int]] = {}

    def schedules(self, objectives: Sequence[Objective[Any]], steps: Sequence[int]) -> dict[str, Tensor]:
        """Return learning rate and number of the step of each call, by the names that :meth:`step` reads."""
        if not self._rows:
            keys = [
                (recipe.learning_rate, recipe.warmup, recipe.cooldown, recipe.steps, step)
                for recipe, step in zip((own.recipe for own in objectives), steps, strict=True)
            ]
            for index, key in enumerate(keys):
                self._rows.setdefault(str(keys.index(key)), []).append(index)
        numbers = {}
        for name, (row, *_) in self._rows.items():
            rate = objectives[row].recipe.learning_rate_at(steps[row])
            numbers[f"rate.{name}"] = torch.tensor(rate, dtype=torch.float32)
            numbers[f"done.{name}"] = torch.tensor(steps[row] + 1, dtype=torch.float32)
        return numbers

    @torch.no_grad()
    def step(self, gradients: Tensor, static: Mapping[str, Tensor]) -> None:
        """Change the parameters by their gradients, of the same shape."""
        mean, square = self._moments.values()
        for name, rows in self._rows.items():
            torch._fused_adam_(
                [self._parameters[row] for row in rows],
                [gradients[row] for row in rows],
                [mean[row] for row in rows],
                [square[row] for row in rows],
                [],
                [static[f"done.{name}"]] * len(rows),
                lr=static[f"rate.{name}"],
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
