"""Parts of the face in the 68 landmarks of iBUG 300-W, and their names."""

#: Number of points of each part, in the order of the points (Sagonas et al. 2013). Left and right are sides of the
#: image.
PARTS = {
    "jaw": 17,
    "left_brow": 5,
    "right_brow": 5,
    "nose_ridge": 4,
    "nostrils": 5,
    "left_eye": 6,
    "right_eye": 6,
    "outer_lips": 12,
    "inner_lips": 8,
}


def names_of_68() -> list[str]:
    """Return the names of the 68 points in their order: ``jaw_01``, ``jaw_02``, …, ``inner_lips_08``."""
    return [f"{part}_{number:02d}" for part, n in PARTS.items() for number in range(1, n + 1)]


def part_slice(part: str) -> slice:
    """Return the places of the points of a part among the 68 points."""
    parts = list(PARTS)
    start = sum(PARTS[earlier] for earlier in parts[: parts.index(part)])
    return slice(start, start + PARTS[part])
