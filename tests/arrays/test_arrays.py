import re

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from neuroalign import arrays
from neuroalign.arrays import (
    align,
    average_trials,
    trial_cube,
    trial_means,
)
from neuroalign.arrays.blocks import taken
from neuroalign.errors import ArrayError, StimulusMismatchError, name_some

VALUES = np.array([[1.0, 4.0], [2.0, 3.0], [5.0, 0.0]])


def refused(message, error=ArrayError):
    """Expect an error with exactly this message."""
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def a_recording(values=VALUES, stimulus_id=("b", "a", "b"), neuroid_id=("n0", "n1"), **options):
    return arrays.recording(values, stimulus_id=stimulus_id, neuroid_id=neuroid_id, **options)


def some_responses(values=VALUES, stimulus=("a", "b", "c"), neuroid=("n0", "n1"), **options):
    return arrays.responses(values, stimulus=stimulus, neuroid=neuroid, **options)


def some_latents(values=VALUES, stimulus=("a", "b", "c"), **options):
    return arrays.latents(values, stimulus=stimulus, **options)


def changed(row, column, value):
    values = VALUES.copy()
    values[row, column] = value
    return values


def test_recording_has_the_documented_layout():
    array = a_recording(region=["V4", "IT"], animal="m", attrs={"identifier": "lab"})
    assert array.dims == ("presentation", "neuroid")
    assert array["stimulus_id"].values.tolist() == ["b", "a", "b"]
    assert array["repetition"].values.tolist() == [0, 0, 1]
    assert array["region"].values.tolist() == ["V4", "IT"]
    assert array["animal"].values.tolist() == ["m", "m"]
    assert array.attrs == {"identifier": "lab"}
    assert not array.indexes, "flat coordinates, no index that a file could not hold"


def test_recording_with_time_bins():
    bins = {"time_bin_start": [70, 170, 270, 370], "time_bin_end": [170, 270, 370, 470]}
    array = a_recording(np.zeros((3, 2, 4)), time_bin=bins)
    assert array.dims == ("presentation", "neuroid", "time_bin")
    assert array["time_bin_end"].values.tolist() == [170, 270, 370, 470]


def test_responses_and_latents_have_the_documented_layout():
    array = some_responses(region="AM")
    assert array.dims == ("stimulus", "neuroid")
    assert array.dtype == np.float64
    assert array.sel(stimulus="b", neuroid="n1").item() == 3.0
    assert array["region"].values.tolist() == ["AM", "AM"]
    array = some_latents(changed(slice(None), 1, 7.0), kl=[0.5, 0.0])
    assert array.dims == ("stimulus", "unit")
    assert array["unit"].values.tolist() == ["0", "1"]
    assert array["informative"].values.tolist() == [True, False]
    assert array["kl"].values.tolist() == [0.5, 0.0]
    assert "neuroid" not in array.coords
    array = some_latents(unit=["x", "y"], informative=[0, 1], neuroid=["n7", "n8"])
    assert array["informative"].values.tolist() == [False, True]
    assert array["neuroid"].values.tolist() == ["n7", "n8"]


