import io
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError, MissingImagesError, StimulusMismatchError, UsageError

IDS = list("abcdef")
TABLE = pd.DataFrame(
    {
        "presented": [True, True, True, True, False, False],
        "training": [True, True, True, False, True, False],
        "who": [1, 1, 2, 2, 3, 3],
    },
    index=IDS,
)
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 4, 5), dtype=np.uint8)


def refused(message, error=DatasetError):
    """Expect an error with exactly this message."""
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def make_set(*, table=TABLE, pixels=PIXELS, name="faces", **options):
    return StimulusSet(name, table, dict(zip(IDS, pixels, strict=True)), **options)


@pytest.fixture
def files(tmp_path):
    """The images as files, by id."""
    paths = {name: tmp_path / f"{name}.png" for name in IDS}
    for path, pixels in zip(paths.values(), PIXELS, strict=True):
        Image.fromarray(pixels).save(path)
    return paths


def test_ids_are_text_and_unique():
    assert StimulusSet("s", pd.DataFrame(index=[3, 1])).ids.tolist() == ["3", "1"]
    with refused("stimulus ids must be unique; repeated: 1"):
        StimulusSet("s", pd.DataFrame(index=[1, 2, "1"]))


def test_the_callers_table_is_not_changed():
    table = pd.DataFrame({"x": [1, 2]}, index=[7, 8])
    stimuli = StimulusSet("s", table)
    stimuli.table.loc["7", "x"] = 0
    assert table.index.tolist() == [7, 8]
    assert table["x"].tolist() == [1, 2]


def test_every_stimulus_needs_its_image_if_there_are_any():
    with refused("2 stimuli have no image: b, d"):
        StimulusSet("s", TABLE, dict.fromkeys("acef", PIXELS[0]))
    bare = StimulusSet("bare", TABLE)
    assert repr(bare) == "<StimulusSet bare: 6 stimuli, no images>"
    with refused(
        "the stimulus set 'bare' has no images, and this model needs them; "
        "use a model without images, such as neurons:DATASET or neuron_subset",
        MissingImagesError,
    ):
        bare.pixels()


def test_select_keeps_the_order_asked_for():
    chosen = make_set().select(["e", "a"])
    assert chosen.ids.tolist() == ["e", "a"]
    np.testing.assert_array_equal(chosen.pixels(), PIXELS[[4, 0]] / np.float32(255))
    assert chosen.table["who"].tolist() == [3, 1]
    ids = "take ids of the set, which has a, b, c, d, e and 1 more"
    with refused(f"2 stimuli are not in the stimulus set 'faces': x, y; {ids}", StimulusMismatchError):
        make_set().select(["a", "x", "y"])


def test_one_image_of_an_unknown_stimulus():
    stimuli = make_set().select(["a", "b"])
    for read in (stimuli.open, stimuli.image_size, stimuli.image_bytes, stimuli.image_suffix):
        with refused(
            "1 stimulus is not in the stimulus set 'faces': c; take ids of the set, which has a, b",
            StimulusMismatchError,
        ):
            read("c")
    assert stimuli.open("b").size == (5, 4)
    with refused(
        "1 stimulus is not in the stimulus set 'none': a; take ids of the set, which is empty",
        StimulusMismatchError,
    ):
        StimulusSet("none", pd.DataFrame(), {}).open("a")


def test_batches_have_at_least_one_image():
    for size in (0, -1, "x", 1.5):
        with pytest.raises(UsageError, match="batch_size must be a whole number of at least 1, got"):
            next(make_set().batches(size))
    assert [len(batch) for batch in make_set().batches(np.int64(4))] == [4, 2]


def test_training_is_what_is_marked_and_mirrored_where_the_set_asks():
    plain, mirroring = make_set(), make_set(mirror_training=True)
    assert plain.training().ids.tolist() == ["a", "b", "c", "e"]
    np.testing.assert_array_equal(plain.training().pixels(), PIXELS[[0, 1, 2, 4]] / np.float32(255))
    np.testing.assert_array_equal(
        mirroring.training().pixels(), PIXELS[[0, 1, 2, 4], :, ::-1] / np.float32(255)
    )
    np.testing.assert_array_equal(mirroring.pixels(), PIXELS / np.float32(255))
    assert make_set(table=TABLE[["who"]]).training().ids.tolist() == IDS


