"""Stacks of images: axes, grey levels, ids, and pairing with stimuli."""

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
from PIL import Image

from neuroalign.cli import run
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, UnknownNameError, UsageError

N, HEIGHT, WIDTH = 6, 4, 5
STACK = np.random.default_rng(0).integers(0, 256, (N, HEIGHT, WIDTH, 3), dtype=np.uint8)
RESPONSES = np.random.default_rng(1).random((N, 3))


def add(images, name="d", **options):
    given = {"responses": RESPONSES, "axes": "stimulus,neuroid", "force": True, **options}
    return import_dataset(name, images=images, **given)


def pixels(dataset, stimulus):
    return np.asarray(dataset.stimuli.open(stimulus))


@pytest.mark.slow
@pytest.mark.parametrize(
    "order",
    [(0, 1, 2, 3), (0, 3, 1, 2), (1, 2, 3, 0), (3, 1, 2, 0), (1, 2, 0, 3)],
    ids=lambda order: str(order),
)
@pytest.mark.parametrize("kind", ["npy", "fortran", "npz", "mat", "memory"])
def test_the_image_of_each_stimulus(tmp_path, order, kind):
    values = STACK.transpose(order)
    given = tmp_path / "stack.npy"
    if kind == "memory":
        given = values
    elif kind == "npz":
        given = tmp_path / "stack.npz"
        np.savez_compressed(given, images=values)
    elif kind == "mat":
        given = tmp_path / "stack.mat"
        scipy.io.savemat(given, {"images": values})
    else:
        np.save(given, np.asfortranarray(values) if kind == "fortran" else np.ascontiguousarray(values))
    imported = add(given)
    for number in range(N):
        np.testing.assert_array_equal(pixels(imported, str(number)), STACK[number])
    notes = " ".join(imported.metadata["notes"])
    assert "The 6 images are taken in the order of the stimulus axis: the first is the image of 0." in notes
    assert "--image-axes names another order" in notes


def test_matlab_73_has_the_axes_of_matlab(tmp_path):
    path = tmp_path / "stack.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        # MATLAB: height × width × 3 × images; HDF5 has the reverse.
        node = file.create_dataset("images", data=STACK.transpose(1, 2, 3, 0).T)
        node.attrs["MATLAB_class"] = np.bytes_("uint8")
    with path.open("r+b") as opened:
        opened.write(b"MATLAB 7.3 MAT-file".ljust(512))
    np.testing.assert_array_equal(pixels(add(path), "2"), STACK[2])


def test_plain_hdf5_needs_axes(tmp_path):
    path = tmp_path / "stack.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "images", data=STACK.transpose(0, 3, 2, 1), chunks=(2, 3, WIDTH, HEIGHT), compression=1
        )
        file["stimulus_id"] = [f"s{number}" for number in range(N)][::-1]
    with pytest.raises(
        DatasetError, match=r"images of stack.h5 is 6 × 3 × 5 × 4 in the order of h5py.*--image-axes"
    ):
        add(path)
    table = pd.DataFrame({"stimulus_id": [f"s{number}" for number in range(N)]})
    imported = add(path, image_axes="image,channel,width,height", stimuli=table)
    np.testing.assert_array_equal(pixels(imported, "s0"), STACK[-1])
    assert any("paired with stimuli by the ids in the file" in note for note in imported.metadata["notes"])


def test_ids_in_the_file(tmp_path):
    ids = np.array(["b", "a", "c", "e", "d", "f"])
    np.savez(tmp_path / "x.npz", images=STACK, stimulus_id=ids)
    table = pd.DataFrame({"stimulus_id": list("abcdef")})
    np.testing.assert_array_equal(pixels(add(tmp_path / "x.npz", stimuli=table), "a"), STACK[1])
    np.savez(tmp_path / "y.npz", images=STACK, ids=np.array(["b", "b", "c", "e", "d", "f"]))
    with pytest.raises(DatasetError, match=r"the ids of the images in images of y.npz repeat"):
        add(tmp_path / "y.npz", stimuli=table)
    np.savez(tmp_path / "z.npz", images=STACK, ids=np.arange(N))
    with pytest.raises(DatasetError, match="6 stimuli have no image in their file: a, b"):
        add(tmp_path / "z.npz", stimuli=table)
    cells = np.array([[name] for name in ids], dtype=object)
    scipy.io.savemat(tmp_path / "x.mat", {"images": STACK, "image_id": cells})
    np.testing.assert_array_equal(pixels(add(tmp_path / "x.mat", stimuli=table), "a"), STACK[1])