def test_ids_of_numbers_become_text():
    assert some_latents(stimulus=[3, 1, 2])["stimulus"].values.tolist() == ["3", "1", "2"]
    assert some_responses(stimulus=[3, 1, 2]).sel(stimulus="1")["neuroid"].dtype.kind == "U"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"values": np.zeros(3)},
            "a recording has dimensions presentation, neuroid and, with time_bin=, time_bin; "
            "the values have shape (3,)",
        ),
        (
            {"values": np.zeros((3, 2, 1))},
            "a recording has dimensions presentation, neuroid and, with time_bin=, time_bin; "
            "the values have shape (3, 2, 1)",
        ),
        (
            {"time_bin": {"time_bin_start": [0]}},
            "a recording has dimensions presentation, neuroid and, with time_bin=, time_bin; "
            "the values have shape (3, 2)",
        ),
        (
            {"values": np.zeros((3, 2, 1)), "time_bin": {"time_bin_start": [0, 100]}},
            "time_bin_start has shape (2,); the values have 1 along 'time_bin'",
        ),
        ({"stimulus_id": "ab"}, "stimulus_id has shape (); the values have 3 along 'presentation'"),
        ({"neuroid_id": ["n0"]}, "neuroid_id has shape (1,); the values have 2 along 'neuroid'"),
        ({"repetition": [0, 1]}, "repetition has shape (2,); the values have 3 along 'presentation'"),
        ({"region": ["V4"] * 3}, "region has shape (3,); the values have 2 along 'neuroid'"),
        ({"neuroid_id": ["n0", "n0"]}, "neuroid ids must be unique; repeated: n0"),
        (
            {"repetition": [2, 0, 2]},
            "two presentations of stimulus 'b' have the same repetition number 2",
        ),
        (
            {"values": changed(2, 1, np.inf)},
            "1 infinite value in the recording: neuroid n1; presentation of stimulus b",
        ),
        ({"values": np.full((3, 2), "x")}, "a recording must hold numbers, got <U1"),
    ],
)
def test_what_is_no_recording(options, message):
    with refused(message):
        a_recording(**options)


def test_ragged_values_are_no_recording():
    with pytest.raises(ArrayError, match=r"^a recording must be numbers: .*inhomogeneous"):
        a_recording([[1.0, 2.0], [3.0]])


def test_a_recording_may_lack_trials():
    assert np.isnan(a_recording(changed(0, 0, np.nan))[0, 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"values": np.zeros((3, 2, 1))},
            "responses must have two dimensions (stimulus, neuroid), got shape (3, 2, 1)",
        ),
        ({"values": [["x"]]}, "responses must be numbers: could not convert string to float: 'x'"),
        ({"stimulus": ["a", "b"]}, "stimulus has shape (2,); the values have 3 along 'stimulus'"),
        ({"neuroid": ["n0"]}, "neuroid has shape (1,); the values have 2 along 'neuroid'"),
        ({"animal": ["x"]}, "animal has shape (1,); the values have 2 along 'neuroid'"),
        ({"stimulus": ["a", "b", "a"]}, "stimulus ids must be unique; repeated: a"),
        ({"neuroid": ["n", "n"]}, "neuroid ids must be unique; repeated: n"),
        ({"values": changed(1, 0, np.nan)}, "1 NaN value in responses: neuroid n0; stimulus b"),
        (
            {"values": changed([0, 2], 1, -np.inf)},
            "2 infinite values in responses: neuroid n1; stimulus a, c",
        ),
        (
            {"values": changed(slice(None), 1, 3.0)},
            "1 neuron without variance over the 3 stimuli: n1; leave them out",
        ),
    ],
)
def test_what_are_no_responses(options, message):
    with refused(message):
        some_responses(**options)


def test_a_single_stimulus_has_no_variance_to_lack():
    assert some_responses([[1.0, 2.0]], stimulus=["a"]).sizes == {"stimulus": 1, "neuroid": 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"values": np.zeros(3)}, "latents must have two dimensions (stimulus, unit), got shape (3,)"),
        ({"stimulus": ["a", "b"]}, "stimulus has shape (2,); the values have 3 along 'stimulus'"),
        ({"unit": ["u"]}, "unit has shape (1,); the values have 2 along 'unit'"),
        ({"informative": [True]}, "informative has shape (1,); the values have 2 along 'unit'"),
        ({"kl": [0.1, 0.2, 0.3]}, "kl has shape (3,); the values have 2 along 'unit'"),
        ({"neuroid": ["n"]}, "neuroid has shape (1,); the values have 2 along 'unit'"),
        ({"stimulus": ["a", "b", "b"]}, "stimulus ids must be unique; repeated: b"),
        ({"unit": ["u", "u"]}, "unit ids must be unique; repeated: u"),
        ({"values": changed(2, 1, np.nan)}, "1 NaN value in latents: unit 1; stimulus c"),
        ({"values": changed(0, 0, np.inf)}, "1 infinite value in latents: unit 0; stimulus a"),
    ],
)
def test_what_are_no_latents(options, message):
    with refused(message):
        some_latents(**options)


