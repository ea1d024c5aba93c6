"""The program that makes the bundled datasets."""

import numpy as np
import pytest
from PIL import Image

from neuroalign.datasets.am_faces import am_faces_sim, am_faces_sim_mixed
from neuroalign.datasets.simulation.build import simulate, write_image


@pytest.mark.parametrize("bundled", [am_faces_sim, am_faces_sim_mixed])
def test_the_program_makes_the_bundled_neurons(bundled):
    expected = bundled()
    simulated = simulate(am_faces_sim().stimuli, mixed=bundled is am_faces_sim_mixed)
    assert simulated.identifier == expected.identifier
    np.testing.assert_array_equal(simulated.recording.values, expected.recording.values)
    np.testing.assert_array_equal(simulated.truth.values, expected.truth.values)
    assert simulated.metadata["description"] == expected.metadata["description"]


def test_images_are_grey_webp(tmp_path):
    write_image(
        np.array([[0.0, 1.0], [0.5, 0.5]], dtype=np.float32).repeat(8, 0).repeat(8, 1), tmp_path / "x.webp"
    )
    with Image.open(tmp_path / "x.webp") as image:
        assert (image.format, image.size) == ("WEBP", (16, 16))
        levels = np.asarray(image.convert("L"), dtype=int)
    assert abs(levels[2, 2]) <= 6
    assert abs(levels[2, 13] - 255) <= 6
    assert abs(levels[13, 7] - 128) <= 6
