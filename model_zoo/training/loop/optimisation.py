"""Steps of Adam on the objective: of one network, or of several that are computed as one.

A batch of 16 small images cannot fill a GPU. So networks of one shape are stacked: every layer becomes one
batched matrix product or one grouped convolution, with a group for each instance. No instance depends on
its company, except that sums are rounded in another order.

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

# Of torch's Adam, by default.
_DECAY, _SQUARE_DECAY = 0.9, 0.999
_EPSILON = 1e-8
_MOMENTS = ("exp_avg", "exp_avg_sq")


class Optimisation(ABC):
    """What trains one or several instances, a step at a time.

    Parameters
    ----------
    objectives : sequence of Objective
        One for each instance, on the same images.
    networks : sequence of torch.nn.Module
        One for each instance, on the device of the images. Training changes their parameters in place.
    """

    def __init__(self, objectives: Sequence[Objective[Any]], networks: Sequence[nn.Module]) -> None:
        self.objectives, self.networks = tuple(objectives), tuple(networks)

    @abstractmethod
    def step(self, steps: Sequence[int]) -> tuple[Tensor, dict[str, Tensor]]:
        """Train each instance on its next batch.

        Parameters
        ----------
        steps : sequence of int
            The number of the step, counted from 0, of each instance.

        Returns
        -------
        values : tensor of shape (n_instances,)
            Of the objectives, before the step.
        means : dict of name to tensor of shape (n_instances, …)
            What was measured, averaged over the batch.
        """

    @abstractmethod
    def state(self, instance: int) -> dict[str, Tensor]:
        """Return what is needed to go on with an instance; it shares memory with what is trained.

        Returns
        -------
        dict of name to tensor
            ``network.NAME``, ``exp_avg.NAME`` and ``exp_avg_sq.NAME`` for each parameter.
        """

    @abstractmethod
    def load(self, instance: int, state: Mapping[str, Tensor], step: int) -> None:
        """Go on from what :meth:`state` returned.

        Parameters
        ----------
        instance : int
        state : mapping of name to tensor
            Of this or of the other class, on any device.
        step : int
            How many steps the instance has done.

        Raises
        ------
        KeyError, RuntimeError
            If it is of another network.
        """

    def _rates(self, steps: Sequence[int]) -> list[float]:
        return [each.recipe.learning_rate_at(step) for each, step in zip(self.objectives, steps, strict=True)]

    def _values(self, means: Mapping[str, Tensor]) -> Tensor:
        """Return the value of each objective, shape (n_instances,)."""
        weights = [each.weights for each in self.objectives]
        weighted = []
        for name in weights[0]:
            mean = means[name].flatten(1).sum(dim=1) if means[name].dim() > 1 else means[name]
            weighted.append(_tensor([each[name] for each in weights], mean) * mean)
        return torch.stack(weighted).sum(dim=0)


class Alone(Optimisation):
    """One instance, by torch's own fused Adam."""

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
        means = {name: each.mean(dim=0, keepdim=True) for name, each in measured.items()}
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
        """Go on from what :meth:`state` returned."""
        with torch.no_grad():
            for name, parameter in self._network.named_parameters():
                parameter.copy_(state[f"network.{name}"])
                # The fused optimiser walks through memory, so moments need the parameter's layout.
                self._adam.state[parameter] = {
                    "step": torch.tensor(float(step), device=parameter.device),
                    **{
                        moment: torch.empty_like(parameter).copy_(state[f"{moment}.{name}"])
                        for moment in _MOMENTS
                    },
                }


class Together(Optimisation):
    """Several instances as one batched network, with Adam element by element on all of their parameters."""

    def __init__(self, objectives: Sequence[Objective[Any]], networks: Sequence[nn.Module]) -> None:
        super().__init__(objectives, networks)
        first = dict(self.networks[0].named_parameters())
        self._shapes = {name: each.shape for name, each in first.items()}
        # A row for each instance, in which all of its parameters lie one after another.
        rows = [torch.cat([each.detach().flatten() for each in n.parameters()]) for n in self.networks]
        self._parameters = torch.stack(rows)
        self._moments = {name: torch.zeros_like(self._parameters) for name in _MOMENTS}
        stacked = self._unflatten(self._parameters)
        for index, network in enumerate(self.networks):
            for name, parameter in network.named_parameters():
                parameter.data = stacked[name][index]
        self._stacked = {f"network.{name}": each.requires_grad_() for name, each in stacked.items()}
        self._measured = _Measured(self.objectives[0], self.networks[0])

    def step(self, steps: Sequence[int]) -> tuple[Tensor, dict[str, Tensor]]:
        """Train each instance on its next batch."""
        drawn = [each.draw(step) for each, step in zip(self.objectives, steps, strict=True)]
        inputs = self.objectives[0].gather(*(torch.stack(each) for each in zip(*drawn, strict=True)))

        def measure(parameters: dict[str, Tensor], *inputs: Tensor) -> Any:
            return functional_call(self._measured, parameters, inputs)

        means: dict[str, Tensor] = vmap(measure)(self._stacked, *inputs)
        values = self._values(means)
        gradients = torch.autograd.grad((-values).sum(), list(self._stacked.values()))
        self._adam(torch.cat([each.flatten(1) for each in gradients], dim=1), steps)
        return values.detach(), _detached(means)

    @torch.no_grad()
    def _adam(self, gradients: Tensor, steps: Sequence[int]) -> None:
        """Follow Kingma & Ba (2015), algorithm 1, each row with its own learning rate and count of steps."""
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
        """Go on from what :meth:`state` returned."""
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
    """What an objective measures with a network, averaged over the batch, as one module."""

    def __init__(self, objective: Objective[Any], network: nn.Module) -> None:
        super().__init__()
        self.objective, self.network = objective, network

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        measured = self.objective.measure(self.network, *inputs)
        return {name: each.mean(dim=0) for name, each in measured.items()}


def _tensor(numbers: Any, like: Tensor) -> Tensor:
    return torch.as_tensor(np.asarray(numbers), dtype=like.dtype).to(like.device)


def _detached(means: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: each.detach() for name, each in means.items()}