@pytest.mark.parametrize(
    ("check", "array", "message"),
    [
        (arrays.validate_recording, VALUES, "a recording must be an xarray.DataArray, got ndarray"),
        (
            arrays.validate_recording,
            a_recording().transpose(),
            "a recording must have dimensions ('presentation', 'neuroid'), got ('neuroid', 'presentation')",
        ),
        (
            arrays.validate_recording,
            a_recording().drop_vars("repetition"),
            "a recording needs the coordinate 'repetition' along 'presentation'",
        ),
        (
            arrays.validate_responses,
            some_responses().rename(neuroid="unit"),
            "responses must have dimensions ('stimulus', 'neuroid'), got ('stimulus', 'unit')",
        ),
        (
            arrays.validate_responses,
            some_responses().drop_vars("stimulus"),
            "the dimension 'stimulus' needs its ids as coordinate",
        ),
        (
            arrays.validate_latents,
            some_latents().drop_vars("informative"),
            "latents need the boolean coordinate 'informative' along 'unit'",
        ),
        (
            arrays.validate_latents,
            some_latents().assign_coords(informative=("unit", [1, 0])),
            "latents need the boolean coordinate 'informative' along 'unit'",
        ),
    ],
)
def test_arrays_of_others_are_checked(check, array, message):
    with refused(message):
        check(array)


def test_many_ids_are_named_in_part():
    assert name_some(["a", "b"]) == "a, b"
    assert name_some(list("abcdef")) == "a, b, c, d, e and 1 more"
    assert name_some(list("abcdef"), most=2) == "a, b and 4 more"
    with refused("neuroid ids must be unique; repeated: 0, 1, 2, 3, 4 and 2 more"):
        some_responses(np.zeros((3, 14)), neuroid=[*range(7), *range(7)])


def test_average_with_unequal_repeats():
    # Stimulus a has two trials, of which n1 lacks one; b has three, c one.
    array = a_recording(
        [[4.0, 1.0], [1.0, 2.0], [2.0, np.nan], [6.0, 3.0], [8.0, 5.0], [9.0, 9.0]],
        stimulus_id=["b", "a", "a", "b", "b", "c"],
        region=["V4", "IT"],
        attrs={"licence": "CC0"},
    )
    averaged = average_trials(array)
    assert averaged["stimulus"].values.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(averaged.values, [[1.5, 2.0], [6.0, 3.0], [9.0, 9.0]])
    assert averaged["region"].values.tolist() == ["V4", "IT"]
    assert averaged.attrs == {"licence": "CC0"}
    means, counts, stimuli = trial_means(array)
    np.testing.assert_array_equal(means, averaged.values)
    assert counts.tolist() == [[2, 1], [3, 3], [1, 1]]
    assert stimuli.tolist() == ["a", "b", "c"]
    cube = trial_cube(array)
    assert cube.shape == (3, 3, 2)
    np.testing.assert_array_equal(cube[:, :, 0], [[1, 2, np.nan], [4, 6, 8], [9, np.nan, np.nan]])
    np.testing.assert_array_equal(cube[:, :, 1], [[2, np.nan, np.nan], [1, 3, 5], [9, np.nan, np.nan]])


def test_trials_are_in_the_order_of_their_repetition_numbers():
    array = a_recording([[30.0], [10.0], [20.0]], ["a"] * 3, ["n"], repetition=[7, 1, 5])
    np.testing.assert_array_equal(trial_cube(array), [[[10.0], [20.0], [30.0]]])


def test_whole_numbers_average_to_fractions():
    array = a_recording(np.array([[1, 7], [9, 5], [2, 8]]))
    assert average_trials(array).sel(stimulus="b").values.tolist() == [1.5, 7.5]


def test_neurons_without_a_trial_are_named():
    array = a_recording(changed(1, 0, np.nan))
    with refused("1 neuron without a trial of some stimuli: neurons n0; stimuli a; leave either out"):
        average_trials(array)
    assert np.isnan(trial_means(array)[0][0, 0])


