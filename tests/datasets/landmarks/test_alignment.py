"""Alignment of faces: transforms, places of eyes and mouth, pixels, pose, and the choice of frontal faces."""

import numpy as np
import pytest
from PIL import Image
from scipy.optimize import brentq

from neuroalign.datasets.landmarks.alignment import Crop, Similarity, align, centres, outside_share
from neuroalign.datasets.landmarks.finding import Face
from neuroalign.datasets.landmarks.frontal import Limits, choose_frontal, count_reasons
from neuroalign.datasets.landmarks.parts import names_of_68, part_slice
from neuroalign.datasets.landmarks.pose import head_pose, nose_offset
from neuroalign.errors import DatasetError, UsageError


def face_points(middle=(100.0, 100.0), unit=1.0):
    """Return 68 landmarks of a symmetric face: eyes 40 units apart, lips 38 units below them."""
    points = np.zeros((68, 2))
    points[part_slice("jaw")] = [(x, 40 - x * x / 40) for x in np.linspace(-36, 36, 17)]
    points[part_slice("left_brow")] = [(-20 + x, -28) for x in range(-4, 6, 2)]
    points[part_slice("right_brow")] = [(20 - x, -28) for x in range(-4, 6, 2)]
    points[part_slice("nose_ridge")] = [(0, y) for y in (-15, -10, -5, 0)]
    points[part_slice("nostrils")] = [(x, 6) for x in (-6, -3, 0, 3, 6)]
    eye = np.array([(-6, 0), (-2, -2), (2, -2), (6, 0), (2, 2), (-2, 2)])
    points[part_slice("left_eye")] = eye + np.array([-20, -18])
    points[part_slice("right_eye")] = eye + np.array([20, -18])
    turns = 2 * np.pi * np.arange(12) / 12
    points[part_slice("outer_lips")] = np.stack([-14 * np.cos(turns), 20 - 5 * np.sin(turns)], axis=1)
    points[part_slice("inner_lips")] = points[part_slice("outer_lips")][:8]
    return np.array(middle) + unit * points


def test_the_parts_are_the_68_points():
    names = names_of_68()
    assert len(names) == 68
    assert part_slice("right_eye") == slice(42, 48)
    assert names[48:60] == [f"outer_lips_{number:02d}" for number in range(1, 13)]


def test_centres_are_the_means_of_eyes_and_outer_lips():
    np.testing.assert_allclose(centres(face_points()), [(80, 82), (120, 82), (100, 120)])


def test_a_transform_of_the_plane_is_found_exactly():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(3, 2))
    turn, scale = np.deg2rad(30), 1.7
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    fitted = Similarity.fit(points, points @ matrix.T + (5, -3))
    np.testing.assert_allclose(fitted.scale, 1.7)
    np.testing.assert_allclose(fitted.move([[2.0, 1.0]]), [matrix @ (2, 1) + (5, -3)])
    np.testing.assert_allclose(fitted.inverse().move(fitted.move(points)), points)


def test_the_transform_is_the_one_of_least_squares():
    rng = np.random.default_rng(1)
    points, targets = rng.normal(size=(2, 3, 2))
    # Unknowns a, b, s, t: x' = a x - b y + s and y' = b x + a y + t.
    x, y = points.T
    ones, zeros = np.ones(3), np.zeros(3)
    rows = np.concatenate([np.stack([x, -y, ones, zeros], 1), np.stack([y, x, zeros, ones], 1)])
    a, b, s, t = np.linalg.lstsq(rows, targets.T.ravel(), rcond=None)[0]
    fitted = Similarity.fit(points, targets)
    np.testing.assert_allclose([fitted.factor, fitted.shift], [a + 1j * b, s + 1j * t])


def test_eyes_and_mouth_come_to_their_places():
    # Eyes 40 apart and lips 38 below: the targets of the default crop have 53.76 and 49.92 pixels, so the scale is a
    # compromise: the sum of products over the sum of squares of the centred source.
    fitted = Similarity.fit(centres(face_points()), Crop().targets)
    np.testing.assert_allclose(
        fitted.factor, (2 * 20 * 26.88 + 38 * 49.92 * 2 / 3) / (2 * 400 + 38**2 * 2 / 3)
    )
    mean = fitted.move(centres(face_points())).mean(axis=0)
    np.testing.assert_allclose(mean, (64, 128 * (0.34 + 0.34 + 0.73) / 3))
    fitting = Crop(size=100, eye_x=0.3, eye_y=0.3, mouth_y=0.68)
    np.testing.assert_allclose(
        Similarity.fit(centres(face_points()), fitting.targets).move(centres(face_points())),
        [(30, 30), (70, 30), (50, 68)],
    )


@pytest.mark.parametrize(("turn", "scale"), [(0, 1), (0, 3), (20, 2.5), (-15, 0.7)])
def test_pixels_move_with_the_points(turn, scale):
    # Grey that rises linearly along x and y is the same in the aligned image, at the moved places.
    columns, rows = np.meshgrid(np.arange(400) + 0.5, np.arange(300) + 0.5)
    photograph = Image.fromarray(np.rint(0.3 * columns + 0.2 * rows + 10).astype(np.uint8))
    turned = np.deg2rad(turn)
    spin = np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
    points = (face_points((0, 0)) * scale) @ spin.T + (200, 150)
    crop = Crop(size=64)
    to_crop = Similarity.fit(centres(points), crop.targets)
    image = align(photograph, to_crop, crop)
    assert image.size == (64, 64)
    middle = np.arange(64) + 0.5
    back = to_crop.inverse().move(np.stack(np.meshgrid(middle, middle), axis=-1))
    expected = 0.3 * back[..., 0] + 0.2 * back[..., 1] + 10
    inside = (np.abs(back - (200, 150)) < (190, 140)).all(axis=-1)
    assert inside.mean() > 0.9
    difference = np.asarray(image)[inside] - expected[inside]
    assert np.abs(difference).max() < 1.01
    assert abs(difference.mean()) < 0.03


