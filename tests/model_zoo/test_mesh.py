import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from neuroalign.model_zoo.fitted.mesh import Mesh

SIZE = 24
CORNERS = np.array([[0.0, 0], [SIZE, 0], [0, SIZE], [SIZE, SIZE]])


def reference(n=10, seed=0):
    return np.vstack([np.random.default_rng(seed).uniform(4, 20, (n, 2)), CORNERS])


def grid():
    middle = np.arange(SIZE) + 0.5
    return np.meshgrid(middle, middle)


def smooth(x, y):
    return 0.5 + 0.2 * np.sin(x / 4) + 0.2 * np.cos(y / 5)


def test_points_that_stay_leave_the_image_as_it_is():
    image = np.random.default_rng(0).uniform(size=(SIZE, SIZE))
    mesh = Mesh(reference(), SIZE)
    for warped in (mesh.to_reference(image, reference()), mesh.from_reference(image, reference())):
        np.testing.assert_allclose(warped, image, atol=1e-10)


def test_a_shift_by_whole_pixels_is_exact():
    image = np.random.default_rng(1).uniform(size=(SIZE, SIZE))
    warped = Mesh(reference(), SIZE).to_reference(image, reference() + np.array([3, -2]))
    np.testing.assert_allclose(warped[2:, :-3], image[:-2, 3:], atol=1e-10)
    # Beyond the edges the outermost pixels go on.
    np.testing.assert_allclose(warped[2:, -1], image[:-2, -1], atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_an_affine_deformation_is_found_exactly(seed):
    rng = np.random.default_rng(seed)
    matrix = np.eye(2) + rng.uniform(-0.08, 0.08, (2, 2))
    offset = rng.uniform(-1, 1, 2)
    x, y = grid()
    at = np.stack([x, y], axis=-1) @ matrix.T + offset
    image = x.copy()  # a plane: splines reproduce it, so that only the coordinates are tested
    mesh = Mesh(reference(seed=seed), SIZE)
    inside = ((at > 3) & (at < SIZE - 3)).all(axis=-1)
    warped = mesh.to_reference(image, reference(seed=seed) @ matrix.T + offset)
    np.testing.assert_allclose(warped[inside], at[..., 0][inside], atol=0.01)
    back = (np.stack([x, y], axis=-1) - offset) @ np.linalg.inv(matrix).T
    inside = ((back > 3) & (back < SIZE - 3)).all(axis=-1)
    warped = mesh.from_reference(image, reference(seed=seed) @ matrix.T + offset)
    np.testing.assert_allclose(warped[inside], back[..., 0][inside], atol=0.01)


def test_points_go_to_points():
    rng = np.random.default_rng(3)
    points = reference()
    moved = points + np.vstack([rng.uniform(-1, 1, (10, 2)), np.zeros((4, 2))])
    x, y = grid()
    mesh = Mesh(points, SIZE)
    for image, axis in ((x, 0), (y, 1)):
        warped = mesh.to_reference(image, moved)
        reached = map_coordinates(warped, points[:10].T[::-1] - 0.5, order=1)
        # The map has its kinks at these points, where the nearest pixels say a little less.
        np.testing.assert_allclose(reached, moved[:10, axis], atol=0.35)


def test_there_and_back():
    x, y = grid()
    image = smooth(x, y)
    rng = np.random.default_rng(4)
    moved = reference() + np.vstack([rng.uniform(-1, 1, (10, 2)), np.zeros((4, 2))])
    mesh = Mesh(reference(), SIZE)
    back = mesh.from_reference(mesh.to_reference(image, moved), moved)
    assert np.abs(mesh.to_reference(image, moved) - image).max() > 0.04
    assert np.sqrt(((back - image) ** 2).mean()) < 0.003


def test_folded_and_flat_triangles_still_give_an_image():
    image = np.random.default_rng(5).uniform(size=(SIZE, SIZE))
    mesh = Mesh(reference(), SIZE)
    for points in (reference()[::-1], np.zeros((14, 2)), np.vstack([reference()[:10] * 0 + 12, CORNERS])):
        for warped in (mesh.to_reference(image, points), mesh.from_reference(image, points)):
            assert np.isfinite(warped).all()
            assert warped.shape == (SIZE, SIZE)


def test_reference_points_may_coincide():
    image = np.random.default_rng(6).uniform(size=(SIZE, SIZE))
    points = np.vstack([reference(), reference()[:3]])
    np.testing.assert_allclose(Mesh(points, SIZE).to_reference(image, points), image, atol=1e-10)
