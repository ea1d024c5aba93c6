from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroalign.arrays import recording
from neuroalign.datasets.am_faces import note_stand_in
from neuroalign.datasets.catalogue import datasets_folder, load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.datasets.inspecting import describe, validate
from neuroalign.datasets.selection import select_part
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError, NeuroalignWarning, UnknownNameError, UsageError
from neuroalign.models.loading import load_model
from neuroalign.names.syntax import parse_spec
from neuroalign.scoring.benchmark import load_benchmark, self_pairs
from neuroalign.scoring.evaluate import score

REGIONS = ["IT"] * 3 + ["V4"] * 5
ANIMALS = ["Tito", "Chabo"] * 4
KINDS = ["face", "body", "face", "house", "body", "face"]


def make_cells(values=None, **table):
    """8 neurons of two areas and animals, 6 stimuli of three kinds, 2 trials."""
    ids = [f"s{index}" for index in range(6)]
    values = np.random.default_rng(0).normal(size=(12, 8)) if values is None else values
    array = recording(
        values,
        stimulus_id=np.repeat(ids, 2),
        neuroid_id=[f"n{index}" for index in range(8)],
        region=REGIONS,
        animal=ANIMALS,
    )
    array = array.assign_coords(
        depth=("neuroid", np.arange(8) / 2), session=("presentation", ["007", "8"] * 6)
    )
    table = {"kind": KINDS, "training": [True, False] * 3, "size": [1, 1, 2, 2, 3, 3], **table}
    return Dataset("cells", array, StimulusSet("shown", pd.DataFrame(table, index=ids)))


@pytest.fixture(scope="module")
def cells():
    return make_cells()


@pytest.fixture
def added(dataset):
    regions = np.where(np.arange(12) < 8, "IT", "V4")
    array = dataset.recording.assign_coords(
        region=("neuroid", regions), animal=("neuroid", ["Tito", "Chabo", "Tito"] * 4)
    )
    made = replace(dataset, identifier="my-cells", recording=array)
    write_folder(made, datasets_folder() / "my-cells")
    return made


def test_neurons(cells):
    part = select_part(cells, {"region": "V4", "animal": "Tito"})
    assert part.identifier == "cells[animal=Tito,region=V4]"
    assert part.recording["neuroid_id"].values.tolist() == ["n4", "n6"]
    np.testing.assert_array_equal(part.recording.values, cells.recording.values[:, [4, 6]])
    np.testing.assert_array_equal(part.responses.values, cells.responses.values[:, [4, 6]])
    assert part.stimuli is cells.stimuli
    assert part.metadata["part"] == "2 of 8 neurons of cells (animal=Tito, region=V4)"
    assert part.metadata["notes"] == [part.metadata["part"]]


def test_stimuli_restrict_recording_and_set_and_keep_the_marks(cells):
    part = select_part(cells, {"kind": ["house", "body"]})
    assert part.identifier == "cells[kind=[body,house]]"
    assert part.stimuli.ids.tolist() == ["s1", "s3", "s4"]
    assert part.stimuli.identifier == "shown[kind=[body,house]]"
    np.testing.assert_array_equal(part.recording.values, cells.recording.values[[2, 3, 6, 7, 8, 9]])
    assert part.stimuli.training().ids.tolist() == ["s4"]
    assert part.stimuli.held_out().ids.tolist() == ["s1", "s3"]
    assert part.metadata["part"] == (
        "8 of 8 neurons and 3 of 6 recorded stimuli of cells (kind=[body,house])"
    )


def test_trials(cells):
    part = select_part(cells, {"session": "007", "region": "IT"})
    np.testing.assert_array_equal(part.recording.values, cells.recording.values[::2, :3])
    assert part.metadata["part"] == "3 of 8 neurons and 6 of 12 trials of cells (region=IT, session='007')"


def test_conditions_hold_together_in_every_order(cells):
    one = load_name(cells, "cells[kind=face,region=IT,depth=[0.5,1]]")
    other = load_name(cells, "cells[ depth=[1.0,0.5] , region='IT' , kind=face]")
    nested = select_part(
        select_part(select_part(cells, {"depth": [1, 0.5]}), {"kind": "face"}), {"region": "IT"}
    )
    assert (
        one.identifier == other.identifier == nested.identifier == "cells[depth=[0.5,1],kind=face,region=IT]"
    )
    assert one.content_hash == other.content_hash == nested.content_hash
    assert one.recording["neuroid_id"].values.tolist() == ["n1", "n2"]