def test_held_out_is_presented_and_not_trained_on():
    assert make_set().held_out().ids.tolist() == ["d"]
    assert not make_set(mirror_training=True).held_out().mirrored
    assert make_set(table=TABLE[["training"]]).held_out().ids.tolist() == ["d", "f"]
    assert make_set(table=TABLE[["who"]]).held_out() is None


def test_mirror_images_come_from_files_too(files):
    pixels = StimulusSet("s", TABLE, files, mirrored=True).pixels()
    np.testing.assert_array_equal(pixels, PIXELS[:, :, ::-1] / np.float32(255))


def test_pixels_are_floats_from_0_to_1():
    pixels = make_set(pixels=np.stack([np.full((2, 2), 51 * level, np.uint8) for level in range(6)])).pixels()
    assert pixels.dtype == np.float32
    assert pixels.shape == (6, 2, 2)
    np.testing.assert_allclose(pixels[:, 0, 0], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0], rtol=1e-6)


def test_grey_and_colour():
    red = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    red[..., 0] = 255
    assert StimulusSet.from_arrays(red).pixels(channels=3)[0, 0, 0].tolist() == [1.0, 0.0, 0.0]
    # ITU-R 601-2: red weighs 299/1000.
    np.testing.assert_allclose(StimulusSet.from_arrays(red).pixels(), 0.299, atol=1 / 255)
    np.testing.assert_array_equal(make_set().pixels(channels=3)[..., 1], make_set().pixels())
    with refused("channels must be 1 (grey) or 3 (RGB), got 4"):
        make_set().pixels(channels=4)


def test_resampling_is_antialiased():
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (1, 64, 32))
    shrunk = StimulusSet.from_arrays(stripes).pixels(16)
    assert shrunk.shape == (1, 16, 16)
    # Every second column would be all black or all white; the mean is neither.
    np.testing.assert_allclose(shrunk[:, :, 1:-1], 0.5, atol=0.02)


def test_size_changes_only_what_has_another():
    np.testing.assert_array_equal(
        StimulusSet.from_arrays(PIXELS[:, :, :4]).pixels(4), PIXELS[:, :, :4] / np.float32(255)
    )
    assert make_set().pixels(7).shape == (6, 7, 7)
    with refused("size must be at least 1 pixel, got 0"):
        make_set().pixels(0)


def test_images_of_several_sizes_need_one():
    images = {"a": np.zeros((4, 4), np.uint8), "b": np.zeros((6, 4), np.uint8)}
    stimuli = StimulusSet("mixed", pd.DataFrame(index=["a", "b"]), images)
    with refused("images must have one size, got (4, 4), (6, 4); give a size"):
        stimuli.pixels()
    assert stimuli.pixels(4).shape == (2, 4, 4)


@given(st.integers(1, 8))
def test_batches_are_the_pixels_in_pieces(batch_size):
    batches = list(make_set().batches(batch_size, size=3))
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    np.testing.assert_array_equal(np.concatenate(batches), make_set().pixels(3))


def test_no_stimuli_are_no_pixels():
    assert make_set().select([]).pixels(3).shape == (0, 3, 3)


def test_from_arrays():
    stimuli = StimulusSet.from_arrays(PIXELS / 255, ids=IDS)
    np.testing.assert_array_equal(stimuli.pixels(), make_set().pixels())
    assert StimulusSet.from_arrays(PIXELS).ids.tolist() == list("012345")


@pytest.mark.parametrize(
    ("images", "ids", "message"),
    [
        (np.zeros((3, 4)), None, "images must be (n, height, width[, 3]), got (3, 4)"),
        (np.zeros((3, 4, 4, 2)), None, "images must be (n, height, width[, 3]), got (3, 4, 4, 2)"),
        (np.zeros((3, 4, 4)), ["a"], "1 ids were given for 3 images"),
        (
            np.full((1, 2, 2), 1.5),
            None,
            "images must be uint8, or floats in [0, 1], got float64 from 1.5 to 1.5",
        ),
        (
            np.full((1, 2, 2), np.nan),
            None,
            "images must be uint8, or floats in [0, 1], got float64 from nan to nan",
        ),
        (
            np.arange(4).reshape(1, 2, 2),
            None,
            "images must be uint8, or floats in [0, 1], got int64 from 0 to 3",
        ),
    ],
)
def test_what_are_no_images(images, ids, message):
    with refused(message):
        StimulusSet.from_arrays(images, ids=ids)


