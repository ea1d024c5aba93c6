"""Candidates of a choice among layers: models with latents that are computed once."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import NeuroalignError, UsageError, name_some
from neuroalign.files.digests import digest
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.layered import Layered, stands_for_several
from neuroalign.models.loading import load_model
from neuroalign.models.model import Model, ModelFamily, fingerprint_of
from neuroalign.models.sweeps import load_layers
from neuroalign.names.syntax import format_spec, parse_spec
from neuroalign.scoring.chance import recorded_latents
from neuroalign.scoring.evaluate import instances_of
from neuroalign.scoring.layers import OUTPUT_NAME
from neuroalign.scoring.provenance import hash_latents, identify_latents

#: A name that lists more letters of models has a digest in place of the list.
LONGEST_LIST = 200

#: A beginning, or end, that names share is cut at these letters only.
BOUNDARIES = "@:[],+/"
#: Latents of a swept layer with more bytes stay in the file of the pass.
MOST_HELD = 2**26

IntArray = NDArray[np.int64]
#: Models among which a choice is made; a name with patterns stands for several layers.
Layers = str | Model | ModelFamily | Sequence[str | Model | ModelFamily]


@dataclass(frozen=True, eq=False)
class Candidate:
    """One of the models of a choice.

    Parameters
    ----------
    model : Model
    family : str
        Name of the family of the model, or of the model.
    is_sample : bool or None
        Whether the family declares its instances as a random sample; None for a single model.
    is_swept : bool
        Whether the latents are in a file of a pass over all layers, from which they can be read again.
    layer : str
        Name of the layer in the network; empty for other models.
    """

    model: Model
    family: str
    is_sample: bool | None
    is_swept: bool = False
    layer: str = ""


@dataclass(frozen=True, eq=False)
class Layer:
    """Candidate that keeps its latents only where they cannot be read again.

    Parameters
    ----------
    candidate : Candidate
    stimuli : StimulusSet
    use_cache : bool
        Whether to read and write cached latents.
    latents_hash : str
        Digest of the latents.
    seconds : float
        Seconds of their computation.
    held : latents or None
        Latents in memory; None where they are in a file.
    """

    candidate: Candidate
    stimuli: StimulusSet
    use_cache: bool
    latents_hash: str
    seconds: float
    held: xr.DataArray | None

    @property
    def model(self) -> Model:
        """The model itself."""
        return self.candidate.model

    @property
    def identifier(self) -> str:
        """Name of the model."""
        return self.model.identifier

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Return the latents of stimuli."""
        if self.held is not None and stimuli is self.stimuli:
            return self.held
        return compute_latents(self.model, stimuli, use_cache=self.use_cache)


