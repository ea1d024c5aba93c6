"""Sweeps over the layers of a network: one pass over the stimuli, and a model for each layer.

The units of all layers are written to files during the pass, and are read layer by layer.
"""

import shutil
import uuid
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign import arrays
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError, count_noun
from neuroalign.files.digests import digest
from neuroalign.files.home import private_name
from neuroalign.models.computed import computed_with
from neuroalign.models.fingerprints import remembering_tensors
from neuroalign.models.latents_cache import cached_path
from neuroalign.models.latents_file import BLOCK, gather_latents, memory_budget, place_for_files
from neuroalign.models.layered import LIST, Layered, LayerSelection, stands_for_several
from neuroalign.models.loading import load_model, reduce_model, split_reducers
from neuroalign.models.model import (
    Model,
    ModelFamily,
    Noted,
    Rectified,
    Trained,
    TrainedOnHash,
    fingerprint_of,
)
from neuroalign.validation import checks

_RAW, _CACHED = np.dtype(np.float32), np.dtype(np.float64)
# Part of the free disk that a sweep may take.
_DISK_PART = 0.9


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a sweep.

    Parameters
    ----------
    name : str
        Name of the layer; "" is the network's own output.
    depth : int
        Place among the layers of the sweep in the order in which the network runs them, from 1.
    n_units : int
        Number of units of the layer, before reducers.
    model : Model
        The layer as a model, with the reducers of the sweep. Its name, its latents and their entry in the cache are
        the same as for the layer alone.
    """

    name: str
    depth: int
    n_units: int
    model: Model


class LayerSweep:
    """Layers of a network as models that share one pass over the stimuli.

    Use it as a context manager, so that the files of the pass are deleted at the end.

    Parameters
    ----------
    network : Layered
        Network with patterns of layers.
    stimuli : StimulusSet
        The first stimulus shows which layers the network has.
    reduce : callable, optional
        Function that wraps the model of each layer in reducers.
    identifier : str, optional
        Name of the sweep; by default the name of the network with its patterns.

    Raises
    ------
    UnknownNameError
        If a layer is unknown, or a pattern matches no layer.
    """

    def __init__(
        self,
        network: Layered,
        stimuli: StimulusSet,
        *,
        reduce: Callable[[Model], Model] | None = None,
        identifier: str | None = None,
    ) -> None:
        self.network = network
        self.identifier = identifier or network.identifier
        #: Chosen layers and the reasons why others are left out.
        self.selection: LayerSelection = network.select_layers(stimuli)
        #: Whether the models of the layers have reducers.
        self.is_reduced = reduce is not None
        self._stored: dict[str, dict[str, _Stored]] = {}
        self._folder = place_for_files() / private_name()
        self._finalizer: Any = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        with remembering_tensors():
            self._layers = {name: LayerModel(self, name) for name in self.selection.layers}
            for model in self._layers.values():
                model.remember_fingerprint()
        #: Layers in the order in which the network runs them.
        self.layers: tuple[Layer, ...] = tuple(
            Layer(name, depth, len(self.selection.units[name]), model if reduce is None else reduce(model))
            for depth, (name, model) in enumerate(self._layers.items(), start=1)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete the files of the pass; latents in the cache stay."""
        self._stored.clear()
        if self._finalizer is not None:
            self._finalizer()

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process reads the files, and the original deletes them.
        return {**vars(self), "_finalizer": None}

    def expect_fits(self, stimuli: StimulusSet, layers: Sequence[str] | None = None) -> None:
        """Refuse layers that are too large for the memory or the disk, before the network runs.

        Parameters
        ----------
        stimuli : StimulusSet
        layers : sequence of str, optional
            By default all layers. With reducers, layers may be larger than the memory, because they stay in files.

        Raises
        ------
        UsageError
            With the largest layer, and advice.
        """
        n_units = {name: len(self.selection.units[name]) for name in layers or self.selection.layers}
        budget = memory_budget()
        sizes = {name: len(stimuli) * n * _CACHED.itemsize for name, n in n_units.items()}
        large = [name for name, size in sizes.items() if size > budget and not self.is_reduced]
        needed = sum(sizes.values()) * (_RAW.itemsize + _CACHED.itemsize) / _CACHED.itemsize
        if large:
            widest = max(large, key=sizes.__getitem__)
            many = f"{len(large)} of {count_noun(len(sizes), 'layer')} are too large: "
            problem = (
                f"{many if len(large) > 1 else ''}the layer {widest!r} has {n_units[widest]:,} units, "
                f"{sizes[widest] / 1e9:.2g} GB for {len(stimuli):,} stimuli, and the latents of a layer may take "
                f"{budget / 1e9:.2g} GB"
            )
        elif needed > _DISK_PART * (free := _free_disk()):
            problem = f"the layers take {needed / 1e9:.3g} GB on the disk, and {free / 1e9:.3g} GB are free"
        else:
            return
        advice = self.selection.advice_on_size or "choose other layers"
        raise UsageError(f"{self.identifier}: {problem}; {advice}")

    def extract(self, stimuli: StimulusSet, *, needed: str | None = None, use_cache: bool = True) -> None:
        """Run the network on stimuli in one pass, and write the units of all layers that are not in the cache.

        Parameters
        ----------
        stimuli : StimulusSet
        needed : str, optional
            Layer to write even if the cache has a file of it.
        use_cache : bool
            Whether to leave out layers with latents in the cache.

        Raises
        ------
        UsageError
            If the layers are too large; see :meth:`expect_fits`.
        ModelError
            If the network fails.
        """
        stored = self._stored.setdefault(_key(stimuli), {})
        missing = [
            name
            for name, model in self._layers.items()
            if name not in stored and not (use_cache and name != needed and _is_cached(model, stimuli))
        ]
        if not missing:
            return
        self.expect_fits(stimuli, missing)
        self._folder.mkdir(parents=True, exist_ok=True)
        files = {name: self._folder / uuid.uuid4().hex for name in missing}
        n_units = [len(self.selection.units[name]) for name in missing]
        ids: list[NDArray[np.str_]] = []
        for batch, values in self.network.layer_batches(stimuli, missing):
            ids.append(batch)
            for name, n, value in zip(missing, n_units, values, strict=True):
                if value.shape != (len(batch), n):
                    raise ModelError(
                        f"{self.identifier}: the layer {name!r} has {n:,} units for some images and "
                        f"{value.shape[1]:,} for others; {self.selection.advice_on_size or 'choose another layer'}"
                    )
                # Opened for each batch: a system allows fewer open files than a network has layers.
                with files[name].open("ab") as file:
                    file.write(np.ascontiguousarray(value, dtype=_RAW).tobytes())
        stimulus = np.concatenate(ids)
        stored.update({name: _Stored(files[name], stimulus, self.selection.units[name]) for name in missing})
        for model in self._layers.values():
            model.is_random = model.is_random or fingerprint_of(self.network) is None

    def read(self, stimuli: StimulusSet, layer: str) -> Iterator[xr.DataArray]:
        """Yield the latents of one layer in blocks of stimuli; the first call runs the network.

        Parameters
        ----------
        stimuli : StimulusSet
        layer : str
        """
        if layer not in self._stored.get(_key(stimuli), {}):
            self.extract(stimuli, needed=layer)
        return self._stored[_key(stimuli)][layer].blocks()


