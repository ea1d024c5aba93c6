"""Each check of a model passes for a good model and fails for one with the fault that it is about."""

import numpy as np
import pytest
import xarray as xr

from neuroalign import arrays
from neuroalign.errors import NeuroalignError, UnknownNameError
from neuroalign.models.model import FixedFamily
from neuroalign.testing import MODEL_CHECKS, CheckError, check_model, make_dataset


class Halves:
    """Mean brightness of the left and the right half of each image."""

    identifier = "halves"
    fingerprint = "halves 1"

    def latents(self, stimuli):
        pixels = stimuli.pixels()
        middle = pixels.shape[2] // 2
        values = np.stack([pixels[:, :, :middle].mean((1, 2)), pixels[:, :, middle:].mean((1, 2))], axis=1)
        return arrays.latents(values, stimulus=stimuli.ids)

    def latent_batches(self, stimuli):
        for start in range(0, len(stimuli), 10):
            yield self.latents(stimuli.select(stimuli.ids[start : start + 10]))

    def decode(self, latents):
        return np.clip(np.repeat(latents.values[:, None], 4, axis=1), 0, 1).astype(np.float32)


class TwoLines(Halves):
    identifier = "two\nlines"


class WithoutLabels(Halves):
    def latents(self, stimuli):
        return super().latents(stimuli).drop_vars("stimulus")


class Whole(Halves):
    def latents(self, stimuli):
        latents = super().latents(stimuli)
        return latents.copy(data=(255 * latents.values).astype(np.int64))


class SkipsOne(Halves):
    def latents(self, stimuli):
        return super().latents(stimuli)[1:]


class Random(Halves):
    def latents(self, stimuli):
        latents = super().latents(stimuli)
        return latents + np.random.default_rng().standard_normal(latents.shape)


class ByPosition(Halves):
    """Sorts the labels, and leaves the rows as they are."""

    def latents(self, stimuli):
        latents = super().latents(stimuli)
        return latents.assign_coords(stimulus=np.sort(stimuli.ids))


class Normalised(Halves):
    """Standardises by the stimuli that it is given, not by the training stimuli."""

    def latents(self, stimuli):
        latents = super().latents(stimuli)
        return latents.copy(data=(latents.values - latents.values.mean(axis=0)) / latents.values.std(axis=0))


class ChangesTheTable(Halves):
    def latents(self, stimuli):
        stimuli.table["brightness"] = 0.0
        return super().latents(stimuli)


class HandsOutItsMemory(Halves):
    def __init__(self):
        self._kept = {}

    def latents(self, stimuli):
        return self._kept.setdefault(tuple(stimuli.ids), super().latents(stimuli))


class FingerprintIsNumber(Halves):
    fingerprint = 7


class FingerprintOfUse(Halves):
    def __init__(self):
        self.fingerprint = "0"

    def latents(self, stimuli):
        self.fingerprint += "1"
        return super().latents(stimuli)


class OverlappingBatches(Halves):
    def latent_batches(self, stimuli):
        yield self.latents(stimuli)
        yield self.latents(stimuli)


class OtherBatches(Halves):
    def latent_batches(self, stimuli):
        yield self.latents(stimuli) + 1.0


class DecodesOne(Halves):
    def decode(self, latents):
        return super().decode(latents)[:1]


class DecodesDoubles(Halves):
    def decode(self, latents):
        return super().decode(latents).astype(np.float64)


class DecodesBytes(Halves):
    def decode(self, latents):
        return 255 * super().decode(latents)


class AssertsImages(Halves):
    def latents(self, stimuli):
        if not stimuli.has_images:
            raise KeyError("images")
        return super().latents(stimuli)


class GuessesWithoutImages(Halves):
    def latents(self, stimuli):
        if stimuli.has_images:
            return super().latents(stimuli)
        return arrays.latents(np.zeros((len(stimuli), 2)), stimulus=stimuli.ids)


class LongError(Halves):
    def latents(self, stimuli):
        if not stimuli.has_images:
            raise NeuroalignError("no images\nin this set")
        return super().latents(stimuli)


class Crashes(Halves):
    def latents(self, stimuli):
        return np.zeros(3)[7]


