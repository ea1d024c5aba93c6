"""Columns of a stimulus table that name the images; the neurons respond to the brightness of their image."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, StimulusMismatchError

LEVELS = np.array([10, 200, 90, 40, 140, 220])
ORDER = np.array([3, 1, 5, 0, 2, 4])
"""The image in each row of the table, which is the order of the stimulus axis."""

RESPONSES = np.stack([LEVELS[ORDER], LEVELS[ORDER] ** 2], axis=1).astype(float)
IDS = [f"im{number:02d}" for number in ORDER]
FILES = [f"{name}.png" for name in IDS]


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number, level in enumerate(LEVELS):
        pixels = np.full((8, 8), level, dtype=np.uint8)
        pixels[number, 0] = 0
        Image.fromarray(pixels).save(folder / f"im{number:02d}.png")
    return folder


@pytest.fixture(params=["csv", "frame", "index"])
def table(request, tmp_path):
    """Give the same table as CSV, as DataFrame and as DataFrame with the column as its index."""

    def make(columns):
        frame = pd.DataFrame(columns)
        if request.param == "index":
            return frame.set_index(frame.columns[0])
        if request.param == "frame":
            return frame
        frame.to_csv(tmp_path / "stimuli.csv", index=False)
        return tmp_path / "stimuli.csv"

    return make


def bring(stimuli, images=None, **options):
    return import_dataset(
        "d", responses=RESPONSES, axes="stimulus,neuroid", stimuli=stimuli, images=images, **options
    )


def brightness_follows(imported):
    pixels = imported.stimuli.select(imported.responses["stimulus"].values).pixels()
    levels = np.rint(np.median(pixels, axis=(1, 2)) * 255)
    return imported.responses.values[:, 0].tolist() == levels.tolist()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("stimulus_id", IDS),
        ("image_id", IDS),
        ("StimulusID", IDS),
        ("Stimulus ID", IDS),
        ("IMAGE_ID", IDS),
        ("filename", FILES),
        ("Filename", FILES),
        ("file_name", FILES),
        ("image_file_name", FILES),
        ("image_path", [f"/home/them/.brainio/{name}" for name in FILES]),
        ("stimulus_path", [f"C:\\them\\stimuli\\{name}" for name in FILES]),
    ],
)
def test_the_column_is_found_whatever_its_letters(table, images, column, values):
    imported = bring(table({column: values, "category": list("ababab")}), images)
    assert brightness_follows(imported)
    assert imported.responses["stimulus"].values.tolist() == sorted(IDS)
    canonical = "filename" if values is not IDS else "stimulus_id"
    note = f"Column {column} of the stimulus table is taken as {canonical}."
    assert (note in imported.metadata["notes"]) == (column != canonical)


@pytest.mark.parametrize(
    ("column", "values"),
    [("image", IDS), ("image_name", FILES), ("file", FILES), ("shown", [name.upper() for name in IDS])],
)
def test_a_column_that_names_other_images_stops_the_import(table, images, column, values):
    message = (
        rf"column '{column}' of the stimulus table names the images in another order than their sorted names "
        r"\(row 1: im03, in sorted order im00\); call the column stimulus_id or filename"
    )
    with pytest.raises(StimulusMismatchError, match=message):
        bring(table({column: values, "category": list("ababab")}), images)


def test_numbers_name_images_that_are_called_by_them(table, tmp_path):
    folder = tmp_path / "numbered"
    folder.mkdir()
    for number in range(6):
        Image.fromarray(np.full((4, 4), LEVELS[number], dtype=np.uint8)).save(folder / f"{number:03d}.png")
    with pytest.raises(
        StimulusMismatchError, match=r"column 'picture' .* \(row 1: 003, in sorted order 000\)"
    ):
        bring(table({"picture": ORDER}), folder)


def test_columns_that_are_not_of_images_do_not_stop_the_import(table, images):
    columns = {"category": ["im00", "im01"] * 3, "original": FILES, "shown": sorted(IDS)}
    assert bring(table(columns), images).responses["stimulus"].values.tolist() == sorted(IDS)


def test_a_column_with_repetitions_is_named_before_the_numbers(images):
    twice = np.tile(IDS, 2)
    with pytest.raises(
        StimulusMismatchError, match="column 'image' of the stimulus table names the images in ano"
    ):
        import_dataset(
            "d",
            responses=np.vstack([RESPONSES, RESPONSES]),
            axes="stimulus,neuroid",
            stimuli=pd.DataFrame({"image": twice}),
            images=images,
        )


def test_files_without_images_are_not_numbered_by_position(table):
    with pytest.raises(
        StimulusMismatchError, match="column 'image_name' of the stimulus table names image files"
    ):
        bring(table({"image_name": FILES}))


def test_two_columns_of_files_must_agree(images):
    with pytest.raises(
        StimulusMismatchError,
        match=r"column 'picture' .* names the image im00\.png for stimulus im03, which has another",
    ):
        bring(pd.DataFrame({"stimulus_id": IDS, "picture": sorted(FILES)}), images)
    assert brightness_follows(bring(pd.DataFrame({"stimulus_id": IDS, "picture": FILES}), images))


@pytest.mark.parametrize("missing", [None, np.nan, "", " "])
@pytest.mark.parametrize("column", ["stimulus_id", "Image_ID", "filename"])
def test_missing_ids_are_errors(table, column, missing):
    values = list(FILES if column == "filename" else IDS)
    values[2] = missing
    with pytest.raises(DatasetError, match=rf"row [34] of the stimulus table.* has no {column}"):
        bring(table({column: values, "category": list("ababab")}))


def test_columns_of_the_same_name_are_refused():
    with pytest.raises(
        DatasetError, match="has the columns Stimulus_ID, StimulusId, which have the same meaning"
    ):
        bring(pd.DataFrame({"Stimulus_ID": IDS, "StimulusId": IDS[::-1]}))


def test_marks_are_found_whatever_their_letters(table):
    imported = bring(table({"stimulus_id": IDS, "Training": [True, False] * 3}))
    assert imported.stimuli.training().ids.tolist() == IDS[::2]


def test_the_table_of_a_dataset_names_its_stimuli(images):
    first = bring(pd.DataFrame({"stimulus_id": IDS}), images)
    again = import_dataset(
        "again", responses=RESPONSES, axes="stimulus,neuroid", stimuli=first.stimuli.table, images=images
    )
    assert again.responses["stimulus"].values.tolist() == first.responses["stimulus"].values.tolist()
    assert again.responses.values.tolist() == first.responses.values.tolist()


def test_an_id_means_one_image(images):
    table = pd.DataFrame({"stimulus_id": list("aabcde"), "filename": FILES})
    with pytest.raises(
        StimulusMismatchError, match="gives 1 stimuli several file names: a; a stimulus id must denote"
    ):
        bring(table, images)


def test_rows_with_more_cells_than_the_header_are_refused(tmp_path):
    (tmp_path / "s.csv").write_text("stimulus_id,view\n" + "".join(f"{name},left,1\n" for name in IDS))
    with pytest.raises(DatasetError, match="cannot read the stimulus table"):
        bring(tmp_path / "s.csv")


def test_inputs_of_other_kinds_are_named():
    from neuroalign.errors import UsageError

    with pytest.raises(UsageError, match=r"stimuli must be a path or a pandas\.DataFrame, got list"):
        bring(IDS)
    with pytest.raises(UsageError, match="images must be a path, got list"):
        bring(None, ["a.png"])
