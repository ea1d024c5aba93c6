"""Images that are the same, or nearly, are named; independent ones never are."""

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroalign.datasets.image_survey import ImageSurvey, notes_on_images, unmarked
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.inspecting import validate


def blobs(seed, size=(120, 90)):
    """A smooth random picture, as natural images are."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


def compressed(image, quality):
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def noisy(image, deviation):
    noise = np.random.default_rng(9).normal(0, deviation, np.asarray(image).shape)
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def survey(**images):
    made = ImageSurvey(images.__getitem__)
    for name, image in images.items():
        made.add(name, image)
    return made


def test_equal_pixels_in_other_files_are_identical(tmp_path):
    blobs(0).save(tmp_path / "a.png")
    blobs(0).save(tmp_path / "b.bmp")
    result = survey(a=Image.open(tmp_path / "a.png"), c=blobs(1), b=Image.open(tmp_path / "b.bmp"))
    assert result.identical() == [["a", "b"]]
    assert result.similar() == []


@pytest.mark.parametrize(
    "change",
    [
        lambda image: compressed(image, 60),
        lambda image: noisy(image, 4),
        lambda image: image.resize((240, 180), Image.Resampling.BICUBIC),
    ],
    ids=["compressed", "noise", "resized"],
)
def test_copies_are_similar(change):
    result = survey(a=blobs(0), other=blobs(1), b=change(blobs(0)))
    assert result.identical() == []
    assert result.similar() == [["a", "b"]]


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda image: image.transform(image.size, Image.Transform.AFFINE, (1, 0, 12, 0, 1, 0)),
        lambda image: image.point(lambda value: value // 2),
        lambda image: Image.merge("RGB", image.split()[::-1]),
    ],
    ids=["mirrored", "shifted", "darker", "recoloured"],
)
def test_manipulations_of_an_experiment_are_not(change):
    assert survey(a=blobs(0), b=change(blobs(0))).similar() == []


def grating(cycles, angle, phase=0.0, size=128):
    y, x = (np.mgrid[:size, :size] / size) - 0.5
    wave = np.sin(2 * np.pi * cycles * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    return Image.fromarray(np.where(x**2 + y**2 < 0.2, 127 + 100 * wave, 20).astype(np.uint8))


def test_stimuli_that_share_all_but_a_fine_pattern_are_not():
    images = {"opposite": grating(3, 0.0, np.pi)}
    for index, angle in enumerate(np.arange(8) * np.pi / 8):
        for cycles in (3, 12, 24):
            images[f"{index}-{cycles}"] = grating(cycles, angle)
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (512, 512), dtype=np.uint8)
        images[f"noise {number}"] = Image.fromarray(noise)
    for level in range(0, 256, 3):
        images[f"grey {level}"] = Image.new("L", (32, 32), level)
    made = survey(**images)
    assert made.identical() == []
    assert made.similar() == []


def test_chains_make_one_group_and_copies_stand_once():
    base = blobs(0)
    result = survey(a=base, b=base.copy(), c=noisy(base, 3), d=compressed(base, 80))
    assert result.identical() == [["a", "b"]]
    assert result.similar() == [["a", "c", "d"]]


def test_marked_variants_are_not_named():
    groups = [["a", "b", "c"], ["d", "e"]]
    assert unmarked(groups, pd.DataFrame(index=list("abcde"))) == groups
    table = pd.DataFrame({"original": [np.nan, "a", "a", None, ""]}, index=list("abcde"))
    assert unmarked(groups, table) == [["d", "e"]]
    table = pd.DataFrame({"original": ["z", "z", "z", "d", "y"]}, index=list("abcde"))
    assert unmarked(groups, table) == [["d", "e"]]


def test_shapes_are_named():
    result = survey(a=blobs(0, (160, 40)), b=blobs(1, (40, 40)), c=blobs(2, (80, 20)))
    assert notes_on_images(result, pd.DataFrame(index=list("abc"))) == [
        "Images differ in shape (width × height: 160 × 40, 40 × 40): models that take square images see them "
        "stretched by different factors; pad or crop them to one shape if that matters."
    ]
    assert (
        notes_on_images(survey(a=blobs(0, (160, 40)), b=blobs(1, (80, 20))), pd.DataFrame(index=["a", "b"]))
        == []
    )


NOTE = (
    "The images of 2 stimuli have {} the image of another stimulus: {}. If they are variants of one picture, name the "
    "first one's stimulus_id in the column original of the stimulus table for the others, so that folds keep them "
    "together."
)


def test_import_and_validation_name_them(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name, image in {
        "a": blobs(0),
        "b": blobs(1),
        "c": blobs(0),
        "d": noisy(blobs(1), 3),
        "e": blobs(2),
    }.items():
        image.save(folder / f"{name}.png")
    (folder / "c.png").rename(folder / "c.png.old")
    blobs(0).save(folder / "c.bmp")
    values = np.random.default_rng(0).random((5, 3))
    result = import_dataset("d", responses=values, axes="stimulus,neuroid", images=folder)
    notes = [NOTE.format("the same pixels as", "a = c"), NOTE.format("nearly the same pixels as", "b ≈ d")]
    assert result.metadata["notes"][1:] == notes
    report = validate(result)
    assert report["identical_images"] == ["a = c"]
    assert report["similar_images"] == ["b ≈ d"]
    assert report["notes"] == result.metadata["notes"]
    assert report["problems"] == []
    table = pd.DataFrame({"stimulus_id": list("abcde"), "original": [None, None, "a", "b", None]})
    marked = import_dataset("m", responses=values, axes="stimulus,neuroid", images=folder, stimuli=table)
    assert marked.metadata["notes"][1:] == [
        "5 stimuli are variants of 3 originals: variants of one original stay together in folds, draws and shuffles."
    ]
    report = validate(marked)
    assert report["identical_images"] == report["similar_images"] == []


def test_validation_names_them_in_a_folder_that_was_imported_before(dataset):
    images = dict.fromkeys(dataset.stimuli.ids[:2], np.asarray(blobs(0)))
    from neuroalign.datasets.stimuli import StimulusSet

    ids = dataset.stimuli.ids
    images |= {name: np.asarray(blobs(index)) for index, name in enumerate(ids[2:], start=1)}
    from dataclasses import replace

    report = validate(replace(dataset, stimuli=StimulusSet("s", pd.DataFrame(index=ids), images)))
    assert report["identical_images"] == ["s000 = s001"]
    assert report["notes"] == [NOTE.format("the same pixels as", "s000 = s001")]
