"""Files of one recording that spell the same ids with composed letters and with separate accents."""

from unicodedata import normalize

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import StimulusMismatchError

IDS = ["b\u00e4r0", "b\u00e4r1", "b\u00e4r2"]
OTHERS = [normalize("NFD", name) for name in IDS]
Y = np.arange(6.0).reshape(3, 2) ** 2


@pytest.fixture
def recorded(tmp_path):
    """Responses of neurons with accents to stimuli with composed letters."""
    frame = pd.DataFrame(Y, index=IDS, columns=["\u00fc", "v"])
    frame.to_csv(tmp_path / "responses.csv")
    frame.iloc[::-1].set_axis(OTHERS[::-1]).set_axis(["w", "x"], axis=1).to_csv(tmp_path / "more.csv")
    (0.1 + 0 * frame).set_axis(OTHERS).rename(columns=lambda name: normalize("NFD", name)).to_csv(
        tmp_path / "sem.csv"
    )
    folder = tmp_path / "images"
    folder.mkdir()
    for number, name in enumerate(OTHERS):
        Image.fromarray(np.full((4, 4), 10 * number, np.uint8)).save(folder / f"{name}.png")
    marks = "".join(f"{name},{x},1,2,1,2,3\n" for x, name in enumerate(OTHERS))
    header = "stimulus_id,left_x,left_y,right_x,right_y,nose_x,nose_y"
    (tmp_path / "marks.csv").write_text(f"{header}\n{marks}", encoding="utf-8")
    return {"responses": tmp_path / "responses.csv", "axes": "stimulus,neuroid", "force": True}


def test_every_file_of_an_import_may_have_its_own_spelling(recorded, tmp_path):
    table = pd.DataFrame({"stimulus_id": OTHERS, "size": [3, 1, 2]})
    neurons = pd.DataFrame({"neuroid_id": [normalize("NFD", "\u00fc"), "v"], "region": ["V4", "IT"]})
    dataset = import_dataset(
        "d",
        **recorded,
        stimuli=table,
        neurons=neurons,
        sem=tmp_path / "sem.csv",
        images=tmp_path / "images",
        landmarks=tmp_path / "marks.csv",
        held_out=[OTHERS[2], f"{OTHERS[1]}.png"],
    )
    assert dataset.stimuli.ids.tolist() == IDS
    assert dataset.stimuli.table["size"].tolist() == [3, 1, 2]
    assert dataset.stimuli.held_out().ids.tolist() == IDS[1:]
    np.testing.assert_array_equal(dataset.responses.sel(stimulus=IDS).values, Y)
    np.testing.assert_allclose(dataset.stimuli.pixels()[:, 0, 0], [0, 10 / 255, 20 / 255])
    assert dataset.stimuli.landmarks.sel(stimulus=IDS).values[:, 0, 0].tolist() == [0, 1, 2]
    assert dataset.recording["region"].values.tolist() == ["V4", "IT"]


def test_files_with_further_neurons_join_by_any_spelling(recorded, tmp_path):
    joined = import_dataset("d", **recorded | {"responses": [recorded["responses"], tmp_path / "more.csv"]})
    assert joined.stimuli.ids.tolist() == IDS
    np.testing.assert_array_equal(joined.responses.sel(stimulus=IDS).values, np.hstack([Y, Y]))


def test_a_stimulus_is_left_out_by_any_spelling(recorded, tmp_path):
    dataset = import_dataset("d", **recorded, images=tmp_path / "images", drop_stimuli=[OTHERS[0]])
    assert dataset.recording["stimulus_id"].values.tolist() == IDS[1:]


def test_listed_images_are_the_recorded_stimuli(recorded, tmp_path):
    dataset = import_dataset("d", **recorded, images=tmp_path / "images", training=OTHERS[:2])
    assert dataset.stimuli.ids.tolist() == IDS
    assert dataset.stimuli.training().ids.tolist() == IDS[:2]


def test_other_letters_are_other_stimuli(recorded):
    with pytest.raises(StimulusMismatchError, match="1 recorded stimuli are not in the stimulus table"):
        import_dataset("d", **recorded, stimuli=pd.DataFrame({"stimulus_id": [*OTHERS[:2], "bar2"]}))
