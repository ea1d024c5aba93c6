"""Site of one dataset, written to a folder."""

import os
from collections.abc import Sequence
from pathlib import Path

from neuroalign.comparison.leaderboard import Correction
from neuroalign.comparison.shipped import store_with_shipped
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_bins import expect_one_window
from neuroalign.errors import NeuroalignError
from neuroalign.reporting.site.dataset_pages import lay_out_dataset, write_dataset
from neuroalign.reporting.site.pages import expect_site_folder, new_site
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.groups import load_benchmarks


def write_site(
    folder: "str | os.PathLike[str]",
    dataset: str | Dataset,
    benchmarks: Sequence[str | Benchmark] | None = None,
    *,
    store: ResultsStore | None = None,
    correction: Correction = "holm",
    over_neurons: bool = True,
    stimulus_pictures: bool | None = None,
    command: str = "",
) -> Path:
    """Write the leaderboards of a dataset as a static site.

    Parameters
    ----------
    folder : path
        New or empty folder, or the folder of an earlier site, which is replaced.
    dataset, benchmarks, store, correction
        As for :func:`neuroalign.comparison.leaderboard.leaderboards`.
    over_neurons : bool
        Whether to test over instances and neurons, too. The pages of the models need the arrays in either case.
    stimulus_pictures : bool, optional
        Whether to show pictures of a few stimuli. By default only pictures that neuroalign rendered, because
        photographs may not be published without the permission of their owners.
    command : str
        Command that the pages name as their origin; empty for a call in Python.

    Returns
    -------
    Path
        Path of the first page. All pages work from the disk without a network.

    Raises
    ------
    UsageError
        If the folder holds files other than a site.
    NeuroalignError
        If nothing has been scored.
    """
    target = expect_site_folder(folder)
    loaded = load_dataset(dataset)
    expect_one_window(loaded)
    store = store or store_with_shipped(loaded.identifier)
    wanted = None if benchmarks is None else load_benchmarks(benchmarks)
    laid_out = lay_out_dataset(
        loaded,
        wanted,
        store,
        correction=correction,
        over_neurons=over_neurons,
        stimulus_pictures=stimulus_pictures,
    )
    if not laid_out.boards:
        raise NeuroalignError(f"nothing has been scored on {loaded.identifier} yet")
    with new_site(target) as temporary:
        write_dataset(temporary, laid_out, store, command=command)
    return target / "index.html"