def test_a_larger_photograph_is_averaged():
    # Stripes of one pixel have no grey in between; averaged over an aligned pixel they are grey.
    stripes = np.zeros((600, 600), dtype=np.uint8)
    stripes[:, ::2] = 255
    points = face_points((300, 300), unit=6)
    crop = Crop(size=64)
    image = align(Image.fromarray(stripes), Similarity.fit(centres(points), crop.targets), crop)
    assert np.asarray(image).std() < 20


def test_the_share_outside_the_photograph():
    crop = Crop(size=100)
    assert outside_share(Similarity(1, 0), crop, 100, 100) == 0
    assert outside_share(Similarity(1, 0), crop, 90, 100) == pytest.approx(0.1)
    assert outside_share(Similarity(1, 20 + 0j), crop, 200, 50) == pytest.approx(1 - 0.8 * 0.5)
    white = align(Image.fromarray(np.full((100, 90), 200, np.uint8)), Similarity(1, 0), crop)
    assert np.asarray(white).min() == 200


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 8}, "the size must be at least 16 pixels, got 8"),
        ({"eye_x": 0.6}, "the crop must have 0 < EYE_X < 0.5 and 0 < EYE_Y < MOUTH_Y < 1, got 0.6,0.34,0.73"),
        ({"mouth_y": 0.3}, "got 0.29,0.34,0.3"),
    ],
)
def test_crops_that_cannot_be(values, message):
    with pytest.raises(UsageError) as caught:
        Crop(**values)
    assert message in str(caught.value)


HEAD = np.array(
    [(0, 0, 0), (0, 330, 65), (-225, -170, 135), (225, -170, 135), (-150, 150, 125), (150, 150, 125)], float
)


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (12, 0, 0), (0, -9, 0), (0, 0, 7), (-8, 5, 3)])
def test_the_pose_of_a_projected_head(yaw, pitch, roll):
    y, p, r = np.deg2rad([yaw, pitch, roll])
    turn_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    turn_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    turn_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    turned = HEAD @ (turn_y @ turn_x @ turn_z).T

    # The distance at which the outer corners of the eyes are half a focal length apart in the image.
    def corners(distance):
        left, right = (turned[place, :2] / (turned[place, 2] + distance) for place in (2, 3))
        return np.linalg.norm(right - left) - 0.5

    seen = turned[:, :2] / (turned[:, 2:] + brentq(corners, 500, 2000))
    points = np.zeros((68, 2))
    points[[30, 8, 36, 45, 48, 54]] = 90 * seen + (17, 240)
    pose = head_pose(points)
    np.testing.assert_allclose((pose.yaw, pose.pitch, pose.roll), (yaw, pitch, roll), atol=1e-3)


def test_the_nose_of_a_turned_head_moves_with_the_turn():
    left, down = face_points(), face_points()
    left[30] -= (6, 0)
    down[30] += (0, 6)
    assert head_pose(left).yaw > 5
    assert head_pose(down).pitch > 5
    smaller = face_points(middle=(20, 900), unit=0.3)
    smaller[30] -= (1.8, 0)
    assert head_pose(smaller).yaw == pytest.approx(head_pose(left).yaw, abs=1e-3)


def test_the_nose_beside_the_middle():
    points = face_points()
    assert nose_offset(points) == pytest.approx(0)
    points[part_slice("nose_ridge")] += (4, 0)
    points[part_slice("nostrils")] += (4, 0)
    assert nose_offset(points) == pytest.approx(0.1)


def test_each_photograph_is_kept_or_has_a_reason():
    nose = face_points()
    nose[27:36] += (8, 0)
    tilted = face_points()
    tilted[30] += (0, 10)
    faces = {
        "a": [Face(2.0, face_points())],
        "b": [],
        "c": [Face(0.5, face_points())],
        "d": [Face(2.0, face_points()), Face(0.9, face_points())],
        "e": [Face(2.0, face_points()), Face(0.2, face_points())],
        "f": [Face(2.0, face_points(unit=0.5))],
        "g": [Face(2.0, nose)],
        "h": [Face(2.0, face_points(middle=(30, 100)))],
        "i": [Face(2.0, tilted)],
        "j": [Face(2.0, face_points())],
    }
    opened = []

    def open_photograph(name):
        opened.append(name)
        if name == "k":
            raise DatasetError("the image of k cannot be read")
        return Image.new("RGB", (200, 200))

    kept, left_out = choose_frontal(
        [*faces, "k"], open_photograph, lambda pixels: faces[opened[-1]], crop=Crop(), limits=Limits()
    )
    assert list(kept) == ["a", "e", "j"]
    assert {one.photograph: (one.reason, one.detail) for one in left_out} == {
        "b": ("no face", ""),
        "c": ("doubtful face", "score 0.50, below 0.8"),
        "d": ("several faces", "2 faces with a score of at least 0.8"),
        "f": ("small face", "eyes 20.0 pixels apart, below 30"),
        "g": ("turned to a side", "nose 0.200 from the middle, above 0.12"),
        "h": ("cut off", "18.8 % of the crop outside the photograph, above 3 %"),
        "i": ("raised or lowered", left_out[6].detail),
        "k": ("unreadable", "the image of k cannot be read"),
    }
    assert "more than 10° from the median" in left_out[6].detail
    assert [one.photograph for one in left_out] == ["b", "c", "d", "f", "g", "h", "i", "k"]
    assert count_reasons(left_out)["small face"] == 1
