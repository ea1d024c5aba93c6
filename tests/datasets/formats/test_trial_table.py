import pandas as pd

from neuroalign.datasets.formats.trial_table import describe_each_stimulus


def test_columns_that_vary_within_a_stimulus_are_left_out():
    trials = pd.DataFrame(
        {"person": ["x", "y", "x", "y"], "block": [1, 1, 2, 2], "age": [30, None, 30, None]},
        index=[7, 3, 7, 3],
    )
    stimuli, varying = describe_each_stimulus(trials)
    assert varying == ["block"]
    assert stimuli.index.tolist() == ["7", "3"]
    assert stimuli.index.name == "stimulus_id"
    assert stimuli["person"].tolist() == ["x", "y"]
    assert stimuli["age"].iloc[0] == 30
    assert pd.isna(stimuli["age"].iloc[1])