def test_time_bins_are_chosen_first():
    array = a_recording(np.arange(12.0).reshape(3, 2, 2) % 9, time_bin={"time_bin_start": [0, 100]})
    with refused("the recording has 2 time bins; select one first, for example recording.isel(time_bin=[0])"):
        average_trials(array)
    averaged = average_trials(array.isel(time_bin=[1]))
    np.testing.assert_array_equal(averaged.values, [[5.0, 7.0], [0.5, 2.5]])


def test_alignment_pairs_by_id_and_sorts():
    model = some_latents([[3.0], [9.0], [1.0], [2.0]], stimulus=["c", "unseen", "a", "b"])
    neural = some_responses(stimulus=["b", "c", "a"])
    left, right = align(model, neural)
    assert left["stimulus"].values.tolist() == right["stimulus"].values.tolist() == ["a", "b", "c"]
    assert left.values.ravel().tolist() == [1.0, 2.0, 3.0]
    assert right.sel(neuroid="n0").values.tolist() == [5.0, 1.0, 2.0]


def test_alignment_tells_what_is_missing():
    neural = some_responses()
    with refused(
        "latents are missing for 1 recorded stimulus of 3: b; compute them, or ask for the intersection (2 stimuli)",
        StimulusMismatchError,
    ):
        align(some_latents(stimulus=["a", "c", "d"]), neural)
    left, right = align(some_latents(stimulus=["a", "c", "d"]), neural, join="intersection")
    assert left["stimulus"].values.tolist() == right["stimulus"].values.tolist() == ["a", "c"]
    with refused(
        "no stimulus is shared: recorded are a, b, c, latents are of x, y, z", StimulusMismatchError
    ):
        align(some_latents(stimulus=["z", "y", "x"]), neural, join="intersection")
    with refused("join must be 'exact' or 'intersection', got 'left'"):
        align(some_latents(), neural, join="left")


@given(st.permutations(range(12)), st.permutations(range(12)))
def test_any_order_of_either_array_aligns_to_the_same(first, second):
    rng = np.random.default_rng(0)
    ids = np.array([f"image{index}" for index in range(12)])
    model = some_latents(rng.random((12, 3)), stimulus=ids)
    neural = some_responses(rng.random((12, 2)), stimulus=ids)
    expected = align(model, neural)
    paired = align(model.isel(stimulus=first), neural.isel(stimulus=second))
    for ours, theirs in zip(paired, expected, strict=True):
        xr.testing.assert_identical(ours, theirs)


@given(st.permutations(range(9)))
def test_order_of_presentations_does_not_matter_to_means(order):
    rng = np.random.default_rng(0)
    stimulus_id = np.array(list("aaabbbbcc"))
    array = a_recording(rng.random((9, 2)), stimulus_id=stimulus_id)
    shuffled = array.isel(presentation=order)
    xr.testing.assert_identical(average_trials(shuffled), average_trials(array))
    np.testing.assert_array_equal(trial_cube(shuffled), trial_cube(array))


@pytest.mark.parametrize("odd", ["a\x00b", "\ud800"])
def test_labels_that_no_file_can_hold_are_refused(odd):
    message = f"must be text in UTF-8 without the character NUL, got {odd!r}; rename it"
    with refused(f"neuroid_id {message}"):
        a_recording(neuroid_id=[odd, "n"])
    with refused(f"region {message}"):
        a_recording(region=odd)
    with refused(f"unit {message}"):
        arrays.latents([[1.0], [2.0]], stimulus=["a", "b"], unit=[odd])


def test_a_matrix_that_is_taken_whole_is_not_copied():
    values, every = np.arange(12.0).reshape(4, 3), np.ones(3, dtype=bool)
    for rows in (slice(None), np.arange(4)):
        assert np.shares_memory(taken(values, rows, every), values)
    columns = np.array([True, False, True])
    for rows, columns_ in ((np.array([2, 0]), every), (slice(None), columns), (np.array([1, 1, 3]), columns)):
        chosen = taken(values, rows, columns_)
        np.testing.assert_array_equal(chosen, values[rows][:, columns_])
        assert not np.shares_memory(chosen, values)
        assert chosen.flags.c_contiguous
    assert taken(np.asfortranarray(values), slice(None), every).flags.c_contiguous
