"""Ids with accents, which programs spell with one character or with two."""

from unicodedata import normalize

import numpy as np
import pytest
import xarray as xr

from neuroalign.arrays import align, latents, responses
from neuroalign.arrays.spelling import find_alike, respell
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import StimulusMismatchError
from neuroalign.models.loading import as_model

COMPOSED = ["b\u00e4r0", "b\u00e4r1", "dog"]
SEPARATE = [normalize("NFD", name) for name in COMPOSED]


def test_names_take_the_spelling_of_the_ids():
    assert SEPARATE != COMPOSED
    assert respell(SEPARATE, COMPOSED) == COMPOSED
    assert respell(COMPOSED, SEPARATE) == SEPARATE
    # Other names, repetitions and the order stay.
    assert respell([SEPARATE[1], "cat", SEPARATE[1]], COMPOSED) == [COMPOSED[1], "cat", COMPOSED[1]]


def test_two_spellings_of_one_file_stay_apart():
    both = [COMPOSED[0], SEPARATE[0]]
    assert respell(both, COMPOSED) == both
    # Nothing says which of two ids a third spelling stands for.
    third = "ba\u0344r0"
    assert respell([third], [COMPOSED[0], "dog"]) == [third]
    assert respell(["\u212b"], ["\u00c5", "A\u030a"]) == ["\u212b"]


@pytest.mark.parametrize("name", ["007", "7.0", "7.", " 7", "7.png"])
def test_numbers_in_other_forms_are_alike(name):
    assert find_alike(["x", name], ["1", "7"]) == (name, "7")
    assert find_alike(["70", "x7", "7.5", "-7"], ["7"]) is None


def test_ids_that_seem_to_be_the_same_are_never_left_out():
    # "10" and "11" are in both, and "00" to "09" are "0" to "9".
    padded, plain = [f"{index:02d}" for index in range(12)], [str(index) for index in range(12)]
    values = np.random.default_rng(0).random((12, 3))
    ours = responses(values, stimulus=plain, neuroid=list("abc"))
    theirs = latents(values, stimulus=padded)
    reason = r"^the latents have a stimulus '00' and the recording '0', which seem to be the same \(10 recorded stimuli"
    for join in ("exact", "intersection"):
        with pytest.raises(StimulusMismatchError, match=reason):
            align(theirs, ours, join=join)
    stimuli = StimulusSet.from_arrays(np.zeros((12, 2, 2), dtype=np.uint8), ids=plain)
    array = xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": padded})
    with pytest.raises(
        StimulusMismatchError, match=r"^m has a stimulus '00' and .* has '0', which seem to be the same"
    ):
        as_model(array, identifier="m").latents(stimuli)
    # Ids that only one side has, such as training stimuli, are left out as before.
    assert align(latents(values, stimulus=plain), ours[:5])[0].sizes["stimulus"] == 5