@dataclass(frozen=True, eq=False)
class _Stored:
    """Units of one layer in a file of float32, stimulus by stimulus."""

    file: Path
    stimulus: NDArray[np.str_]
    units: NDArray[np.str_]

    def blocks(self) -> Iterator[xr.DataArray]:
        n_rows = max(1, BLOCK // (_CACHED.itemsize * max(1, len(self.units))))
        with self.file.open("rb") as file:
            for start in range(0, len(self.stimulus), n_rows):
                ids = self.stimulus[start : start + n_rows]
                content = file.read(len(ids) * len(self.units) * _RAW.itemsize)
                values = np.frombuffer(content, dtype=_RAW).reshape(len(ids), len(self.units))
                yield arrays.latents(values, stimulus=ids, unit=self.units)


class LayerModel:
    """One layer of a sweep as a model.

    Parameters
    ----------
    sweep : LayerSweep
    layer : str
    """

    def __init__(self, sweep: LayerSweep, layer: str) -> None:
        self._sweep, self.layer = sweep, layer
        self._fingerprint: str | None = None
        #: Whether the pass found random numbers, so that no digest identifies the latents.
        self.is_random = False
        self.identifier = self._alone.identifier

    @property
    def fingerprint(self) -> str | None:
        """Fingerprint of the layer alone, from the beginning of the sweep; None for random latents."""
        return None if self.is_random else self._fingerprint

    @property
    def notes(self) -> Sequence[str]:
        """Notes of the network."""
        return self._alone.notes if isinstance(self._alone, Noted) else ()

    @property
    def computed_with(self) -> dict[str, Any]:
        """Device and precision of the network; empty if unknown."""
        return computed_with(self._alone)

    @property
    def trained_on(self) -> str | None:
        """Name of the stimuli that the network was trained on; None if unknown."""
        return self._alone.trained_on if isinstance(self._alone, Trained) else None

    @property
    def trained_on_hash(self) -> str | None:
        """Content hash of the stimuli that the network was trained on; None if unknown."""
        return self._alone.trained_on_hash if isinstance(self._alone, TrainedOnHash) else None

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Return the latents of the layer; the first call for some stimuli runs the network for all layers."""
        return gather_latents(self.latent_batches(stimuli), stimuli.ids)

    def latent_batches(self, stimuli: StimulusSet) -> Iterator[xr.DataArray]:
        """Yield the latents of the layer in blocks of stimuli."""
        return self._sweep.read(stimuli, self.layer)

    def before_rectification(self, stimuli: StimulusSet) -> xr.DataArray | None:
        """Return the inputs of the rectification behind each unit; None where they are not available."""
        alone = self._alone
        return alone.before_rectification(stimuli) if isinstance(alone, Rectified) else None

    def remember_fingerprint(self) -> None:
        """Compute the fingerprint once: the network does not change during a sweep."""
        self._fingerprint = fingerprint_of(self._alone)

    @cached_property
    def _alone(self) -> Model:
        return self._sweep.network.at(self.layer)


@checks("dataset", "layers")
def load_layers(
    model: "str | Model | ModelFamily", dataset: Dataset, *, layers: str | None = None, **options: Any
) -> LayerSweep:
    """Load the layers of a network that a name with patterns stands for.

    Parameters
    ----------
    model : str or Layered
        Name with layers behind an @, such as ``timm:resnet50@layer*`` or ``timm:resnet50@layer1,layer2+pca[n=50]``,
        or a network with patterns, such as ``na.as_model(module, layer="layer*")``.
    dataset : Dataset
        Dataset to be scored.
    layers : str, optional
        Names and patterns with commas, in place of the layers of `model`.
    **options
        Options of the model; see ``neuroalign.models.loading.load_model``.

    Returns
    -------
    LayerSweep

    Raises
    ------
    UsageError
        If the model has no layers to choose from, or the name has no layers.
    UnknownNameError
        If a layer is unknown, or a pattern matches no layer.

    Examples
    --------
    >>> from neuroalign.models.sweeps import load_layers
    >>> import torch
    >>> from neuroalign import as_model
    >>> from neuroalign.testing import make_dataset
    >>> dataset = make_dataset(n_stimuli=30, n_neurons=4)
    >>> _ = torch.manual_seed(0)
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 5, 3))
    >>> with load_layers(as_model(net, layer="*", pool="mean"), dataset) as sweep:
    ...     print([(layer.depth, layer.name, layer.n_units) for layer in sweep.layers])
    [(1, '0', 4), (2, '1', 4), (3, '2', 5)]
    """
    wrappers, base = split_reducers(model) if isinstance(model, str) else ((), model)
    network = load_model(base, dataset=dataset, **options)
    name = str(model) if isinstance(model, str) else network.identifier
    if not isinstance(network, Layered):
        raise UsageError(
            f"{name} has no layers to choose from; give a network of torch, such as timm:resnet18@layer*"
        )
    if layers is not None:
        # A single name becomes a list of one name.
        network = network.at(layers if stands_for_several(layers) else f"{layers}{LIST}{layers}")
    if not network.layer_patterns:
        raise UsageError(
            f"{name} names no layers with a score of their own; write a pattern or a list behind an @, as in @* or "
            "@layer1,layer2"
        )
    reduce = None
    if wrappers:

        def reduce(inner: Model) -> Model:
            return reduce_model(inner, wrappers)

    return LayerSweep(network, dataset.stimuli, reduce=reduce, identifier=_name_sweep(network, wrappers))


def _name_sweep(network: Layered, wrappers: Sequence[Any]) -> str:
    return "+".join([network.identifier, *map(str, wrappers)])


def _key(stimuli: StimulusSet) -> str:
    return digest(stimuli.content_hash, stimuli.landmarks_hash)


def _is_cached(model: Model, stimuli: StimulusSet) -> bool:
    path = cached_path(model, stimuli)
    return path is not None and path.is_file()


def _free_disk() -> int:
    return shutil.disk_usage(place_for_files()).free
