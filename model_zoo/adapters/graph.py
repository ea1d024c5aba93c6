"""The graph of a torch module: every operation of its forward pass, by name, also those that are no modules."""

import math
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neuroalign.errors import ModelError
from neuroalign.model_zoo.adapters.checks import one_line

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Graph:
    """The operations of a module.

    Parameters
    ----------
    module : torch.fx.GraphModule
        It shares the weights of the module that was traced.
    names : dict of str to str
        Names of the operations, in the order in which they run, each with the name that torch.fx has
        for it. An operation is named after the module that it is in and what it does, with a number from
        the second on: ``layer1.0.add``, ``layer1.0.relu_1``.
    """

    module: "torch.fx.GraphModule"
    names: dict[str, str]

    def run(self, batch: "torch.Tensor", *, nodes: Set[str], keep: Callable[[str, Any], None]) -> Any:
        """Run the module on a batch, and hand each of some nodes' outputs over as soon as it is there.

        An operation that writes in place would change it later.
        """
        from torch.fx import Interpreter

        wanted = {self.names[name]: name for name in nodes}

        class Listening(Interpreter):
            def run_node(self, n: Any) -> Any:
                output = super().run_node(n)
                if n.name in wanted:
                    keep(wanted[n.name], output)
                return output

        return Listening(self.module).run(batch)


def trace(module: "torch.nn.Module") -> Graph:
    """Find the operations of a module in evaluation mode.

    Names are those of torchvision's feature extraction; modules that timm says cannot be traced count as
    one operation.

    Raises
    ------
    ModelError
        If the module's forward pass depends on its input's values, or takes something else than a batch.
    """
    import torchvision
    from timm.models import get_notrace_functions, get_notrace_modules
    from torch.fx import GraphModule
    from torchvision.models.feature_extraction import NodePathTracer

    tracer = NodePathTracer(
        autowrap_modules=(math, torchvision.ops),
        autowrap_functions=tuple(get_notrace_functions()),
        leaf_modules=get_notrace_modules(),
    )
    try:
        with evaluating(module):
            graph = tracer.trace(module)
    except Exception as error:
        raise ModelError(
            f"the graph of {type(module).__name__} cannot be traced ({one_line(error)}); choose a module"
        ) from error
    names = {name: node.name for node, name in tracer.node_to_qualname.items()}
    return Graph(GraphModule(module, graph), names)


@contextmanager
def evaluating(module: "torch.nn.Module") -> Iterator[None]:
    """Put a module into evaluation mode, and each submodule back into its own mode after."""
    modes = [(each, each.training) for each in module.modules()]
    try:
        try:
            module.eval()
        except NotImplementedError:  # exported programs refuse it
            for each, _ in modes:
                each.training = False
        yield
    finally:
        for each, training in modes:
            each.training = training
