import numpy as np
import pytest
import xarray as xr

from neuroalign.errors import StimulusMismatchError, UsageError
from neuroalign.reporting.figures import decoded_faces, traversals


def pictures(ids, size=3, value=0.0):
    values = np.full((len(ids), size, size), value) + np.arange(len(ids))[:, None, None] / 10
    return xr.DataArray(values, dims=("stimulus", "row", "column"), coords={"stimulus": list(ids)})


def test_faces_pair_by_stimulus(drawn):
    originals, others = pictures("abc"), pictures("cxba", size=5, value=0.5)
    axes = decoded_faces({"faces": originals, "m\ndecoded": others}, dataset="toy", simulated=True)
    shown = [image.get_array()[0, 0] for image in axes.images]
    np.testing.assert_allclose(shown, [0, 0.1, 0.2, 0.8, 0.7, 0.5])
    assert [image.get_array().shape for image in axes.images] == [(3, 3)] * 3 + [(5, 5)] * 3
    # Row by row, from the left, the first on top.
    centres = [np.mean(np.reshape(image.get_extent(), (2, 2)), axis=1) for image in axes.images]
    np.testing.assert_allclose(centres, [[x + 0.5, y + 0.5] for y in range(2) for x in range(3)])
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["faces", "m\ndecoded"]
    assert axes.get_title(loc="left") == "toy, simulated neurons"
    assert {image.get_clim() for image in axes.images} == {(0, 1)}


def test_faces_that_cannot_be():
    with pytest.raises(UsageError, match="got no pictures"):
        decoded_faces({}, dataset="toy", simulated=True)
    with pytest.raises(StimulusMismatchError, match="'m' lack the stimulus 'b'"):
        decoded_faces({"faces": pictures("ab"), "m": pictures("a")}, dataset="toy", simulated=True)
    with pytest.raises(UsageError, match="dimensions stimulus, row, column"):
        decoded_faces({"faces": pictures("ab")[0]}, dataset="toy", simulated=True)


@pytest.fixture
def moved():
    values = np.arange(6).reshape(2, 3, 1, 1) / 10 * np.ones((2, 2))
    return xr.DataArray(
        values,
        dims=("unit", "value", "row", "column"),
        coords={"unit": ["7", "2"], "value": [-1.5, 0, 1.5]},
        attrs={"identifier": "vae"},
    )


def test_traversals(moved):
    axes = traversals(moved, dataset="toy", simulated=True, labels={"2": "smile\nn1, r = 0.90"})
    np.testing.assert_allclose([image.get_array()[0, 0] for image in axes.images], np.arange(6) / 10)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["unit 7", "unit 2"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["−1.5", "0", "1.5"]
    assert axes.get_xlabel() == "value of the unit"
    (label,) = axes.texts
    assert (label.get_text(), label.xy) == ("smile\nn1, r = 0.90", (1.0, 1.5))
    assert axes.get_title(loc="left") == "vae on toy, simulated neurons"


def test_traversals_say_what_their_values_count(moved):
    axes = traversals(moved.assign_attrs(values="standard deviations"), dataset="toy", simulated=False)
    assert axes.get_xlabel() == "value of the unit, standard deviations"
    assert axes.get_title(loc="left") == "vae on toy, recorded neurons"


def test_traversals_that_cannot_be(moved):
    with pytest.raises(UsageError, match="label for the unit '9'"):
        traversals(moved, dataset="toy", simulated=True, labels={"9": "x"})
    with pytest.raises(UsageError, match="dimensions unit, value, row, column"):
        traversals(moved[:0], dataset="toy", simulated=True)
