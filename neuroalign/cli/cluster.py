"""Options of the commands that can run their jobs on a cluster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuroalign.errors import UsageError

if TYPE_CHECKING:
    from neuroalign.jobs import Backend


@dataclass(frozen=True)
class ClusterOptions:
    """Cluster that a command runs its jobs on.

    Parameters
    ----------
    backend : {"dask", "ray"} or None
        None for this machine.
    address : str
        Address of the cluster.

    Raises
    ------
    UsageError
        If only one of the two is given.
    """

    backend: "Backend | None" = None
    address: str = ""

    def __post_init__(self) -> None:
        if self.address and self.backend is None:
            raise UsageError("--address needs --backend dask or --backend ray")
        if self.backend is not None and not self.address:
            raise UsageError(f"--backend {self.backend} needs --address, the address of a running cluster")

    def join(self, *, folders: Sequence[Path] = ()) -> None:
        """Run jobs on the cluster until the command ends; see :func:`neuroalign.jobs.cluster`."""
        if self.backend is not None:
            from neuroalign.jobs import cluster

            joining = cluster(self.backend, self.address, folders=folders)
            click.get_current_context().with_resource(joining)


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a cluster to a command, which gets them as the argument ``on``."""

    @wraps(command)
    def call(*, backend: "Backend | None", address: str, **arguments: Any) -> Any:
        return command(**arguments, on=ClusterOptions(backend, address))

    for option in reversed(_OPTIONS):
        call = option(call)
    return call


_OPTIONS = (
    click.option(
        "--backend",
        type=click.Choice(["dask", "ray"]),
        help="Run the jobs on a cluster, as many as its workers have threads. The workers must share the folder "
        "NEUROALIGN_HOME.",
    ),
    click.option(
        "--address",
        default="",
        metavar="ADDRESS",
        help="Address of the scheduler of Dask or of the head node of Ray, or the scheduler file of Dask.",
    ),
)
