import numpy as np
import pytest
import xarray as xr

from neuroalign import arrays
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError
from neuroalign.models.traversals import latent_traversals


class Painter:
    """Decodes each unit as the grey value of one pixel."""

    identifier = "painter"

    def latents(self, stimuli):
        values = np.outer(np.arange(len(stimuli)), [1.0, 2.0, 3.0, 0.0])
        return arrays.latents(values, stimulus=stimuli.ids, kl=[0.5, 2.0, 1.0, 0.0])

    def decode(self, latents):
        return latents.values.reshape(-1, 2, 2).astype(np.float32)


def test_traversals_move_one_unit_and_leave_the_others():
    stimuli = StimulusSet.from_arrays(np.zeros((3, 2, 2), dtype=np.uint8))
    images = latent_traversals(Painter(), stimuli, values=[-1, 5])
    assert images.dims == ("unit", "value", "row", "column")
    # The greatest divergence first; the constant unit is not informative.
    assert list(images["unit"].values) == ["1", "2", "0"]
    np.testing.assert_array_equal(images.sel(unit="1").values.reshape(2, 4), [[1, -1, 3, 0], [1, 5, 3, 0]])
    np.testing.assert_array_equal(images.sel(unit="0").values.reshape(2, 4), [[-1, 2, 3, 0], [5, 2, 3, 0]])
    chosen = latent_traversals(Painter(), stimuli, units=["3"], values=[9], start="2")
    np.testing.assert_array_equal(chosen.values.reshape(4), [2, 4, 6, 9])
    assert images.attrs == {"identifier": "painter"}


def test_traversals_in_deviations():
    stimuli = StimulusSet.from_arrays(np.zeros((3, 2, 2), dtype=np.uint8))
    images = latent_traversals(Painter(), stimuli, units=["1", "3"], values=[0, -2], in_deviations=True)
    # Unit 1 is 0, 2, 4: its standard deviation (ddof 0) is √(8/3). Unit 3 is constant.
    expected = [[1, 2, 3, 0], [1, 2 - 2 * np.sqrt(8 / 3), 3, 0]]
    np.testing.assert_allclose(images.sel(unit="1").values.reshape(2, 4), expected, rtol=1e-6)
    np.testing.assert_array_equal(images.sel(unit="3").values.reshape(2, 4), [[1, 2, 3, 0]] * 2)
    assert images.attrs["values"] == "standard deviations from the mean"


def test_traversals_that_cannot_be(dataset):
    stimuli = StimulusSet.from_arrays(np.zeros((3, 2, 2), dtype=np.uint8))
    with pytest.raises(UsageError, match="has no unit 7; it has 0, 1, 2, 3"):
        latent_traversals(Painter(), stimuli, units=["7"])
    with pytest.raises(UsageError, match="no stimulus is called 'x'"):
        latent_traversals(Painter(), stimuli, start="x")

    class Blind:
        identifier = "blind"

        def latents(self, stimuli):
            return xr.DataArray()

    with pytest.raises(ModelError, match="blind cannot decode"):
        latent_traversals(Blind(), stimuli)
