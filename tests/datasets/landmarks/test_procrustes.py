import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes

from neuroalign.datasets.landmarks.procrustes import mean_shape, place_on


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


TEMPLATE = np.random.default_rng(0).standard_normal((7, 2))


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0.1, 100),
    st.floats(-3, 3),
    st.floats(-50, 50),
    st.integers(0, 2**32 - 1),
)
def test_position_size_and_orientation_leave_the_shape_alone(scale, angle, shift, seed):
    points = TEMPLATE + 0.1 * np.random.default_rng(seed).standard_normal((4, 7, 2))
    moved = scale * points @ rotation(angle).T + [shift, -shift]
    mean = mean_shape(points)
    straight, turned = place_on(mean, points), place_on(mean, moved)
    np.testing.assert_allclose(turned.shapes, straight.shapes, atol=1e-9)
    np.testing.assert_allclose(turned.size, scale * straight.size)
    np.testing.assert_allclose(turned.turn, straight.turn * np.exp(1j * angle), atol=1e-9)


def test_shapes_are_normalised_and_put_back():
    points = 5 + TEMPLATE + 0.2 * np.random.default_rng(1).standard_normal((6, 7, 2))
    mean = mean_shape(points)
    placed = place_on(mean, points)
    np.testing.assert_allclose(placed.shapes.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose((placed.shapes**2).sum(axis=(1, 2)), 1)
    np.testing.assert_allclose(np.sqrt((mean**2).sum()), 1)
    for index in range(6):
        np.testing.assert_allclose(placed.place(placed.shapes[index])[index], points[index], atol=1e-12)


def test_each_shape_is_turned_as_scipy_turns_it():
    rng = np.random.default_rng(2)
    points = TEMPLATE + 0.2 * rng.standard_normal((5, 7, 2))
    mean = mean_shape(points)
    for shape, face in zip(place_on(mean, points).shapes, points, strict=True):
        _, fitted, disparity = procrustes(mean, face)
        # scipy scales the shape to fit best; ours keeps size 1: the cosine between them is the same.
        np.testing.assert_allclose((shape * mean).sum() ** 2, 1 - disparity)
        np.testing.assert_allclose(shape, fitted / np.sqrt((fitted**2).sum()), atol=1e-9)


def test_the_mean_is_the_shape_that_all_vary_about():
    rng = np.random.default_rng(3)
    template = TEMPLATE - TEMPLATE.mean(axis=0)
    points = np.stack(
        [
            rng.uniform(1, 9) * (template + 0.05 * rng.standard_normal((7, 2))) @ rotation(angle).T
            + rng.uniform(-9, 9, 2)
            for angle in rng.uniform(-0.5, 0.5, 4000)
        ]
    )
    np.testing.assert_allclose(mean_shape(points), template / np.sqrt((template**2).sum()), atol=0.02)


def test_the_mean_is_at_rest_and_turned_as_the_faces_are():
    points = TEMPLATE + 0.3 * np.random.default_rng(4).standard_normal((20, 7, 2))
    mean = mean_shape(points)
    shapes = place_on(mean, points).shapes.mean(axis=0)
    np.testing.assert_allclose(shapes / np.sqrt((shapes**2).sum()), mean, atol=1e-10)
    for angle in (0.4, -2.0):
        np.testing.assert_allclose(
            mean_shape(points @ rotation(angle).T), mean @ rotation(angle).T, atol=1e-9
        )


def test_a_mirror_image_is_another_shape():
    mirrored = TEMPLATE * [-1, 1]
    shape = place_on(mean_shape(TEMPLATE[np.newaxis]), mirrored[np.newaxis]).shapes[0]
    assert np.abs(shape - mean_shape(TEMPLATE[np.newaxis])).max() > 0.1
    assert np.abs(procrustes(TEMPLATE, mirrored)[2]) == pytest.approx(0, abs=1e-12)
