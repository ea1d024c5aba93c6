"""The rendered faces of the stand-in: factors, split, pictures, landmarks."""

import numpy as np
import pandas as pd
import pytest

from neuroalign.datasets.am_faces import BUNDLED, am_faces_sim
from neuroalign.datasets.simulation.energy import pixel_energy
from neuroalign.datasets.simulation.factors import FACTORS, draw_factors, stimulus_table
from neuroalign.datasets.simulation.landmarks import LANDMARKS, landmarks
from neuroalign.datasets.simulation.renderer import BACKGROUND, render

FOLDER = BUNDLED / "AM-faces-sim"


@pytest.fixture(scope="module")
def table():
    return am_faces_sim().stimuli.table


@pytest.fixture(scope="module")
def points():
    values = pd.read_csv(FOLDER / "landmarks.csv", index_col="stimulus_id")
    return values.to_numpy().reshape(len(values), len(LANDMARKS), 2)


def test_split(table):
    presented, training = table["presented"], table["training"]
    assert len(table) == 2162
    assert presented.sum() == training.sum() == 2100
    assert (presented & training).sum() == 2038
    assert (presented & ~training).sum() == (training & ~presented).sum() == 62
    stimuli = am_faces_sim().stimuli
    assert len(stimuli.held_out()) == 62
    assert stimuli.training().mirrored


def test_factors_are_independent_and_uniform(table):
    factors = table[list(FACTORS)].to_numpy()
    assert np.abs(factors).max() <= 1
    assert np.allclose(factors.mean(axis=0), 0, atol=0.05)
    assert np.allclose(factors.var(axis=0), 1 / 3, atol=0.02)
    correlations = np.corrcoef(factors.T) - np.eye(len(FACTORS))
    assert np.abs(correlations).max() < 0.08


def test_shipped_table_is_the_drawn_one(table):
    pd.testing.assert_frame_equal(table, stimulus_table())


def test_shipped_pictures_are_the_rendered_ones(table):
    stimuli = am_faces_sim().stimuli.select(["face_0001", "face_0777", "face_2162"])
    shipped = stimuli.pixels() * 255
    assert shipped.shape == (3, 200, 200)
    drawn = np.stack([render(face) for face in stimuli.table[list(FACTORS)].to_numpy()]) * 255
    difference = np.abs(shipped - drawn)
    assert difference.mean() < 1.2  # the lossy encoding changes this much
    assert np.quantile(difference, 0.999) < 10


def test_rendering_is_deterministic_and_in_range():
    face = draw_factors(1, seed=3)[0]
    image = render(face)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 1
    np.testing.assert_array_equal(image, render(face))


def test_size_and_supersampling_change_only_the_resolution():
    face = draw_factors(1, seed=4)[0]
    small = render(face, size=50, supersampling=4)
    large = render(face, size=200, supersampling=2).reshape(50, 4, 50, 4).mean(axis=(1, 3))
    assert np.abs(small - large).mean() < 0.01


def test_background_is_flat():
    corners = render(np.zeros(len(FACTORS)))[:8, [0, 1, -2, -1]]
    np.testing.assert_allclose(corners, BACKGROUND, atol=1e-6)


@pytest.mark.parametrize("factor", FACTORS)
def test_each_factor_moves_the_image(factor):
    low, high = np.zeros((2, len(FACTORS)))
    number = FACTORS.index(factor)
    low[number], high[number] = -1, 1
    assert np.abs(render(high, size=64) - render(low, size=64)).mean() > 0.008


def test_light_from_left_and_right_are_mirror_images_of_the_skin():
    left, right = np.zeros((2, len(FACTORS)))
    number = FACTORS.index("light_direction")
    left[number], right[number] = -1, 1
    cheeks = slice(110, 140)
    a, b = render(left)[cheeks, 40:160], render(right)[cheeks, 40:160]
    np.testing.assert_allclose(a, b[:, ::-1], atol=0.01)
    assert a[:, :40].mean() > a[:, -40:].mean() + 0.1


def test_shipped_landmarks_are_the_computed_ones(table, points):
    assert len(LANDMARKS) == 80
    face = table.loc["face_0042", list(FACTORS)].to_numpy(dtype=float)
    np.testing.assert_allclose(points[table.index.get_loc("face_0042")], landmarks(face), atol=0.0051)
    assert np.isfinite(points).all()
    assert points.min() > 0
    assert points.max() < 200


def test_pupils_are_the_darkest_points_around(table, points):
    pupils = [LANDMARKS.index(f"pupils_{side:02d}") for side in (1, 2)]
    stimuli = am_faces_sim().stimuli.select(table.index[:40])
    for image, (x, y) in zip(
        np.repeat(stimuli.pixels(), 2, axis=0), points[:40, pupils].reshape(-1, 2), strict=True
    ):
        rows, columns = np.mgrid[:200, :200] + 0.5
        near = np.hypot(rows - y, columns - x)
        assert image[near < 1.5].mean() < 0.15
        assert image[near < 1.5].mean() < image[(near > 4) & (near < 8)].mean() - 0.1


def test_landmarks_tilt_with_the_head(table, points):
    pupils = points[:, [LANDMARKS.index(f"pupils_{side:02d}") for side in (1, 2)]]
    across = pupils[:, 1] - pupils[:, 0]
    np.testing.assert_allclose(np.arctan2(across[:, 1], across[:, 0]), 0.14 * table["head_tilt"], atol=2e-4)


def test_mouth_corners_follow_the_smile(table, points):
    lips = [LANDMARKS.index(f"lips_{number:02d}") for number in (1, 6)]
    width = points[:, lips[1], 0] - points[:, lips[0], 0]
    assert np.corrcoef(width, table["smile"])[0, 1] > 0.99


def test_outline_is_where_skin_ends(table, points):
    # Faces with short hair: below the ear the cheek is next to the background.
    short = table.index[(table["hair_length"] < -0.9) & (table["face_width"] > 0)][:5]
    outline = [LANDMARKS.index(f"outline_{number:02d}") for number in (5, 15)]
    for stimulus, image in zip(short, am_faces_sim().stimuli.select(short).pixels(), strict=True):
        for (x, y), side in zip(points[table.index.get_loc(stimulus), outline], (-1, 1), strict=True):
            outside, inside = image[int(y), int(x + 4 * side)], image[int(y), int(x - 4 * side)]
            assert outside == pytest.approx(BACKGROUND, abs=0.03)
            assert inside < BACKGROUND - 0.05


@pytest.mark.slow
def test_energy_table(table):
    shipped = pd.read_csv(FOLDER / "factors.csv", index_col="factor")
    assert tuple(shipped.index) == FACTORS
    assert shipped["nats"].between(20, 150).all()
    assert shipped["nats"].max() / shipped["nats"].min() < 7
    assert (shipped["largest_cosine"].abs() < 0.12).all()
    # The principal axes of the local derivative are the factors, so that a β-VAE can separate them.
    assert (shipped["axis_share"] > 0.85).all()
    again = pixel_energy(n_faces=8, seed=1)
    np.testing.assert_allclose(again["nats"], shipped["nats"], rtol=0.4)


def test_files_are_small_and_anonymous():
    files = [path for path in BUNDLED.rglob("*") if path.is_file()]
    sizes = [path.stat().st_size for path in files]
    assert sum(sizes) < 14e6
    assert max(sizes) < 3e6
    for path in files:
        if path.suffix in (".toml", ".nc", ".csv"):
            content = path.read_bytes()
            assert b"/home/" not in content
            assert b"/root/" not in content
