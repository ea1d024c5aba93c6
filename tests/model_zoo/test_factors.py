"""Known factors of the stimuli as the units of a model."""

import numpy as np
import pandas as pd
import pytest

from neuroalign.benchmarks.banded_ridge import BandedRidgeBenchmark
from neuroalign.benchmarks.ridge import RidgeBenchmark
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import write_folder
from neuroalign.datasets.selection import select_part
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError, StimulusMismatchError, UnknownNameError, UsageError
from neuroalign.model_zoo.factors import FactorChoice, factor_units
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import load_model
from neuroalign.testing import make_dataset

# Seven objects at three positions, as in Zhang & Desimone (2011), and a person with a number for a name.
OBJECTS = ["car", "couch", "face", "flower", "guitar", "hand", "kiwi"]
POSITIONS = ["lower", "middle", "upper"]
TABLE = pd.DataFrame(
    {
        "object": np.repeat(OBJECTS, 3),
        "position": POSITIONS * 7,
        "combination": [f"{name} {position}" for name in OBJECTS for position in POSITIONS],
        "person": np.repeat([3, 10, 3, 10, 3, 10, 3], 3),
        "size": np.tile([0.5, 1.0, 2.0], 7),
        "is_large": [False, False, True] * 7,
    },
    index=[f"s{index:02d}" for index in range(21)],
)
STIMULI = StimulusSet("zhang", TABLE)


def choice(columns=(), categories=(), interactions=False):
    return factor_units(STIMULI, FactorChoice.of(columns, categories, interactions))


def test_one_hot_categories_numbers_unchanged():
    factors = choice(["position", "size", "is_large"])
    assert factors.units == (
        "position=lower",
        "position=middle",
        "position=upper",
        "size",
        "is_large=False",
        "is_large=True",
    )
    assert factors.terms == ("position",) * 3 + ("size",) + ("is_large",) * 2
    np.testing.assert_array_equal(factors.values[:3, :3], np.eye(3))
    np.testing.assert_array_equal(factors.values[:, 3], TABLE["size"])
    np.testing.assert_array_equal(factors.values[:, 4:], [[1, 0], [1, 0], [0, 1]] * 7)


def test_numbers_that_are_labels():
    number = choice("person")
    assert number.units == ("person",)
    assert number.notes[1] == (
        "person has 2 values and is one unit, a number; categories=person makes each value a unit"
    )
    label = choice("person", "person")
    assert label.units == ("person=3", "person=10")
    np.testing.assert_array_equal(label.values[:, 0], TABLE["person"] == 3)
    assert label.notes == ("factors: categories person",)


def test_columns_that_vary_are_the_default():
    factors = choice()
    assert set(factors.terms) == {"object", "position", "person", "size", "is_large"}
    assert factors.notes[0].endswith("not factors: combination (identifier)")


def test_products_have_the_cells_that_occur():
    factors = choice("object*position")
    assert set(factors.terms) == {"object", "position", "object:position"}
    assert len(factors.units) == 7 + 3 + 21
    cells = factors.values[:, 10:]
    np.testing.assert_array_equal(cells, np.eye(21))
    assert factors.units[10] == "object=car:position=lower"
    assert factors.notes[-1] == (
        "each unit of object:position has one stimulus, so that no fit to other stimuli can use it"
    )
    same = choice(["object", "position"], interactions=True)
    assert same.units == factors.units
    assert choice(["object", "position", "object:position"]).units == factors.units
    # Only objects 0, 2, 4 and 6 have person 3, so half of the cells are empty.
    nested = choice("object:person", "person")
    assert nested.units[:2] == ("object=car:person=3", "object=couch:person=10")
    np.testing.assert_array_equal(nested.values, choice("object").values)
    slopes = choice("position:size")
    np.testing.assert_array_equal(slopes.values[:3], np.diag([0.5, 1.0, 2.0]))


def test_a_column_with_a_colon_in_its_name_is_itself():
    table = TABLE.rename(columns={"position": "view:side"})
    factors = factor_units(StimulusSet("zhang", table), FactorChoice.of("view:side", (), False))
    assert factors.units[0] == "view:side=lower"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": "objct"}, "no column of the stimulus table is called 'objct'; did you mean object?"),
        ({"columns": "object:positon"}, "did you mean position"),
        (
            {"columns": ["object", "object"]},
            "each column must be named once, got object twice; leave one out",
        ),
        ({"columns": "object:object"}, "got object:object twice"),
        ({"columns": "object", "categories": "person"}, "must be among the columns object, got person"),
        ({"categories": "persn"}, "did you mean person"),
    ],
)
def test_mistakes(options, message):
    with pytest.raises((UsageError, UnknownNameError), match=message):
        choice(**options)


def test_a_table_without_factors():
    with pytest.raises(DatasetError, match="has no factor"):
        factor_units(StimulusSet("bare", TABLE[["combination"]]))


