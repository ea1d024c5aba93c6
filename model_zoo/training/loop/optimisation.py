"""Optimisation steps of Adam for one network, or for several networks that are computed as one.

A batch of 16 small images does not use a GPU fully. So networks of one shape are stacked: every layer becomes one
batched matrix product or one grouped convolution, with a group for each instance. Instances do not influence each
other, except that sums are rounded in another order.

Importing this module imports torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from neuroalign.model_zoo.training.objectives.base import Objective

# Defaults of torch's Adam.
_DECAY, _SQUARE_DECAY = 0.9, 0.999
_EPSILON = 1e-8
_MOMENTS = ("exp_avg", "exp_avg_sq")


class Optimisation(ABC):
    """Optimisation of one or several instances, a step at a time.

    Parameters
    ----------
    objectives : sequence of Objective
        Objective of each instance, on the same images.
    networks : sequence of torch.nn.Module
        Network of each instance, on the device of the images. Training changes their parameters in place.
    """

    def __init__(self, objectives: Sequence[Objective[Any]], networks: Sequence[nn.Module]) -> None:
        self.objectives, self.networks = tuple(objectives), tuple(networks)

    @abstractmethod
    def step(self, steps: Sequence[int]) -> tuple[Tensor, dict[str, Tensor]]:
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
            Measurements averaged over the batch.
        """

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

    def _rates(self, steps: Sequence[int]) -> list[float]:
        return [
            objective.recipe.learning_rate_at(step)
            for objective, step in zip(self.objectives, steps, strict=True)
        ]

    def _values(self, means: Mapping[str, Tensor]) -> Tensor:
        """Return the value of each objective, shape (n_instances,)."""
        weights = [objective.weights for objective in self.objectives]
        weighted = []
        for name in weights[0]:
            mean = means[name].flatten(1).sum(dim=1) if means[name].dim() > 1 else means[name]
            weighted.append(_tensor([own[name] for own in weights], mean) * mean)
        return torch.stack(weighted).sum(dim=0)


class Alone(Optimisation):
    """Optimisation of one instance by torch's fused Adam."""

    def __init__(self, objectives: Sequence[Objective[Any]], networks: Sequence[nn.Module]) -> None:
        super().__init__(objectives, networks)
        [self._objective], [self._network] = self.objectives, self.networks
        self._adam = torch.optim.Adam(self._network.parameters(), fused=True)

    def step(self, steps: Sequence[int]) -> tuple[Tensor, dict[str, Tensor]]:
        """Train the instance on its next batch."""
        [step], [rate] = steps, self._rates(steps)
        for group in self._adam.param_groups:
            group["lr"] = rate
        self._adam.zero_grad(set_to_none=True)
        measured = self._objective.measure(self._network, *self._objective.inputs(step))
        means = {name: values.mean(dim=0, keepdim=True) for name, values in measured.items()}
        values = self._values(means)
        (-values).sum().backward()
        self._adam.step()
        return values.detach(), _detached(means)

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


class Together(Optimisation):
    """Optimisation of several instances as one batched network, with Adam on all of their parameters."""

    def __init__(self, objectives: Sequence[Objective[Any]], networks: Sequence[nn.Module]) -> None:
        super().__init__(objectives, networks)
        first = dict(self.networks[0].named_parameters())
        self._shapes = {name: parameter.shape for name, parameter in first.items()}
        # One row for each instance with all of its parameters, one after another.
        rows = [
            torch.cat([parameter.detach().flatten() for parameter in network.parameters()])
            for network in self.networks
        ]
        self._parameters = torch.stack(rows)
        self._moments = {name: torch.zeros_like(self._parameters) for name in _MOMENTS}
        stacked = self._unflatten(self._parameters)
        for index, network in enumerate(self.networks):
            for name, parameter in network.named_parameters():
                parameter.data = stacked[name][index]
        self._stacked = {f"network.{name}": value.requires_grad_() for name, value in stacked.items()}
        self._measured = _Measured(self.objectives[0], self.networks[0])

    def step(self, steps: Sequence[int]) -> tuple[Tensor, dict[str, Tensor]]:
        """Train each instance on its next batch."""
        drawn = [objective.draw(step) for objective, step in zip(self.objectives, steps, strict=True)]
        inputs = self.objectives[0].gather(*(torch.stack(tensors) for tensors in zip(*drawn, strict=True)))

        def measure(parameters: dict[str, Tensor], *inputs: Tensor) -> Any:
            return functional_call(self._measured, parameters, inputs)

        means: dict[str, Tensor] = vmap(measure)(self._stacked, *inputs)
        values = self._values(means)
        gradients = torch.autograd.grad((-values).sum(), list(self._stacked.values()))
        self._adam(torch.cat([gradient.flatten(1) for gradient in gradients], dim=1), steps)
        return values.detach(), _detached(means)

    @torch.no_grad()
    def _adam(self, gradients: Tensor, steps: Sequence[int]) -> None:
        """Do algorithm 1 of Kingma & Ba (2015), with its own learning rate and number of steps for each row."""
        mean, square = self._moments.values()
        mean.lerp_(gradients, 1 - _DECAY)
        square.mul_(_SQUARE_DECAY).addcmul_(gradients, gradients, value=1 - _SQUARE_DECAY)
        done = np.asarray(steps, dtype=np.float64) + 1
        rates = _tensor(np.asarray(self._rates(steps)) / (1 - _DECAY**done), mean)[:, None]
        root_correction = _tensor(np.sqrt(1 - _SQUARE_DECAY**done), mean)[:, None]
        self._parameters.sub_(rates * mean / (square.sqrt() / root_correction).add_(_EPSILON))

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


class _Measured(nn.Module):
    """Measurements of an objective with a network, averaged over the batch, as one module."""

    def __init__(self, objective: Objective[Any], network: nn.Module) -> None:
        super().__init__()
        self.objective, self.network = objective, network

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        measured = self.objective.measure(self.network, *inputs)
        return {name: values.mean(dim=0) for name, values in measured.items()}


def _tensor(numbers: Any, like: Tensor) -> Tensor:
    return torch.as_tensor(np.asarray(numbers), dtype=like.dtype).to(like.device)


def _detached(means: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: mean.detach() for name, mean in means.items()}