def test_axes_that_are_not_certain(tmp_path):
    with pytest.raises(DatasetError, match=r"not certain which axis of .* \(6 × 6 × 5\) numbers the images"):
        add(np.zeros((6, 6, 5), dtype=np.uint8))
    with pytest.raises(DatasetError, match=r"not certain which axis of .* \(6 × 3 × 5 × 3\) has the colours"):
        add(np.zeros((6, 3, 5, 3), dtype=np.uint8))
    with pytest.raises(
        DatasetError, match=r"no axis of .* \(7 × 4 × 5\) has the length 6, the number of stimuli"
    ):
        add(np.zeros((7, 4, 5), dtype=np.uint8))
    square = STACK[:, :, :4, 0].transpose(0, 2, 1).copy()
    imported = add(square, image_axes=["image", "width", "height"])
    np.testing.assert_array_equal(pixels(imported, "1"), STACK[1, :, :4, 0])
    with pytest.raises(UsageError, match=r"has 3 axes .*and --image-axes names 4"):
        add(square, image_axes="image,height,width,channel")
    with pytest.raises(UnknownNameError, match="no axis of a stack of images is called 'hight'"):
        add(square, image_axes="image,hight,width")
    with pytest.raises(UsageError, match="describe a stack of images"):
        add(None, image_axes="image,height,width")


def test_grey_levels_are_never_rescaled_without_a_note():
    grey = STACK[..., 0]
    unit = add(grey / np.float32(255))
    np.testing.assert_array_equal(pixels(unit, "3"), grey[3])
    assert any(
        "float32 from" in note and "multiplied by 255, and rounded" in note for note in unit.metadata["notes"]
    )
    levels = add(grey.astype(np.float64))
    np.testing.assert_array_equal(pixels(levels, "3"), grey[3])
    assert any("taken as grey levels from 0 to 255." in note for note in levels.metadata["notes"])
    halves = add(grey / 2)
    assert any("from 0 to 255, and rounded to whole numbers" in note for note in halves.metadata["notes"])
    dark = add(grey / np.float32(255), image_white=255)
    assert pixels(dark, "3").max() <= 1
    binary = (grey > 127).astype(np.float32)
    with pytest.raises(DatasetError, match=r"white may be 1 or 255 .*--image-white 1\|255"):
        add(binary)
    np.testing.assert_array_equal(pixels(add(binary, image_white=1), "0"), 255 * (grey[0] > 127))
    np.testing.assert_array_equal(pixels(add(grey > 127), "0"), 255 * (grey[0] > 127))
    with pytest.raises(DatasetError, match=r"from -.*never standardised values"):
        add(grey / 255 - 0.5)
    with pytest.raises(DatasetError, match="NaN or infinite"):
        add(np.where(grey == grey.max(), np.nan, grey))
    with pytest.raises(UsageError, match="--image-white must be 1 or 255"):
        add(grey / 255, image_white=7)


def test_two_possible_orders_are_asked(tmp_path):
    labels = pd.DataFrame(RESPONSES, index=list("abcdef"), columns=["n1", "n2", "n3"])
    table = pd.DataFrame({"stimulus_id": list("fedcba")})
    with pytest.raises(
        DatasetError, match="the stimulus axis or of the rows of the stimulus table, which differ"
    ):
        add(STACK, responses=labels, stimuli=table)
    imported = add(STACK, responses=labels)
    np.testing.assert_array_equal(pixels(imported, "c"), STACK[2])


def test_dropped_stimuli_do_not_move_the_images():
    responses = RESPONSES.copy()
    responses[1, 0] = np.nan
    imported = add(STACK, responses=responses, drop=["incomplete-stimuli"])
    np.testing.assert_array_equal(pixels(imported, "2"), STACK[2])


def test_the_same_bytes_as_files_of_png(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(N):
        Image.fromarray(STACK[number]).save(folder / f"{number}.png")
    assert add(folder).stimuli.content_hash == add(STACK).stimuli.content_hash


def test_other_files(tmp_path, nothing_is_left):
    np.save(tmp_path / "flat.npy", np.zeros((6, 5)))
    with pytest.raises(DatasetError, match=r"must hold one array of images .* got flat.npy \(6 × 5\)"):
        add(tmp_path / "flat.npy")
    np.savez(tmp_path / "two.npz", a=STACK, b=STACK)
    with pytest.raises(DatasetError, match=r"must hold one array of images .* got a .*, b"):
        add(tmp_path / "two.npz")
    np.save(tmp_path / "objects.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match="cannot read the images in"):
        add(tmp_path / "objects.npy")
    for suffix in (".npy", ".npz", ".mat", ".h5"):
        (tmp_path / f"damaged{suffix}").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
        with pytest.raises((DatasetError, UsageError)) as caught:
            add(tmp_path / f"damaged{suffix}")
        assert "\n" not in str(caught.value)
    assert nothing_is_left()


def test_the_command(tmp_path, capsys):
    np.save(tmp_path / "r.npy", RESPONSES)
    np.save(tmp_path / "i.npy", (STACK > 127).astype(np.int64))
    call = ["data", "add", "d", "--responses", str(tmp_path / "r.npy"), "--axes", "stimulus,neuroid"]
    call += [
        "--images",
        str(tmp_path / "i.npy"),
        "--image-axes",
        "image,height,width,channel",
        "--image-white",
        "1",
    ]
    assert run(call) == 0
    assert "were multiplied by 255" in capsys.readouterr().err
