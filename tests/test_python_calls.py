"""Wrong calls in Python are errors of neuroalign that fit in one line, as wrong commands are."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.arrays import latents
from neuroalign.benchmarks.alignment import Alignment
from neuroalign.comparison.board import boards
from neuroalign.datasets.importing.landmarks import import_landmarks
from neuroalign.datasets.selection import select_part
from neuroalign.errors import ArrayError, DatasetError, ModelError, NeuroalignError, UsageError
from neuroalign.models.latents_cache import compute_latents
from neuroalign.results.exchange.exporting import export_results
from neuroalign.scoring.chance import permutation_null
from neuroalign.scoring.collection import summarise_members
from neuroalign.scoring.evaluate import check_shuffles
from neuroalign.scoring.grouped import as_columns
from neuroalign.scoring.imported import import_results
from neuroalign.scoring.layers import score_layers
from neuroalign.testing import make_dataset, make_score

Y = np.random.default_rng(0).random((6, 3))
LONG = "x" * 300


def import_arrays(**options):
    return na.import_dataset("d", **{"responses": Y, "axes": "stimulus,neuroid", "force": True} | options)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (
            lambda: na.load_dataset(None),
            "a dataset must be a name, the path of a folder,",
        ),
        (
            lambda: na.score("pca", 5),
            "neuroalign.Dataset, got int",
        ),
        (lambda: na.load_dataset(LONG), "no dataset is called 'xxx"),
        (
            lambda: na.load_benchmark(5),
            "a benchmark must be a name or an instance of neuroalign.Benchmark, got int",
        ),
        (lambda: na.load_benchmark(Alignment), "got ABCMeta Alignment; write Alignment()"),
        (lambda: check_shuffles("a", 0), "must be whole numbers, got ('a', 0)"),
        (lambda: as_columns(5), "by must be the name of a column, or a sequence of names, got 5"),
        (lambda: import_results(None), "path must be a file or folder of results, got NoneType"),
        (lambda: import_results(LONG), ": its name is too long"),
        (lambda: import_results("a\0b"), "cannot find the file or folder a"),
        (lambda: export_results(LONG), ": File name too long; choose another name"),
        (lambda: export_results(5), "target must be the path of a new folder or table, got 5"),
        (lambda: na.register_model(5), "must be text without spaces, quotes and [ ] + , =, got 5"),
        (lambda: import_arrays(axes=5), "--axes must be text, or a sequence of names, got 5"),
        (lambda: import_arrays(held_out=5), "must be a file, a column or a list of ids, got 5"),
        (
            lambda: import_arrays(n_trials=2.5),
            "--n-trials must be a path, several paths, or a NumPy array, got float",
        ),
        (lambda: import_arrays(source=5), "source must be text, got 5"),
        (lambda: import_arrays(averaged="no"), "averaged must be True or False, got 'no'"),
        (
            lambda: import_arrays(images=LONG),
            "a folder of files, got a name that is too long",
        ),
        (
            lambda: import_arrays(training=LONG),
            "must be a file that lists stimuli or a column of the stimulus table",
        ),
        (lambda: na.import_dataset(None, responses=Y), "None cannot name a dataset"),
        (lambda: import_arrays(drop=None), "drop must be a list of names, got None; leave it out"),
        (lambda: import_arrays(drop_stimuli=5), "drop_stimuli must be a list of names, got 5; leave it out"),
        (
            lambda: na.compare("pca", "ica", "toy", seed="zz"),
            "compare: seed must be a whole number, got 'zz'",
        ),
        (lambda: na.compare("pca", "ica", "toy", margin=None), "compare: margin must be a number, got None"),
        (
            lambda: na.compare("pca", "ica", "toy", store="folder"),
            "compare: store must be ResultsStore or none",
        ),
        (
            lambda: na.leaderboard("toy", correction="hulm"),
            "correction must be holm or bh, got 'hulm'; did you mean holm?",
        ),
        (lambda: na.leaderboard("toy", mine=5), "leaderboard: mine must be text, got 5"),
        (
            lambda: boards(["toy"], n_resamples=0),
            "boards: n_resamples must be a whole number of at least 1, got 0",
        ),
        (lambda: boards(["toy"], seed=2.5), "boards: seed must be a whole number of at least 0, got 2.5"),
        (lambda: boards(["toy"], models="pca"), "boards: models must be a list of texts, got 'pca'"),
        (
            lambda: score_layers("net", "toy", seed="zz"),
            "score_layers: seed must be a whole number, got 'zz'",
        ),
        (
            lambda: summarise_members([], "days"),
            "summarise_members: collection must be Collection, got 'days'",
        ),
        (
            lambda: permutation_null(Alignment(), None, None, n_permutations="x"),
            "permutation_null: n_permutations must be a whole number, got 'x'",
        ),
        (lambda: select_part("toy", {}), "select_part: dataset must be Dataset, got 'toy'"),
        (lambda: na.info(5), "info: name must be text, got 5"),
        (lambda: na.load_collection(5), "a collection must be a name, a file or a list of datasets, got 5"),
        (lambda: import_landmarks(5, "marks.csv"), "no added dataset is called '5'"),
        (lambda: na.StimulusSet("s", [1, 2]), "the table of stimuli must be DataFrame, got [1, 2]"),
        (
            lambda: na.StimulusSet("s", pd.DataFrame(index=["a"]), 5),
            "images must be a mapping of ids to images, got int",
        ),
        (
            lambda: na.StimulusSet("s", pd.DataFrame(index=["a"]), landmarks="m"),
            "landmarks must be DataArray, got 'm'",
        ),
        (
            lambda: na.Dataset("d", make_dataset().recording, "s"),
            "the stimuli of a dataset must be StimulusSet, got 's'",
        ),
        (lambda: make_dataset().stimuli.pixels(channels=[]), "channels must be 1 (grey) or 3 (RGB), got []"),
    ],
)
def test_wrong_arguments_are_named(call, reason):
    with pytest.raises(UsageError) as caught:
        call()
    assert reason in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("value", "x", "Score: value must be a number, got 'x'"),
        ("value", None, "Score: value must be a number, got None"),
        ("error", [0.5], "Score: error must be a number, got [0.5]"),
        ("ceiling", np.zeros(2), "Score: ceiling must be a number, got [0.0, 0.0]"),
        ("model", 5, "Score: model must be text, got 5"),
        ("benchmark_version", "2", "Score: benchmark_version must be a whole number, got '2'"),
    ],
)
def test_the_fields_of_a_score_have_types(field, value, reason):
    with pytest.raises(UsageError) as caught:
        replace(make_score(0.5), **{field: value})
    assert str(caught.value) == reason


def test_numbers_of_a_score_become_floats():
    made = replace(make_score(0.5), value=np.float32(0.25), error=1, null=np.array(0.5))
    assert [made.value, made.error, made.null] == [0.25, 1.0, 0.5]
    assert {type(number) for number in (made.value, made.error, made.null)} == {float}


class Edges(na.ModelFamily):
    identifier = "edges"

    def grid(self, dataset=None):
        return []

    def instance(self, dataset=None):
        raise NotImplementedError


def test_a_class_is_no_model():
    with pytest.raises(ModelError, match=r"^Edges is a class; give an instance, such as Edges\(\)$"):
        na.load_model(Edges)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"image_size": "x"}, "f: image_size must be a whole number from 1 up, got 'x'"),
        ({"image_size": 8.5}, "f: image_size must be a whole number from 1 up, got 8.5"),
        ({"batch_size": 0}, "f: batch_size must be a whole number from 1 up, got 0"),
        ({"channels": 2}, "f: channels must be 1 (grey) or 3 (RGB), got 2"),
        ({"fingerprint": 5}, "f: fingerprint must be text, got 5"),
    ],
)
def test_options_of_a_function_are_checked_at_once(options, reason):
    with pytest.raises(ModelError) as caught:
        na.as_model(lambda pixels: pixels, identifier="f", **options)
    assert str(caught.value) == reason


def test_images_of_any_size_would_fill_the_memory():
    stimuli = na.StimulusSet.from_arrays(np.zeros((1, 4, 4), dtype=np.uint8))
    with pytest.raises(DatasetError, match=r"^size must be at most 9,459 pixels, got 1,000,000$"):
        stimuli.pixels(10**6)
    with pytest.raises(DatasetError, match=r"^size must be a whole number of pixels, got 'x'$"):
        stimuli.pixels("x")


def test_latents_need_one_id_and_one_number_for_each_entry():
    ids = [f"s{index}" for index in range(6)]
    frame = pd.DataFrame(Y, index=pd.MultiIndex.from_arrays([ids, ids]))
    with pytest.raises(ModelError, match=r"got an index of 2 levels; write frame\.reset_index"):
        na.as_model(frame)
    with pytest.raises(ArrayError, match=r"values must be real numbers, got datetime64\[ns\]; convert them"):
        na.as_model(Y.astype("M8[ns]"), stimulus=ids)


def test_one_name_is_a_list_of_one():
    assert len(import_arrays(drop_stimuli="3").stimuli) == 5
    table = pd.DataFrame(Y * [1, 0, 1], index=["blank", *"abcde"])
    dataset = import_arrays(responses=table, drop="constant-neuroids", drop_stimuli="blank")
    assert dataset.responses.shape == (5, 2)
    with pytest.raises(NeuroalignError, match="no recorded stimulus is called 'blanks'"):
        import_arrays(responses=table, drop_stimuli="blanks")


class Own:
    """A model of a user."""

    def __init__(self, identifier="own", batches=None):
        self.identifier, self._batches = identifier, batches

    def latents(self, stimuli):
        raise AssertionError

    def latent_batches(self, stimuli):
        return self._batches


@pytest.mark.parametrize("name", ["a\nb", "a\0b", "\x1b[2J", "\udc80"])
def test_names_of_models_can_be_written(name):
    dataset = make_dataset(n_stimuli=4, n_neurons=2, n_factors=2, image_size=4)
    for model in (Own(name), na.as_model(lambda pixels: pixels, identifier=name)):
        with pytest.raises(ModelError) as caught:
            na.score(model, dataset, "ridge")
        kind = type(model).__name__
        assert str(caught.value) == (
            f"the identifier of {kind} must be one line without control characters, got {name!a}"
        )


def test_batches_of_latents_are_labelled_arrays():
    stimuli = na.StimulusSet.from_arrays(np.zeros((3, 4, 4), dtype=np.uint8))
    with pytest.raises(
        ModelError, match=r"^latent_batches of own must yield arrays of latents, got NoneType$"
    ):
        compute_latents(Own(), stimuli)
    start = r"^each batch of latents must be an xarray\.DataArray with .* and their ids, got "
    with pytest.raises(ModelError, match=start + "ndarray; make it with neuroalign"):
        compute_latents(Own(batches=[Y[:3]]), stimuli)
    square = latents(Y[:3], stimulus=stimuli.ids).transpose("unit", "stimulus")
    with pytest.raises(ModelError, match=start + "one with the dimensions unit, stimulus and ids of"):
        compute_latents(Own(batches=[square]), stimuli)