FAULTS = [
    (TwoLines, "identifier_is_one_line", r"identifier must be printable text on one line, got 'two\nlines'"),
    (WithoutLabels, "latents_are_labelled", "the dimension 'stimulus' needs its ids as coordinate"),
    (Whole, "latents_are_labelled", "latents must be floating-point, got int64"),
    (SkipsOne, "latents_are_labelled", "latents must have a row for each stimulus, got none for s000"),
    (Random, "latents_are_deterministic", "two calls must give identical latents; seed random numbers"),
    (ByPosition, "order_of_stimuli_does_not_matter", "stimuli in reverse order must have the same latents"),
    (Normalised, "subset_has_the_same_rows", "a subset of the stimuli must have the same latents"),
    (ChangesTheTable, "input_is_not_changed", "latents() must not change the stimuli"),
    (HandsOutItsMemory, "input_is_not_changed", "a change of returned latents must not reach the model"),
    (FingerprintIsNumber, "fingerprint_is_stable", "fingerprint must be text or None, got 7"),
    (FingerprintOfUse, "fingerprint_is_stable", "fingerprint must not change when latents are computed"),
    (OverlappingBatches, "batches_are_the_latents", "latent_batches() must yield each stimulus once"),
    (OtherBatches, "batches_are_the_latents", "latent_batches() must yield the rows of latents()"),
    (DecodesOne, "decoded_images_have_a_shape", "decode() must return images of shape (48, height, width)"),
    (DecodesDoubles, "decoded_images_have_a_shape", "decode() must return float32, got float64"),
    (DecodesBytes, "decoded_images_have_a_shape", "decode() must return pixels between 0 and 1"),
    (
        AssertsImages,
        "missing_images_are_an_error",
        "stimuli without images must raise an error of neuroalign.errors, got KeyError: 'images'",
    ),
    (
        GuessesWithoutImages,
        "missing_images_are_an_error",
        "stimuli without images must raise MissingImagesError",
    ),
    (
        LongError,
        "missing_images_are_an_error",
        r"the message of NeuroalignError for stimuli without images must be one line, got 'no images\nin this set'",
    ),
]


def test_good_model_passes():
    check_model(Halves())


@pytest.mark.parametrize(
    ("fault", "check", "message"), FAULTS, ids=lambda value: getattr(value, "__name__", None)
)
def test_faulty_model_fails_the_check_of_its_fault(fault, check, message):
    with pytest.raises(CheckError) as caught:
        check_model(fault(), only=[check])
    assert str(caught.value).startswith(
        f"check_model({fault.identifier}): 1 of 1 checks failed\n  {check}: {message}"
    )


def test_every_check_has_a_fault_that_it_finds():
    assert {check for _, check, _ in FAULTS} == {check.__name__ for check in MODEL_CHECKS}


def test_a_crash_is_reported_with_its_place():
    line = Crashes.latents.__code__.co_firstlineno + 1
    with pytest.raises(CheckError) as caught:
        check_model(Crashes())
    assert (
        "latents_are_labelled: the plug-in raised IndexError: index 7 is out of bounds for axis 0 with size 3 "
        f"(test_model_checks.py, line {line}); it must not fail here" in str(caught.value)
    )
    assert isinstance(caught.value.__cause__, IndexError)


def test_a_model_that_is_loaded_twice_is_the_same(monkeypatch):
    class Numbered(Halves):
        made = 0

        def __init__(self):
            type(self).made += 1
            self.identifier = f"numbered {self.made}"

    class Family(FixedFamily):
        def instance(self, dataset=None, **options):
            return Numbered()

    with pytest.raises(CheckError, match=r"a_second_instance_is_the_same: .* 'numbered 1' and 'numbered 2'"):
        check_model(Family("numbered", [Halves()]))


def test_unknown_names_are_errors_and_not_failed_checks():
    with pytest.raises(UnknownNameError, match="no model is called 'pcaa'; did you mean pca"):
        check_model("pcaa")


def test_a_model_of_known_latents_needs_no_images():
    dataset = make_dataset(n_stimuli=20, images=False)
    values = np.random.default_rng(0).standard_normal((20, 3))
    latents = xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": dataset.stimuli.ids})
    from neuroalign.models.loading import as_model

    check_model(as_model(latents, identifier="known"), dataset=dataset)
