"""Random subsets of the recorded neurons: the ceiling of Higgins et al. (2020)."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice
from math import comb
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignWarning, UsageError, unknown_name
from neuroalign.model_zoo.neurons import NeuronModel
from neuroalign.models.model import ModelFamily
from neuroalign.validation import NonNegative, check_value


class NeuronSubset(ModelFamily):
    """Random subsets of the neurons of the scored dataset.

    Five sizes are drawn without replacement from 10 to 50, and ten subsets of each size: 50 instances,
    ``neuron_subset[n=23,seed=0]`` and so on. With 50 neurons or fewer, the largest size is the number of neurons
    minus one; with fewer than 15, the smallest size is 2. Subsets of one size are all different, so there are fewer
    than ten where fewer exist. Subsets of different sizes are drawn independently. A note on the scores reports sizes
    that a small recording changes; :meth:`available` replaces the sizes that a study asks for.

    References
    ----------
    Higgins et al. (2020), arXiv:2006.14304, Methods, "Baselines".
    """

    identifier = "neuron_subset"
    is_ceiling: ClassVar[bool] = True
    fitted_to: ClassVar[Literal["stimuli", "nothing"]] = "nothing"

    #: Number of sizes, their bounds, the seed that draws them, and the number of subsets of each size.
    n_sizes: ClassVar[int] = 5
    smallest: ClassVar[int] = 10
    largest: ClassVar[int] = 50
    sizes_seed: ClassVar[int] = 0
    n_subsets: ClassVar[int] = 10

    def grid(self, dataset: Dataset | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the size and the seed of each subset.

        Parameters
        ----------
        dataset : Dataset
            Dataset to be scored.

        Raises
        ------
        UsageError
            Without a dataset, or if the dataset has fewer than three neurons.
        """
        n_neurons = len(_neuroids(self._require(dataset)))
        return [{"n": n, "seed": seed} for n in self._sizes(n_neurons) for seed in self._seeds(n_neurons, n)]

    def instance(self, dataset: Dataset | None = None, **options: Any) -> NeuronModel:
        """Return the subset of n neurons that a seed (by default 0) draws.

        Parameters
        ----------
        dataset : Dataset
            Dataset to be scored.
        **options
            ``n``, the number of neurons, is required; ``seed`` is optional.

        Raises
        ------
        UsageError
            Without a dataset or n, or if n is larger than the number of neurons.
        """
        for option in options:
            if option not in ("n", "seed"):
                raise unknown_name(f"option of {self.identifier}", option, ("n", "seed"))
        dataset = self._require(dataset)
        neuroids = _neuroids(dataset)
        n, seed = options.get("n"), options.get("seed", 0)
        if not isinstance(n, int) or not 1 <= n <= len(neuroids):
            raise UsageError(f"{self.identifier} needs n from 1 to {len(neuroids)} neurons, got {n!r}")
        check_value(seed, NonNegative, "seed", owner=self.identifier)
        drawn = _draw(len(neuroids), n, seed)
        notes = []
        if len(neuroids) <= self.largest:
            sizes = self._possible_sizes(len(neuroids))
            notes.append(
                f"{dataset.identifier} has {len(neuroids)} neurons, so subsets have {sizes[0]} to {sizes[-1]} neurons "
                f"instead of {self.smallest} to {self.largest}"
            )
        return NeuronModel(
            dataset, self.instance_identifier(n=n, seed=seed), neuroids=neuroids[drawn], notes=notes
        )

    def available(
        self, wanted: Sequence[Mapping[str, Any]], dataset: Dataset | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Return sizes and seeds of subsets that a dataset allows, in place of the wanted ones.

        Parameters
        ----------
        wanted : sequence of mapping
            Options ``n``, the number of neurons, and optionally ``seed``.
        dataset : Dataset
            Dataset to be scored.

        Returns
        -------
        sequence of mapping
            A subset leaves out at least one neuron. Larger sizes are replaced, with a warning, by the same number of
            the largest possible sizes, from two neurons up, that are not among the wanted ones. Each new size has as
            many seeds as the size that it replaces: the first seeds with subsets that differ.

        Raises
        ------
        UsageError
            Without a dataset, or if the dataset has fewer than three neurons.
        """
        dataset = self._require(dataset)
        n_neurons = len(_neuroids(dataset))
        sizes = list(dict.fromkeys(options.get("n") for options in wanted))
        too_large = [n for n in sizes if isinstance(n, int) and n >= n_neurons]
        if not too_large:
            return wanted
        free = [n for n in range(2, n_neurons) if n not in sizes][-len(too_large) :]
        fitting = [dict(options) for options in wanted if options.get("n") not in too_large]
        for n, replaced in zip(free, too_large, strict=False):
            n_seeds = sum(options.get("n") == replaced for options in wanted)
            fitting += [{"n": n, "seed": seed} for seed in islice(self._seeds(n_neurons, n), n_seeds)]
        warnings.warn(
            f"{dataset.identifier} has {n_neurons} neurons, too few for subsets of {_list(too_large)}: "
            + (f"subsets of {_list(free)} stand in for these" if free else "these are left out"),
            NeuroalignWarning,
            stacklevel=2,
        )
        return sorted(fitting, key=lambda options: (options["n"], options.get("seed", 0)))

    def _require(self, dataset: Dataset | None) -> Dataset:
        if dataset is None:
            raise UsageError(
                f"{self.identifier} takes its units from the neurons that are scored: give the dataset, "
                f"as in load_model({self.identifier!r}, dataset=...), or use neurons:DATASET"
            )
        n_neurons = dataset.recording.sizes["neuroid"]
        if n_neurons < 3:
            raise UsageError(
                f"{self.identifier} draws from at least 3 neurons; {dataset.identifier} has {n_neurons}"
            )
        return dataset

    def _sizes(self, n_neurons: int) -> list[int]:
        possible = self._possible_sizes(n_neurons)
        rng = np.random.default_rng(self.sizes_seed)
        drawn = rng.choice(possible, min(self.n_sizes, len(possible)), replace=False)
        return sorted(drawn.tolist())

    def _possible_sizes(self, n_neurons: int) -> NDArray[np.int64]:
        largest = min(self.largest, n_neurons - 1)
        smallest = self.smallest if largest - self.smallest + 1 >= self.n_sizes else 2
        return np.arange(smallest, largest + 1)

    def _seeds(self, n_neurons: int, n: int) -> Iterator[int]:
        """Yield seeds with subsets that differ, from 0 up."""
        wanted = min(self.n_subsets, comb(n_neurons, n))
        seen: set[tuple[int, ...]] = set()
        for seed in count():
            subset = tuple(_draw(n_neurons, n, seed).tolist())
            if subset not in seen:
                seen.add(subset)
                yield seed
            if len(seen) == wanted:
                return


def _list(sizes: Sequence[int]) -> str:
    return " and ".join(filter(None, [", ".join(map(str, sizes[:-1])), str(sizes[-1])]))


def _neuroids(dataset: Dataset) -> NDArray[np.str_]:
    # Sorted, so that a subset does not depend on the order of the neurons in a file.
    return np.sort(dataset.recording["neuroid_id"].values.astype(str))


def _draw(n_neurons: int, n: int, seed: int) -> NDArray[np.int64]:
    # The size is part of the seed: otherwise small subsets would be parts of large ones.
    return np.sort(np.random.default_rng([seed, n]).choice(n_neurons, n, replace=False))