def load_name(dataset, name):
    spec = parse_spec(name)
    assert spec.name == dataset.identifier
    return select_part(dataset, spec.options)


def test_content_hash_covers_the_part(cells):
    parts = [{"region": "IT"}, {"region": "V4"}, {"kind": "face"}, {"session": "8"}, {"training": False}]
    hashes = {select_part(cells, part).content_hash for part in parts}
    assert len(hashes | {cells.content_hash}) == 6
    # All neurons are the recording itself, under another name.
    assert select_part(cells, {"region": ["V4", "IT"]}).content_hash == cells.content_hash


def test_values_as_tables_hold_them():
    cells = make_cells(code=["1", "01", "x", None, "True", "2"], number=[1.5, np.nan, 2, 2, 1, 1])
    for condition, ids in {
        "number=2": ["s2", "s3"],
        "number='2'": ["s2", "s3"],
        "number=None": ["s1"],
        "code=None": ["s3"],
        "code=2": ["s5"],
        "code='01'": ["s1"],
        "code='1'": ["s0"],
        "code=true": ["s4"],
        "size=[3,1.0]": ["s0", "s1", "s4", "s5"],
        "stimulus_id=[s5,s0]": ["s0", "s5"],
        "training=true": ["s0", "s2", "s4"],
    }.items():
        part = load_name(cells, f"cells[{condition}]")
        assert part.stimuli.ids.tolist() == ids, condition
        again = load_name(cells, part.identifier)
        assert (again.identifier, again.content_hash) == (part.identifier, part.content_hash)
    with pytest.raises(
        UsageError, match=r"code=1 could be '01' or '1'; write the value in quotes, as in code='01'"
    ):
        load_name(cells, "cells[code=1]")


def test_float32_coordinates_have_the_printed_number(cells):
    array = cells.recording.assign_coords(depth=("neuroid", np.linspace(0, 0.7, 8, dtype=np.float32)))
    part = select_part(replace(cells, recording=array), {"depth": 0.1})
    assert part.identifier == "cells[depth=0.1]"
    assert part.recording.sizes["neuroid"] == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("regoin=IT", "no column of cells is called 'regoin'; did you mean region?"),
        ("zzz=1", "no column of cells is called 'zzz'; there are: animal, depth, kind, neuroid_id, "),
        (
            "animal=Titi",
            "the column animal of the neurons has no value Titi; did you mean Tito\\? it has Chabo, Tito",
        ),
        ("kind=X", "the column kind of the stimuli has no value X; it has body, face, house"),
        ("session=9", "the column session of the trials has no value 9; it has '007', '8'"),
        ("kind=face|body", r"no value face\|body; several values are a list: kind=\[face,body\]"),
        ("kind=[]", "kind must have at least one value, got none"),
        ("region=IT,neuron.region=V4", "the column region is given twice; give all its values in one list"),
        ("region=IT,depth=3", "cells has no neuron with depth=3 and region=IT; leave a condition out"),
        (
            "kind=house,training=true",
            "cells has no stimulus with kind=house and training=True; leave a condition out",
        ),
    ],
)
def test_messages(cells, name, message):
    with pytest.raises(UsageError, match=message) as raised:
        load_name(cells, f"cells[{name}]")
    assert "\n" not in str(raised.value)


def test_long_columns_are_named_by_their_ends():
    cells = make_cells()
    array = cells.recording.isel(neuroid=[0] * 20).assign_coords(
        neuroid_id=("neuroid", [f"n{index}" for index in range(20)]), depth=("neuroid", np.arange(20) / 2)
    )
    with pytest.raises(UnknownNameError, match=r"100; did you mean 9\.5\? it has 20 values from 0 to 9\.5$"):
        select_part(replace(cells, recording=array), {"depth": 100})


def test_a_column_of_two_tables():
    cells = make_cells(region=["left", "right", "IT"] * 2)
    with pytest.raises(
        UsageError,
        match=r"is a column of the neurons and of the stimuli of cells; write neuron\.region or stimulus\.region",
    ):
        select_part(cells, {"region": "IT"})
    assert select_part(cells, {"neuron.region": "IT"}).identifier == "cells[neuron.region=IT]"
    both = select_part(cells, {"stimulus.region": "IT", "neuron.region": "IT"})
    assert (both.recording.sizes["neuroid"], both.stimuli.ids.tolist()) == (3, ["s2", "s5"])
    # A name that is not ambiguous has one form.
    assert select_part(make_cells(), {"neuron.region": "IT"}).identifier == "cells[region=IT]"