def damage(content, kind):
    if kind == "cut":
        return content[: len(content) // 2]
    if kind == "checksum":
        at = content.index(b"IDAT") + 6
        return content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]
    if kind == "header":
        return content.replace(b"IHDR", b"IHDX")
    return b"hello" if kind == "text" else b""


@pytest.mark.parametrize("kind", ["cut", "checksum", "header", "text", "empty"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_damaged_images_are_named(files, kind, mirrored):
    files["c"].write_bytes(damage(files["c"].read_bytes(), kind))
    stimuli = StimulusSet("s", TABLE, files, mirrored=mirrored)
    with pytest.raises(DatasetError, match=r"^cannot read the image of stimulus 'c': .+"):
        stimuli.pixels()
    assert stimuli.select(["a", "b"]).pixels().shape == (2, 4, 5)


def test_missing_files_are_named(files):
    stimuli = StimulusSet("s", TABLE, files)
    files["d"].unlink()
    for read in (stimuli.pixels, lambda: stimuli.image_bytes("d"), lambda: stimuli.content_hash):
        with pytest.raises(DatasetError, match=r"^cannot read the image of stimulus 'd': .*No such file"):
            read()


def test_files_are_closed_again(files):
    image = StimulusSet("s", TABLE, files).open("a")
    assert getattr(image, "fp", None) is None
    np.testing.assert_array_equal(np.asarray(image), PIXELS[0])


def test_bytes_and_endings_of_images(files):
    stimuli = StimulusSet("s", TABLE, files)
    assert stimuli.image_bytes("b") == files["b"].read_bytes()
    assert stimuli.image_suffix("b") == make_set().image_suffix("b") == ".png"
    with Image.open(io.BytesIO(make_set().image_bytes("b"))) as image:
        np.testing.assert_array_equal(np.asarray(image), PIXELS[1])


def test_content_is_the_same_under_another_name_and_in_another_order(files):
    expected = make_set().content_hash
    assert make_set(name="other").content_hash == expected
    order = [3, 1, 0, 2, 5, 4]
    shuffled = StimulusSet("s", TABLE.iloc[order], {IDS[i]: PIXELS[i] for i in order})
    assert shuffled.content_hash == expected
    assert make_set().select(IDS[::-1]).content_hash == expected
    renamed = {name: path.rename(path.with_name(f"x{path.name}")) for name, path in files.items()}
    on_disk = StimulusSet("s", TABLE, renamed).content_hash
    for name, path in renamed.items():
        path.rename(files[name])
    assert StimulusSet("s", TABLE, files).content_hash == on_disk


def test_content_is_another_with_one_pixel_id_mark_or_mirror(files):
    pixels = PIXELS.copy()
    pixels[5, 3, 4] ^= 1
    marks = TABLE.assign(training=[True, True, True, False, True, True])
    sets = [
        make_set(),
        make_set(pixels=pixels),
        make_set(table=marks),
        make_set(table=TABLE.drop(columns="training")),
        make_set(mirror_training=True),
        make_set(mirrored=True),
        make_set().select(IDS[:5]),
        StimulusSet("s", TABLE),
        StimulusSet("s", TABLE.rename({"a": "g"}), dict(zip("gbcdef", PIXELS, strict=True))),
    ]
    assert len({stimuli.content_hash for stimuli in sets}) == len(sets)
    before = StimulusSet("s", TABLE, files).content_hash
    Image.fromarray(pixels[5]).save(files["f"])
    assert StimulusSet("s", TABLE, files).content_hash != before


def test_swapped_images_are_other_content():
    swapped = PIXELS[[1, 0, 2, 3, 4, 5]]
    assert make_set(pixels=swapped).content_hash != make_set().content_hash
