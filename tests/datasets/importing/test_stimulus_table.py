"""Names and properties of stimuli, without the rest of an import."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from neuroalign.datasets.importing.stimulus_columns import file_name, named_images, plain_name
from neuroalign.datasets.importing.stimulus_table import describe_stimuli, images_of, name_stimuli
from neuroalign.errors import StimulusMismatchError

TABLE = pd.DataFrame({"filename": ["in/b.png", "in/a.png"]})


@pytest.mark.parametrize(
    ("sources", "ids", "origin"),
    [
        ({"labels": np.array(["x", "y"])}, ["x", "y"], "the labels in the file of responses"),
        ({"table": TABLE.assign(stimulus_id=["p", "q"])}, ["p", "q"], "the ids in the stimulus table"),
        ({"table": TABLE}, ["b", "a"], "the file names in the stimulus table"),
        (
            {"image_names": ["z2.png", "z1.png"]},
            ["z1", "z2"],
            "the images' file names, sorted by name: the first is z1",
        ),
        ({}, ["0", "1"], "their position, numbered from 0"),
    ],
)
def test_the_first_available_source_names_the_stimuli(sources, ids, origin):
    named = name_stimuli(2, **sources)
    assert (named.ids.tolist(), named.origin) == (ids, origin)


def test_labels_come_before_every_other_source():
    named = name_stimuli(2, labels=np.array(["x", "y"]), table=TABLE, image_names=["b.png"])
    assert named.ids.tolist() == ["x", "y"]


def test_properties_of_the_table_and_of_the_file_are_joined():
    table = pd.DataFrame({"stimulus_id": ["a", "b", "a"], "age": [1, 2, 1], "block": [1, 1, 2]})
    from_file = pd.DataFrame({"view": ["left", "up"], "age": [2.0, 1.0]}, index=["b", "a"])
    described, left_out = describe_stimuli(np.array(["b", "a", "a"]), None, table, from_file)
    assert left_out == ["block"]
    assert described.loc["a"].to_dict() == {"age": 1, "view": "up"}
    assert described.loc["b"].to_dict() == {"age": 2, "view": "left"}
    from_file.loc["b", "age"] = 9
    message = (
        "column age of the stimulus table contradicts the file of responses for 1 stimuli "
        "(b: 2, in the file 9.0); correct or leave out the column"
    )
    with pytest.raises(StimulusMismatchError) as caught:
        describe_stimuli(np.array(["b", "a"]), None, table, from_file)
    assert str(caught.value) == message


def test_images_are_found_by_file_name_or_by_id():
    images = {"in/b.png": Path("1"), "in/a.png": Path("2")}
    by_id = pd.DataFrame(index=["a", "b"])
    assert images_of(by_id, images) == {"a": Path("2"), "b": Path("1")}
    by_name = pd.DataFrame({"filename": ["b.png", "a.png"]}, index=["a", "b"])
    assert images_of(by_name, images) == {"a": Path("1"), "b": Path("2")}
    assert images_of(by_id, None) is None


def test_values_that_name_images():
    names = ["in/007.png", "in/b.png", "out/b.png"]
    values = pd.Series(["7", "in/b", "b", "C:\\x\\007.png", None, "c"])
    assert named_images(values, names) == ["in/007.png", "in/b.png", None, "in/007.png", None, None]
    assert named_images(pd.Series([7.0, np.nan]), names) == ["in/007.png", None]
    assert (file_name("C:\\x\\y.png"), file_name("/x/y.png")) == ("y.png", "y.png")
    assert plain_name("Image_File Name") == "imagefilename"