def test_neurons_of_another_session_leave_no_empty_trials_and_stimuli():
    values = np.random.default_rng(0).normal(size=(12, 8))
    values[:4, ::2], values[8:, 1::2] = np.nan, np.nan
    cells = make_cells(values)
    tito = select_part(cells, {"animal": "Tito"})
    assert np.unique(tito.recording["stimulus_id"]).tolist() == ["s2", "s3", "s4", "s5"]
    assert tito.metadata["part"] == "4 of 8 neurons and 4 of 6 recorded stimuli of cells (animal=Tito)"
    np.testing.assert_array_equal(tito.responses.values.shape, (4, 4))
    # Stimuli that only the other animal saw leave out this animal's neurons.
    early = select_part(cells, {"stimulus_id": ["s0", "s1"]})
    assert early.recording["animal"].values.tolist() == ["Chabo"] * 4
    assert early.metadata["notes"][1] == "4 neurons without variance in this part left out: n0, n2, n4, n6"


def test_a_neuron_that_is_silent_in_the_part_is_left_out():
    values = np.random.default_rng(0).normal(size=(12, 8))
    values[[0, 1, 4, 5, 10, 11], 3] = 0
    faces = select_part(make_cells(values), {"kind": "face"})
    assert faces.recording["neuroid_id"].values.tolist() == ["n0", "n1", "n2", "n4", "n5", "n6", "n7"]
    assert faces.metadata["notes"][1] == "1 neuron without variance in this part left out: n3"
    assert faces.responses.shape == (3, 7)


def test_nothing_recorded_is_left():
    cells = make_cells(presented=[True] * 5 + [False])
    shown = replace(cells, recording=cells.recording.isel(presentation=range(10)))
    with pytest.raises(
        DatasetError, match="cells has no recorded stimulus with presented=False; choose another value"
    ):
        select_part(shown, {"presented": False})


def test_no_condition_is_the_dataset_itself(cells):
    assert select_part(cells, {}) is cells


def test_a_part_on_disk_stays_a_part(cells, tmp_path):
    part = select_part(cells, {"region": "V4"})
    write_folder(part, tmp_path / "part")
    back = read_folder(tmp_path / "part")
    assert (back.identifier, back.part_of) == (part.identifier, cells.recording_hash)
    assert (back.content_hash, back.recording_hash) == (part.content_hash, cells.recording_hash)
    narrower = load_dataset(f"{tmp_path / 'part'}[animal=Tito]")
    assert narrower.identifier == "cells[animal=Tito,region=V4]"
    # Other responses are other neurons, also after they were written.
    mixed = back.with_responses(back.responses)
    assert mixed.part_of is None
    write_folder(mixed, tmp_path / "mixed")
    assert read_folder(tmp_path / "mixed").part_of is None


def test_truth_and_simulated_follow(dataset):
    part = select_part(dataset, {"neuroid_id": ["n03", "n01"]})
    assert part.simulated
    assert part.truth.index.tolist() == ["n01", "n03"]
    pd.testing.assert_frame_equal(part.truth, dataset.truth.loc[["n01", "n03"]])


def test_by_name_and_by_path(added, tmp_path):
    part = load_dataset("my-cells[region=IT,animal=Tito]")
    assert part.identifier == "my-cells[animal=Tito,region=IT]"
    assert load_dataset(part.identifier).content_hash == part.content_hash
    write_folder(added, tmp_path / "folder")
    assert load_dataset(f"{tmp_path / 'folder'}[region=IT]").identifier == "my-cells[region=IT]"
    write_folder(replace(added, identifier="odd"), tmp_path / "odd[a]")
    assert load_dataset(f"{tmp_path / 'odd[a]'}").identifier == "odd"
    assert load_dataset("my-cells[]").identifier == "my-cells"
    with pytest.raises(UnknownNameError, match="no dataset is called 'my-cels'; did you mean my-cells"):
        load_dataset("my-cels[region=IT]")
    with pytest.raises(
        UsageError, match=r"a dataset must be named without reducers, got 'my-cells\[region=IT\]\+pca"
    ):
        load_dataset("my-cells[region=IT]+pca[n=2]")


def test_the_stand_in_keeps_its_name():
    note_stand_in.cache_clear()
    with pytest.warns(NeuroalignWarning, match="using the simulated stand-in AM-faces-sim") as caught:
        part = load_dataset("AM-faces[animal=simulated-2]")
    # The note names this line, and comes once in a process.
    assert [warning.filename for warning in caught] == [__file__]
    load_dataset("AM-faces")
    assert (part.identifier, part.simulated) == ("AM-faces-sim[animal=simulated-2]", True)
    assert part.recording.sizes["neuroid"] == 79


