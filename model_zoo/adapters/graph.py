"""Graph of a torch module: all operations of its forward pass by name, including operations outside modules."""

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
    """Operations of a module.

    Parameters
    ----------
    module : torch.fx.GraphModule
        Module with the weights of the traced module.
    names : dict of str to str
        Names of the operations, in the order in which they run, each with its name in torch.fx. An operation is named
        after its module and its function, with a number from the second one on: ``layer1.0.add``,
        ``layer1.0.relu_1``.
    """

    module: "torch.fx.GraphModule"
    names: dict[str, str]

    def run(self, batch: "torch.Tensor", *, nodes: Set[str], keep: Callable[[str, Any], None]) -> Any:
        """Run the module on a batch, and pass the outputs of some nodes to a function.

        Parameters
        ----------
        batch : tensor
        nodes : set of str
            Names of nodes.
        keep : callable
            Called with the name and the output of each node as soon as the node has run, before an operation in place
            can change the output.

        Returns
        -------
        object
            Output of the module.
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
    """Trace the operations of a module in evaluation mode.

    Operations have the names of torchvision's feature extraction. A module that timm declares untraceable is one
    operation.

    Raises
    ------
    ModelError
        If the forward pass depends on the values of its input, or needs other arguments than a batch.
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
    """Put a module into evaluation mode, and afterwards each submodule back into its own mode."""
    modes = [(submodule, submodule.training) for submodule in module.modules()]
    try:
        try:
            module.eval()
        except NotImplementedError:  # exported programs refuse it
            for submodule, _ in modes:
                submodule.training = False
        yield
    finally:
        for submodule, training in modes:
            submodule.training = training