@pytest.fixture(scope="module")
def recorded():
    """Neurons that add an object and a position."""
    rng = np.random.default_rng(0)
    base = make_dataset(n_stimuli=21, n_neurons=8, n_repetitions=4, images=False)
    table = TABLE.set_axis(base.stimuli.ids)
    tuning = rng.standard_normal((7, 8)).repeat(3, axis=0) + np.tile(rng.standard_normal((3, 8)), (7, 1))
    rows = base.stimuli.table.index.get_indexer(base.recording["stimulus_id"].values)
    values = tuning[rows] + 0.5 * rng.standard_normal((rows.size, 8))
    return Dataset("zhang", base.recording.copy(data=values), StimulusSet("zhang", table), simulated=True)


def test_factors_of_a_dataset(recorded, tmp_path):
    write_folder(recorded, tmp_path / "zhang")
    model = load_model(f"factors:{tmp_path / 'zhang'}[columns=[object,position]]")
    assert model.identifier == "factors:zhang[columns=[object,position]]"
    latents = compute_latents(model, recorded.stimuli)
    assert latents["band"].values.tolist() == ["object"] * 7 + ["position"] * 3
    # The second call reads the cache.
    assert compute_latents(model, recorded.stimuli).identical(latents)
    np.testing.assert_array_equal(latents.values, choice(["object", "position"]).values)
    shuffled = recorded.stimuli.select(recorded.stimuli.ids[::-1])
    np.testing.assert_array_equal(model.latents(shuffled).values, latents.values[::-1])
    with pytest.raises(StimulusMismatchError, match="but of none of the stimuli of 'views'"):
        model.latents(StimulusSet("views", TABLE.set_axis([f"x{index}" for index in range(21)])))
    assert "band" not in load_model(f"factors:{tmp_path / 'zhang'}[columns=object]").latents(shuffled).coords


def test_the_fingerprint_follows_the_values(recorded, tmp_path):
    write_folder(recorded, tmp_path / "zhang")
    changed = recorded.stimuli.table.assign(position=["upper", *POSITIONS[1:]] + POSITIONS * 6)
    write_folder(
        Dataset("zhang", recorded.recording, StimulusSet("zhang", changed), simulated=True),
        tmp_path / "changed",
    )
    write_folder(Dataset("other", recorded.recording, recorded.stimuli, simulated=True), tmp_path / "renamed")
    prints = [
        load_model(f"factors:{tmp_path / name}[columns=[object,position]]").fingerprint
        for name in ("zhang", "changed", "renamed")
    ]
    assert prints[0] == prints[2] != prints[1]


def test_conditions_select_a_part(recorded, tmp_path):
    write_folder(recorded, tmp_path / "zhang")
    model = load_model(f"factors:{tmp_path / 'zhang'}[object=[car,face],columns=[object,position]]")
    assert model.identifier == "factors:zhang[object=[car,face],columns=[object,position]]"
    part = select_part(recorded, {"object": ["car", "face"]})
    latents = model.latents(part.stimuli)
    assert latents["unit"].values.tolist()[:2] == ["object=car", "object=face"]
    assert latents.shape == (6, 5)
    assert RidgeBenchmark(n_folds=6, n_permutations=0).score(model, part).value > 0


def test_scored_factors_are_those_of_the_dataset(recorded, tmp_path):
    write_folder(recorded, tmp_path / "zhang")
    own = load_model("factors[columns=[object,position]]")
    assert own.identifier == "factors[columns=[object,position]]"
    named = load_model(f"factors:{tmp_path / 'zhang'}[columns=[object,position]]")
    assert own.latents(recorded.stimuli).identical(named.latents(recorded.stimuli))
    assert own.notes == named.notes


def test_additive_tuning_is_predicted_for_unseen_combinations(recorded):
    both, alone = (
        RidgeBenchmark(n_folds=21, n_permutations=0).score(
            load_model(f"factors[columns={columns}]"), recorded
        )
        for columns in ("[object,position]", "position")
    )
    # Both factors make up the tuning, so that their prediction reaches the ceiling of the noise.
    assert both.beside["r_over_ceiling"] > 0.9
    assert alone.value < both.value - 0.1
    split = BandedRidgeBenchmark(n_folds=21).score(load_model("factors[columns=[object,position]]"), recorded)
    assert set(split.data["band"].values) == {"object", "position"}
    assert any("R² of each band" in note and "object" in note for note in split.notes)


def test_factors_of_the_stand_in():
    model = load_model("factors:AM-faces-sim")
    dataset = load_dataset("AM-faces-sim")
    latents = model.latents(dataset.stimuli)
    assert latents["unit"].values.tolist() == list(dataset.factors.columns)
    np.testing.assert_array_equal(latents.values, dataset.factors.loc[latents["stimulus"].values])
