"""Checks that every model must pass."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.arrays import validate_latents
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ArrayError, name_some
from neuroalign.models.loading import load_model
from neuroalign.models.model import Batched, Decodes, Fingerprinted, Model, ModelFamily
from neuroalign.testing.checking import copy_of, error_of, expect, expect_same, run_checks
from neuroalign.testing.datasets import make_dataset

# Networks compute in float32, and the order of a sum depends on the size of a batch.
_TOLERANCE = 1e-4


def check_model(model: Any, *, dataset: Dataset | None = None, only: Iterable[str] | None = None) -> None:
    """Check a model, or the first instance of a family, as a test of a plug-in.

    Parameters
    ----------
    model : str, Model or ModelFamily
        A registered name, such as ``pca[n=3]``, or an object.
    dataset : Dataset, optional
        Dataset with stimuli that the model can take. By default a simulated one with 48 images of 16 × 16 grey
        pixels and with landmarks; models that read latents from a file need their own dataset.
    only : iterable of str, optional
        Names of the checks to run, such as "latents_are_labelled"; all by default.

    Raises
    ------
    CheckError
        Naming each check that failed, the fault and its remedy. The checks are the functions in
        ``neuroalign.testing.MODEL_CHECKS``.
    NeuroalignError
        If the model cannot be loaded.

    Examples
    --------
    >>> from neuroalign.testing import check_model
    >>> check_model("pca[n=3]")
    """
    used = make_dataset(n_stimuli=48, n_neurons=6, landmarks=True) if dataset is None else dataset
    loaded = _load(model, used)

    def a_second_instance_is_the_same(instance: Model, dataset: Dataset) -> None:
        again = _load(model, dataset)
        expect(
            again.identifier == instance.identifier,
            f"a model that is loaded twice must have one identifier, got {instance.identifier!r} and "
            f"{again.identifier!r}; derive the identifier from the options alone",
        )
        expect(
            getattr(again, "fingerprint", None) == getattr(instance, "fingerprint", None),
            "a model that is loaded twice must have one fingerprint; compute it from weights, layer and "
            "preprocessing, not from addresses, times or random numbers",
        )
        expect_same(
            _latents(again, dataset.stimuli),
            _latents(instance, dataset.stimuli),
            "a model that is loaded twice must give the same latents; seed its random numbers",
        )

    checks = (*MODEL_CHECKS, a_second_instance_is_the_same)
    run_checks(f"check_model({loaded.identifier})", checks, lambda: (loaded, copy_of(used)), only)


def _load(model: Any, dataset: Dataset) -> Model:
    loaded = load_model(model, dataset=dataset)
    if not isinstance(loaded, ModelFamily):
        return loaded
    return loaded.instance(dataset, **loaded.grid(dataset)[0])


def identifier_is_one_line(model: Model, dataset: Dataset) -> None:
    """Check that the identifier is text that fits a table."""
    name = model.identifier
    expect(
        isinstance(name, str) and bool(name.strip()) and name.isprintable(),
        f"identifier must be printable text on one line, got {name!r}",
    )


def latents_are_labelled(model: Model, dataset: Dataset) -> None:
    """Check dimensions, labels, dtype and finite values of the latents."""
    stimuli = dataset.stimuli
    latents = model.latents(stimuli)
    try:
        validate_latents(latents)
    except ArrayError as error:
        raise AssertionError(f"{error}; make latents with neuroalign.arrays.latents") from error
    expect(np.issubdtype(latents.dtype, np.floating), f"latents must be floating-point, got {latents.dtype}")
    missing = np.setdiff1d(stimuli.ids, latents["stimulus"].values.astype(str))
    expect(
        missing.size == 0,
        f"latents must have a row for each stimulus, got none for {name_some(missing)}; "
        "use stimuli.ids as the labels of the rows",
    )


def latents_are_deterministic(model: Model, dataset: Dataset) -> None:
    """Check that two calls give identical latents."""
    first, second = _latents(model, dataset.stimuli), _latents(model, dataset.stimuli)
    expect_same(
        second,
        first,
        "two calls must give identical latents; seed random numbers, and call eval() of networks",
    )


def order_of_stimuli_does_not_matter(model: Model, dataset: Dataset) -> None:
    """Check that each row belongs to the stimulus that labels it, in any order of the stimuli."""
    stimuli = dataset.stimuli
    turned = stimuli.select(stimuli.ids[::-1])
    expect_same(
        _latents(model, turned),
        _latents(model, stimuli),
        "stimuli in reverse order must have the same latents, paired by stimulus id; label the rows with "
        "stimuli.ids in the order of the computation",
        tolerance=_TOLERANCE,
    )


def subset_has_the_same_rows(model: Model, dataset: Dataset) -> None:
    """Check that latents of a stimulus do not depend on the other stimuli, except those for training."""
    stimuli = dataset.stimuli
    training = np.isin(stimuli.ids, stimuli.training().ids)
    if training.all():
        # A fitted model may depend on each of them.
        return
    others = np.flatnonzero(~training)
    kept = np.sort(np.concatenate([np.flatnonzero(training), others[: (len(others) + 1) // 2]]))
    ids = stimuli.ids[kept]
    expect_same(
        _latents(model, stimuli.select(ids), ids),
        _latents(model, stimuli, ids),
        "a subset of the stimuli must have the same latents; fit and normalise by stimuli.training() alone",
        tolerance=_TOLERANCE,
    )


def input_is_not_changed(model: Model, dataset: Dataset) -> None:
    """Check that a model changes neither the stimuli nor latents that it has returned."""
    stimuli = dataset.stimuli
    table, content = stimuli.table.copy(), _content(stimuli)
    latents = model.latents(stimuli)
    expect(
        table.equals(stimuli.table) and _content(stimuli) == content,
        "latents() must not change the stimuli; copy the table or the pixels first",
    )
    before = _in_order(latents, np.sort(stimuli.ids))
    if latents.values.flags.writeable:
        latents.values[...] = 0.0
    expect_same(
        _latents(model, stimuli),
        before,
        "a change of returned latents must not reach the model; return a copy of latents that the model keeps",
    )


def fingerprint_is_stable(model: Model, dataset: Dataset) -> None:
    """Check that the fingerprint is text or None, and the same before and after latents are computed."""
    if not isinstance(model, Fingerprinted):
        return
    before = model.fingerprint
    expect(
        before is None or (isinstance(before, str) and bool(before)),
        f"fingerprint must be text or None, got {before!r}",
    )
    model.latents(dataset.stimuli)
    expect(
        before == model.fingerprint or model.fingerprint is None,
        "fingerprint must not change when latents are computed; compute it from weights, layer and preprocessing",
    )


def batches_are_the_latents(model: Model, dataset: Dataset) -> None:
    """Check that batches, where a model yields them, hold each stimulus once with its latents."""
    if not isinstance(model, Batched):
        return
    batches = [batch.copy() for batch in model.latent_batches(dataset.stimuli)]
    ids = [stimulus for batch in batches for stimulus in batch["stimulus"].values.astype(str).tolist()]
    expect(
        len(ids) == len(set(ids)),
        "latent_batches() must yield each stimulus once; divide the stimuli without overlap",
    )
    expect_same(
        _in_order(xr.concat(batches, dim="stimulus", coords="minimal", compat="override"), np.sort(ids)),
        _latents(model, dataset.stimuli),
        "latent_batches() must yield the rows of latents(); compute both with one function",
        tolerance=_TOLERANCE,
    )


def decoded_images_have_a_shape(model: Model, dataset: Dataset) -> None:
    """Check shape, dtype and range of decoded images, where a model decodes."""
    if not isinstance(model, Decodes):
        return
    latents = model.latents(dataset.stimuli)
    images = np.asarray(model.decode(latents))
    n = latents.sizes["stimulus"]
    expect(
        images.ndim in (3, 4) and len(images) == n and images.shape[3:] in ((), (3,)),
        f"decode() must return images of shape ({n}, height, width) or ({n}, height, width, 3), got {images.shape}",
    )
    expect(images.dtype == np.float32, f"decode() must return float32, got {images.dtype}")
    expect(
        bool(np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1),
        "decode() must return pixels between 0 and 1; clip or rescale them",
    )


def missing_images_are_an_error(model: Model, dataset: Dataset) -> None:
    """Check that stimuli without images raise an error of one line, or do not matter to the model."""
    stimuli = dataset.stimuli
    bare = StimulusSet(stimuli.identifier, stimuli.table, None, mirror_training=stimuli.mirror_training)
    latents: list[xr.DataArray] = []
    error = error_of(lambda: latents.append(model.latents(bare)), "stimuli without images")
    if error is None:
        expect_same(
            _in_order(latents[0], np.sort(stimuli.ids)),
            _latents(model, stimuli),
            "stimuli without images must raise MissingImagesError; read pixels through stimuli.pixels or batches",
        )


#: Checks of a model, each a function of the model and a dataset; :func:`check_model` runs all of them.
MODEL_CHECKS = (
    identifier_is_one_line,
    latents_are_labelled,
    latents_are_deterministic,
    order_of_stimuli_does_not_matter,
    subset_has_the_same_rows,
    input_is_not_changed,
    fingerprint_is_stable,
    batches_are_the_latents,
    decoded_images_have_a_shape,
    missing_images_are_an_error,
)


def _latents(model: Model, stimuli: StimulusSet, ids: Any = None) -> np.ndarray:
    """Return the latents as an array with rows in the order of ids, sorted where none are given."""
    return _in_order(model.latents(stimuli), np.sort(stimuli.ids) if ids is None else ids)


def _in_order(latents: xr.DataArray, ids: Any) -> np.ndarray:
    """Return a copy of the rows of some stimuli."""
    rows = pd.Index(latents["stimulus"].values.astype(str)).get_indexer(pd.Index(ids))
    missing = [stimulus for stimulus, row in zip(ids, rows, strict=True) if row < 0]
    expect(
        not missing,
        f"latents must have a row for each stimulus, got none for {name_some(missing)}; "
        "use stimuli.ids as the labels of the rows",
    )
    return np.array(latents.values[rows], copy=True)


def _content(stimuli: StimulusSet) -> str:
    # A new set, since the digest of a set is computed once and kept.
    return stimuli.select(stimuli.ids).content_hash
