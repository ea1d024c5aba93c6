"""Tables of neurons: matching with the recording, labels, contradictions, and selection by further columns."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from neuroalign.cli.data import data
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.importing.neuron_table import as_neuron_table
from neuroalign.errors import DatasetError, UsageError

MEANS = np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 4.0, 1.0], [5.0, 9.0, 2.0, 6.0]])
"""3 neurons × 4 stimuli."""

TABLE = pd.DataFrame(
    {
        "Unit ID": ["007", "b", "c"],
        "area": ["V4", "IT", "IT"],
        "Subject": ["Tito", "Chabo", "Tito"],
        "layer": ["2/3", "4", None],
        "depth": [100.5, np.nan, 300.0],
        "n_spikes": [10, 20, 30],
        "good": [True, False, True],
    }
)


def write_table(table, path):
    """Write a table in the format of the suffix of its path."""
    writers = {
        ".csv": lambda: table.to_csv(path, index=False),
        ".tsv": lambda: table.to_csv(path, sep="\t", index=False),
        ".parquet": lambda: table.to_parquet(path),
        ".feather": lambda: table.to_feather(path),
        ".xlsx": lambda: table.to_excel(path, index=False),
    }
    writers[path.suffix]()
    return path


def named_responses(path, neurons=("c", "007", "b")):
    """Write responses of 3 named neurons to 4 named stimuli as CSV."""
    pd.DataFrame(MEANS.T, index=[f"im{i}" for i in range(4)], columns=list(neurons)).to_csv(
        path, index_label="stimulus_id"
    )
    return path


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".feather", ".xlsx"])
def test_rows_are_matched_by_id(tmp_path, suffix):
    if suffix in (".parquet", ".feather"):
        pytest.importorskip("pyarrow")
    elif suffix == ".xlsx":
        pytest.importorskip("openpyxl")
    dataset = import_dataset(
        "d",
        responses=named_responses(tmp_path / "r.csv"),
        axes="stimulus,neuroid",
        neurons=write_table(TABLE, tmp_path / f"neurons{suffix}"),
    )
    array = dataset.recording
    assert array["neuroid_id"].values.tolist() == ["c", "007", "b"]
    assert array["region"].values.tolist() == ["IT", "V4", "IT"]
    assert array["animal"].values.tolist() == ["Tito", "Tito", "Chabo"]
    assert array["layer"].values.tolist() == ["", "2/3", "4"]
    np.testing.assert_array_equal(array["depth"].values, [300.0, 100.5, np.nan])
    assert array["n_spikes"].values.tolist() == [30, 10, 20]
    assert array["good"].values.tolist() == [True, True, False]
    np.testing.assert_array_equal(array.sel(neuroid=0).values, MEANS[0])
    notes = dataset.metadata["notes"]
    assert "Column Unit ID of the table of neurons is taken as neuroid_id." in notes
    assert any(
        "3 neurons are from the table of neurons" in note and "by neuroid_id" in note for note in notes
    )
    assert [file["role"] for file in dataset.metadata["files"]] == ["responses", "neurons"]
    part = load_dataset("d[layer='2/3',good=true]")
    assert part.recording["neuroid_id"].values.tolist() == ["007"]
    assert load_dataset("d[depth=300.0]").recording["neuroid_id"].values.tolist() == ["c"]


def test_ids_of_the_table_name_neurons_without_a_name(tmp_path):
    dataset = import_dataset("d", responses=MEANS, axes="neuroid,stimulus", neurons=TABLE)
    assert dataset.recording["neuroid_id"].values.tolist() == ["007", "b", "c"]
    assert any("because the file does not name them" in note for note in dataset.metadata["notes"])
    assert load_dataset("d[region=IT]").recording.sizes["neuroid"] == 2


def test_a_table_without_ids_labels_named_neurons_in_order(tmp_path):
    dataset = import_dataset(
        "d",
        responses=named_responses(tmp_path / "r.csv"),
        axes="stimulus,neuroid",
        neurons=TABLE.drop(columns="Unit ID"),
    )
    assert dataset.recording["neuroid_id"].values.tolist() == ["c", "007", "b"]
    assert dataset.recording["region"].values.tolist() == ["V4", "IT", "IT"]
    assert any("because the table does not name them" in note for note in dataset.metadata["notes"])


def test_further_rows_are_left_out_with_a_note(tmp_path):
    further = pd.concat([TABLE, TABLE.assign(**{"Unit ID": ["x", "y", "z"]})])
    dataset = import_dataset(
        "d", responses=named_responses(tmp_path / "r.csv"), axes="stimulus,neuroid", neurons=further
    )
    assert dataset.recording["region"].values.tolist() == ["IT", "V4", "IT"]
    assert any(
        "3 rows without a neuron in the recording left out" in note for note in dataset.metadata["notes"]
    )


def test_labels_of_neurons_that_are_left_out_do_not_move():
    values = np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 3.0, 3.0, 3.0], [5.0, 9.0, 2.0, 6.0]])
    dataset = import_dataset(
        "d", responses=values, axes="neuroid,stimulus", neurons=TABLE, drop=["constant-neuroids"]
    )
    assert dataset.recording["neuroid_id"].values.tolist() == ["007", "c"]
    assert dataset.recording["n_spikes"].values.tolist() == [10, 30]


@pytest.mark.parametrize(
    ("table", "options", "error", "message"),
    [
        (
            TABLE,
            {"region": "IT"},
            UsageError,
            r"column region .* contradicts --region IT for 1 of 3 neurons \(007: V4 in the table",
        ),
        (TABLE, {"animal": "Tito"}, UsageError, "column animal .* contradicts --animal Tito for 1 of 3"),
        (TABLE.iloc[:2], {}, DatasetError, r"lacks 1 of 3 neurons: c; it has 007, b"),
        (
            TABLE.drop(columns="Unit ID").iloc[:2],
            {},
            DatasetError,
            "2 rows, but the recording has 3 neurons; the table has no column neuroid_id",
        ),
        (TABLE.assign(repetition=1), {}, DatasetError, "columns repetition, which label trials"),
        (TABLE.assign(**{"Unit ID": ["b", "b", "c"]}), {}, DatasetError, "several rows for b"),
        (TABLE.assign(**{"Unit ID": ["a", None, "c"]}), {}, DatasetError, "row 2 .* has no neuroid_id"),
        (TABLE.assign(Area="V1"), {}, DatasetError, "columns area, Area, which have the same meaning"),
        (TABLE.iloc[:0], {}, DatasetError, "has no rows"),
        ([1, 2], {}, UsageError, "neurons must be a path or a pandas.DataFrame, got list"),
    ],
)
def test_wrong_tables(tmp_path, nothing_is_left, table, options, error, message):
    with pytest.raises(error, match=message) as caught:
        import_dataset(
            "d",
            responses=named_responses(tmp_path / "r.csv"),
            axes="stimulus,neuroid",
            neurons=table,
            **options,
        )
    assert "\n" not in str(caught.value)
    assert nothing_is_left()


def test_an_option_fills_labels_that_the_table_lacks():
    table = pd.DataFrame({"id": ["a", "b", "c"], "region": ["IT", "", None]})
    dataset = import_dataset("d", responses=MEANS, axes="neuroid,stimulus", neurons=table, region="it")
    assert dataset.recording["region"].values.tolist() == ["it", "it", "it"]


def test_a_column_must_agree_with_labels_in_the_file(tmp_path):
    from neuroalign.arrays import recording
    from neuroalign.datasets.dataset import Dataset
    from neuroalign.datasets.formats.assembly import write_brainio
    from neuroalign.datasets.stimuli import StimulusSet

    array = recording(
        MEANS.T,
        stimulus_id=["a", "b", "c", "d"],
        neuroid_id=["n0", "n1", "n2"],
        region=["V4", "IT", "unknown"],
    ).assign_coords(session=("neuroid", [1, 1, 2]))
    stimuli = StimulusSet("s", pd.DataFrame(index=["a", "b", "c", "d"]))
    write_brainio(Dataset("x", array, stimuli, averaged=True), tmp_path / "x.nc")
    table = pd.DataFrame({"id": ["n2", "n1", "n0"], "region": ["IT", "IT", ""], "session": [2.0, 1.0, 1.0]})
    dataset = import_dataset("d", responses=tmp_path / "x.nc", neurons=table)
    assert dataset.recording["region"].values.tolist() == ["V4", "IT", "IT"]
    with pytest.raises(UsageError, match=r"session .* contradicts the file of responses for 1 of 3"):
        import_dataset("e", responses=tmp_path / "x.nc", neurons=table.assign(session=[3, 1, 1]))


def test_voxels_of_an_experiment_with_fmri(tmp_path):
    np.save(tmp_path / "betas.npy", MEANS)
    voxels = pd.DataFrame(
        {"voxel": [4001, 4002, 7], "ROI name": ["FFA", "FFA", "V1"], "ncsnr": [0.2, 0.5, 0.1]}
    )
    dataset = import_dataset("d", responses=tmp_path / "betas.npy", axes="neuroid,stimulus", neurons=voxels)
    assert dataset.recording["neuroid_id"].values.tolist() == ["4001", "4002", "7"]
    assert dataset.recording["region"].values.tolist() == ["FFA", "FFA", "V1"]
    assert dataset.recording["ncsnr"].values.tolist() == [0.2, 0.5, 0.1]


def test_command_line(tmp_path):
    np.save(tmp_path / "r.npy", MEANS)
    table = write_table(TABLE, tmp_path / "neurons.csv")
    args = ["add", "d", "--responses", str(tmp_path / "r.npy"), "--axes", "neuroid,stimulus"]
    result = CliRunner().invoke(data, [*args, "--neurons", str(table), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["regions"] == {"IT": 2, "V4": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook|cannot read the table of neurons"),
        (b"PAR1 damaged", "cannot read the table of neurons"),
        (b"id,region\na,IT,more\nb,IT\n", "cannot read the table of neurons"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    path = tmp_path / "neurons.table"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message) as caught:
        import_dataset("d", responses=MEANS, axes="neuroid,stimulus", neurons=path)
    assert "\n" not in str(caught.value)


def test_the_index_of_a_table_names_the_neurons():
    table, _ = as_neuron_table(pd.DataFrame({"region": ["V1", "V2"]}, index=["a", "b"]))
    assert table["neuroid_id"].tolist() == ["a", "b"]


def test_voxels_of_fmri(tmp_path):
    """Betas of voxels as a matrix, and the voxels as a table in the same order."""
    betas = np.random.default_rng(0).random((4, 6)).astype(np.float32)
    np.save(tmp_path / "betas.npy", betas)
    table = "voxel,roi name,x\n10,V1,1\n11,V1,2\n12,LO,3\n13,LO,4\n"
    (tmp_path / "voxels.csv").write_text(table)
    (tmp_path / "stimuli.csv").write_text("stimulus_id\na\nb\nc\na\nb\nc\n")
    imported = import_dataset(
        "subj01",
        responses=tmp_path / "betas.npy",
        axes="neuroid,stimulus",
        neurons=tmp_path / "voxels.csv",
        stimuli=tmp_path / "stimuli.csv",
        animal="subj01",
    )
    assert imported.recording.dtype == np.float32
    assert imported.recording["region"].values.tolist() == ["V1", "V1", "LO", "LO"]
    assert imported.recording["neuroid_id"].values.tolist() == ["10", "11", "12", "13"]
    part = load_dataset("subj01[region=LO]")
    mean = (betas[2:, :3].astype(np.float64) + betas[2:, 3:]) / 2
    np.testing.assert_allclose(part.responses.values, mean.T, rtol=1e-12)