def test_descriptions(added):
    part = load_dataset("my-cells[animal=Tito]")
    described = describe(part)
    assert (described["name"], described["neurons"]) == ("my-cells[animal=Tito]", 8)
    assert described["notes"] == ["8 of 12 neurons of my-cells (animal=Tito)"]
    assert validate(load_dataset("my-cells[training=false]"))["problems"] == []


class TestSelfPairs:
    """A neuron never predicts itself, for all parts of its recording as model and as dataset."""

    @pytest.mark.slow
    @pytest.mark.parametrize("model_part", ["", "[region=IT]", "[animal=Tito,neuroid_id=[n00,n01,n05,n08]]"])
    @pytest.mark.parametrize("dataset_part", ["", "[animal=Tito]", "[region=IT,training=true]"])
    def test_pairs(self, added, model_part, dataset_part):
        scored = load_dataset(f"my-cells{dataset_part}")
        model = load_model(f"neurons:my-cells{model_part}")
        assert model.identifier == f"neurons:my-cells{model_part}"
        latents, responses = load_benchmark("alignment").align(model, scored)
        units = latents["neuroid"].values.tolist()
        expected = [units.index(name) if name in units else -1 for name in responses["neuroid"].values]
        assert max(expected) >= 0
        assert self_pairs(latents, responses, scored).tolist() == expected

    def test_a_copy_of_the_recording_has_its_neurons_and_another_recording_has_not(
        self, added, dataset_factory
    ):
        model = load_model("neurons:my-cells[region=IT]")
        other = dataset_factory(seed=1)
        latents = model.latents(other.stimuli)
        assert (self_pairs(latents, other.responses, other) == -1).all()

    def test_scores(self, added):
        """The neurons of a part have the scores that they have in the whole recording, without themselves."""
        part = score("neurons:my-cells", "my-cells[region=V4]", "variance_explained").data
        whole = score("neurons:my-cells", "my-cells", "variance_explained").data
        included = score(
            "neurons:my-cells", "my-cells[region=V4]", "variance_explained[self_pairs=include]"
        ).data
        names = part["neuroid"].values.tolist()
        np.testing.assert_array_equal(
            part["variance_explained"], whole["variance_explained"].sel(neuroid=names)
        )
        assert (part["variance_explained"] < 0.95).all()
        assert (included["variance_explained"] > 0.95).all()

    def test_subsets_of_a_part(self, added):
        scored = load_dataset("my-cells[region=IT]")
        subset = load_model("neuron_subset[n=3,seed=0]", dataset=scored)
        latents = subset.latents(scored.stimuli)
        assert set(latents["neuroid"].values) <= set(scored.recording["neuroid_id"].values)
        assert (self_pairs(latents, scored.responses, scored) >= 0).sum() == 3
        assert (self_pairs(latents, added.responses, added) >= 0).sum() == 3


def test_another_animal_predicts(added):
    result = score("neurons:my-cells[animal=Tito]", "my-cells[animal=Chabo]", "variance_explained")
    assert (result.model, result.dataset) == ("neurons:my-cells[animal=Tito]", "my-cells[animal=Chabo]")
    assert result.provenance["part"] == "4 of 12 neurons of my-cells (animal=Chabo)"
    assert "4 of 12 neurons of my-cells (animal=Chabo)" in result.notes
    # Four factors, each with neurons in both animals: noise alone limits the prediction.
    assert result.value > 0.5


@given(
    st.dictionaries(
        st.sampled_from(["region", "animal", "depth", "kind", "size", "training", "session", "neuroid_id"]),
        st.randoms(use_true_random=False),
        min_size=1,
    )
)
def test_names_of_parts_are_inverses(conditions):
    cells = make_cells()
    drawn = {}
    for name, draw in conditions.items():
        table = cells.recording[name].values if name in cells.recording.coords else cells.stimuli.table[name]
        drawn[name] = draw.choices(list(pd.unique(pd.Series(table))), k=draw.randint(1, 3))
    try:
        part = select_part(cells, drawn)
    except DatasetError:
        return
    again = load_name(cells, part.identifier)
    assert str(parse_spec(part.identifier)) == part.identifier == again.identifier
    assert again.content_hash == part.content_hash
    assert again.recording.identical(part.recording)