class Moved:
    """Layer with the latents of the recorded stimuli in another order.

    Parameters
    ----------
    layer : Model
    dataset : Dataset
    order : array of int, shape (n_stimuli,)
        Order from :func:`neuroalign.scoring.chance.draw_orders`.
    """

    def __init__(self, layer: Model, dataset: Dataset, order: IntArray) -> None:
        self.identifier = layer.identifier
        self._layer, self._dataset, self._order = layer, dataset, order

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Return the latents in the other order."""
        latents = recorded_latents(self._layer.latents(stimuli), self._dataset)
        return latents.copy(data=latents.values[self._order])


@contextmanager
def open_candidates(
    layers: Layers, dataset: Dataset
) -> Iterator[tuple[list[Candidate], str | list[str], dict[str, str]]]:
    """Load the candidates of a choice; files of networks stay until the ``with`` statement ends.

    Parameters
    ----------
    layers : str, Model, ModelFamily, or sequence of them
    dataset : Dataset

    Yields
    ------
    candidates : list of Candidate
    name : str or list of str
        Name of the family or network, or names of the models.
    left_out : dict of str to str
        Layers that a pattern matches and that are left out, with the reasons.

    Raises
    ------
    UsageError
        If there are fewer than two models, or two have one name.
    """
    wanted = list(layers) if isinstance(layers, Sequence) and not isinstance(layers, str) else [layers]
    candidates: list[Candidate] = []
    owners: list[str] = []
    left_out: dict[str, str] = {}
    with ExitStack() as stack:
        for layer in wanted:
            owner = None if names_several_layers(layer) else load_model(layer, dataset=dataset)
            # A name without patterns may stand for a network with patterns.
            if owner is None or names_several_layers(owner):
                sweep = stack.enter_context(load_layers(owner or layer, dataset))
                sweep.extract(dataset.stimuli)
                owners.append(sweep.identifier)
                left_out |= {name or OUTPUT_NAME: reason for name, reason in sweep.selection.left_out.items()}
                candidates += [
                    Candidate(part.model, part.model.identifier, None, True, part.name or OUTPUT_NAME)
                    for part in sweep.layers
                ]
                continue
            owners.append(owner.identifier)
            is_sample = owner.is_sample if isinstance(owner, ModelFamily) else None
            candidates += [
                Candidate(model, owner.identifier, is_sample) for model in instances_of(owner, dataset)
            ]
        names = [candidate.model.identifier for candidate in candidates]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if len(names) < 2 or repeated:
            raise UsageError(
                "a choice needs two or more models with different names, got "
                f"{name_some(repeated) + ' twice' if repeated else ', '.join(names)}; name several layers, as in "
                "MODEL@layer1,layer2"
            )
        yield candidates, owners if len(owners) > 1 else owners[0], left_out


def names_several_layers(layer: Any) -> bool:
    """Return whether a name, or a network, stands for several layers with a score of their own.

    Parameters
    ----------
    layer : str, Model or ModelFamily

    Examples
    --------
    >>> names_several_layers("timm:resnet18@layer*"), names_several_layers("timm:resnet18@layer1:layer2")
    (True, False)
    """
    if isinstance(layer, str):
        name = parse_spec(layer).name
        return "@" in name and stands_for_several(name.rpartition("@")[2])
    return isinstance(layer, Layered) and bool(layer.layer_patterns)


def name_choice(candidates: str | list[str], by: Sequence[str]) -> str:
    """Return the name of the score of a choice; a long list of models is named by its number and digest.

    Parameters
    ----------
    candidates : str or list of str
        Name or names of the candidates.
    by : sequence of str
        Columns of the neurons.

    Examples
    --------
    >>> name_choice("timm:resnet18@*", ["region"])
    'choose_layer[among=timm:resnet18@*,by=[region]]'
    """
    options: dict[str, Any] = {"among": candidates}
    if not isinstance(candidates, str) and sum(map(len, candidates)) > LONGEST_LIST:
        options = {"among": f"{len(candidates)} models", "digest": digest(*candidates)[:12]}
    return format_spec("choose_layer", {**options, **({"by": list(by)} if by else {})})


def label_layers(layers: Sequence[Layer]) -> tuple[str, ...]:
    """Return short names for tables: layers of one network by the name of the layer, other models without shared parts.

    Parameters
    ----------
    layers : sequence of Layer
    """
    names = [layer.candidate.layer for layer in layers]
    if all(names) and len(set(names)) == len(names):
        return tuple(names)
    return tuple(short_names([layer.identifier for layer in layers]))


def short_names(names: Sequence[str]) -> list[str]:
    """Leave out the beginning and the end that all names share.

    Parameters
    ----------
    names : sequence of str

    Examples
    --------
    >>> short_names(["timm:resnet18@layer1+pca[n=9]", "timm:resnet18@layer2+pca[n=9]"])
    ['layer1', 'layer2']
    """
    first, last = _shared(names), _shared([name[::-1] for name in names])
    short = [name[first : len(name) - last] for name in names]
    return short if all(short) else list(names)


def _shared(names: Sequence[str]) -> int:
    """Return the number of letters at the beginning that all names share, up to the last boundary."""
    n_shared = next(
        (place for place, letters in enumerate(zip(*names, strict=False)) if len(set(letters)) > 1),
        min(map(len, names)),
    )
    return max(names[0][:n_shared].rfind(letter) for letter in BOUNDARIES) + 1


def prepare_layers(
    candidates: Sequence[Candidate], dataset: Dataset, use_cache: bool
) -> tuple[list[Layer], dict[str, str]]:
    """Compute the latents of each model once; a model that fails is left out, with the reason.

    Parameters
    ----------
    candidates : sequence of Candidate
    dataset : Dataset
    use_cache : bool
        Whether to read and write cached latents.

    Returns
    -------
    layers : list of Layer
    failures : dict of str to str
        Reason for each model without latents.

    Raises
    ------
    NeuroalignError
        If no model has latents.
    """
    prepared, failures = [], {}
    reasons: list[NeuroalignError] = []
    for candidate in candidates:
        model, started = candidate.model, time.monotonic()
        try:
            latents = compute_latents(model, dataset.stimuli, use_cache=use_cache)
            latents_hash = hash_latents(latents)
        except NeuroalignError as error:
            reasons.append(error)
            failures[model.identifier] = str(error)
            continue
        # Latents in files are read again where they are needed, so that one layer is in memory at a time.
        is_in_file = (use_cache and fingerprint_of(model) is not None) or (
            candidate.is_swept and latents.nbytes > MOST_HELD
        )
        seconds = time.monotonic() - started
        held = None if is_in_file else latents
        prepared.append(Layer(candidate, dataset.stimuli, use_cache, latents_hash, seconds, held))
    if not prepared:
        raise reasons[0]
    return prepared, failures


def identify_layers(layers: Sequence[Layer], stimuli: StimulusSet) -> str:
    """Return the digest of the names of all layers and of the identities of their latents."""
    identities = (identify_latents(layer.model, layer.latents_hash, stimuli)["identity"] for layer in layers)
    return digest(*(layer.identifier for layer in layers), *identities)


def hash_layers(layers: Sequence[Layer]) -> str:
    """Return the digest of the names and latents of all layers."""
    return digest(*(layer.identifier for layer in layers), *(layer.latents_hash for layer in layers))
