"""Tables of responses and spikes, with recordings computed by hand and by pandas."""

import numpy as np
import pandas as pd
import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.formats import tidy_files
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, NeuroalignError

NAN = np.nan

LONG = """cell,stim_id,trial,rate,area,category,rt
n1,a,1,1.5,V4,face,300
n1,a,2,2.5,V4,face,310
n1,b,1,3,V4,house,320
n1,b,2,,V4,house,330
n2,a,1,5,IT,face,300
n2,a,2,6,IT,face,310
n2,b,1,8,IT,house,320
"""

#: Trials of the table: stimulus × repetition × neuron.
CUBE = [[[1.5, 5], [2.5, 6]], [[3, 8]]]


@pytest.fixture(autouse=True)
def _parts(request, monkeypatch):
    """Read the tables in parts of one or two rows; the large tables of slow tests in larger parts."""
    monkeypatch.setattr(
        tidy_files, "_CELLS_AT_ONCE", 1_000 if request.node.get_closest_marker("slow") else 10
    )


def write(path, text):
    path.write_text(text)
    return path


def rows_of(dataset):
    """Responses of each presentation, by stimulus and repetition."""
    array = dataset.recording
    keys = zip(array["stimulus_id"].values.tolist(), array["repetition"].values.tolist(), strict=True)
    return dict(zip(keys, array.values.tolist(), strict=True))


def refusal(path, **options):
    with pytest.raises(NeuroalignError) as caught:
        import_dataset("refused", responses=path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- one row for each response


def test_long_table(tmp_path, capsys):
    path = write(tmp_path / "x.csv", LONG)
    assert run(["data", "add", "d", "--responses", str(path)]) == 0
    out, err = capsys.readouterr()
    assert "Added d: 2 recorded neurons × 2 stimuli" in out
    dataset = load_dataset("d")
    assert rows_of(dataset) == {("a", 0): [1.5, 5], ("a", 1): [2.5, 6], ("b", 0): [3, 8]}
    assert dataset.recording["neuroid_id"].values.tolist() == ["n1", "n2"]
    assert dataset.recording["region"].values.tolist() == ["V4", "IT"]
    assert dataset.recording["trial"].values.tolist() == [1, 2, 1]
    assert dataset.recording["rt"].values.tolist() == [300, 310, 320]
    assert dataset.stimuli.table["category"].to_dict() == {"a": "face", "b": "house"}
    assert not dataset.averaged
    for note in (
        "7 rows of x.csv hold the responses (rate) of 2 neurons (cell: n1, n2) to 2 stimuli (stim_id).",
        "2 of 8 pairs of a neuron and a presentation have no row or an empty response: missing trials.",
        "Further columns that describe the neurons: area.",
        "Further columns that describe the stimuli: category.",
        "Further columns that describe the trials: rt.",
        "1 presentation without any response left out.",
    ):
        assert f"note: {note}" in err
        assert note in dataset.metadata["notes"]


def test_order_of_the_rows_makes_no_difference(tmp_path):
    table = pd.read_csv(write(tmp_path / "x.csv", LONG))
    shuffled = table.sample(frac=1, random_state=0)
    shuffled.to_csv(tmp_path / "y.csv", index=False)
    first = import_dataset("d", responses=tmp_path / "x.csv")
    second = import_dataset("e", responses=tmp_path / "y.csv")
    assert rows_of(first) == rows_of(second)
    assert first.recording["trial"].values.tolist() == second.recording["trial"].values.tolist()


def test_columns_by_option(tmp_path):
    text = LONG.replace("cell,stim_id,trial,rate", "who,seen,go,out")
    path = write(tmp_path / "x.csv", text)
    message = refusal(path, format="tidy")
    assert (
        "has no column with a common name for the neuron or the stimulus (it has who, seen, go, out"
        in message
    )
    dataset = import_dataset(
        "d", responses=path, format="tidy", columns="neuroid=who,stimulus=seen,repetition=go,response=out"
    )
    assert rows_of(dataset) == {("a", 0): [1.5, 5], ("a", 1): [2.5, 6], ("b", 0): [3, 8]}
    by_mapping = import_dataset(
        "e",
        responses=path,
        format="tidy",
        columns={"neuroid": "who", "stimulus": "seen", "repetition": "go", "response": ("out",)},
    )
    assert by_mapping.content_hash == dataset.content_hash


def test_ids_stay_text(tmp_path):
    path = write(tmp_path / "x.csv", "unit,image,response\n007,01,1\n007,02,2\n10,01,3\n10,02,5\n")
    dataset = import_dataset("d", responses=path)
    assert dataset.recording["neuroid_id"].values.tolist() == ["007", "10"]
    assert dataset.stimuli.ids.tolist() == ["01", "02"]
    assert dataset.averaged


def test_means_without_a_column_of_trials(tmp_path):
    path = write(tmp_path / "x.csv", "unit,image,response\nu,a,1\nu,b,2\nu,a,3\nu,b,7\n")
    assert refusal(path) == (
        "row 2 of x.csv and row 4 of x.csv both hold neuron u, stimulus a (2 such rows); name the column of the trials "
        "with --columns repetition=COLUMN, or give --columns repetition=in-order if rows are trials in their order"
    )
    dataset = import_dataset("d", responses=path, columns="repetition=in-order")
    assert rows_of(dataset) == {("a", 0): [1], ("a", 1): [3], ("b", 0): [2], ("b", 1): [7]}
    assert not dataset.averaged


def test_repeated_trial_names_the_first(tmp_path):
    path = write(tmp_path / "x.csv", LONG + "n1,b,1,9,V4,house,320\nn1,a,2,9,V4,face,310\n")
    assert refusal(path).startswith(
        "row 4 of x.csv and row 9 of x.csv both hold neuron n1, stimulus b, trial 1 (2 such rows); keep one row"
    )
    binned = "unit,image,trial,time_bin,count\nu,a,1,0,1\nu,a,1,1,2\n"
    assert "if the column time_bin holds time bins, sum or average them first" in refusal(
        write(tmp_path / "y.csv", binned)
    )


def test_rows_of_several_files_have_their_places(tmp_path):
    first, second = write(tmp_path / "x.csv", LONG), write(tmp_path / "y.csv", LONG.replace("n1,", "n3,"))
    with pytest.raises(NeuroalignError) as caught:
        import_dataset("refused", responses=[first, second])
    assert str(caught.value).startswith(
        "row 6 of x.csv and row 6 of y.csv both hold neuron n2, stimulus a, trial 1"
    )


def test_ids_of_floats_are_whole_where_all_of_them_are(tmp_path):
    pytest.importorskip("pyarrow")
    rows = {"unit": ["u"] * 4, "image": [1.0, 2.0, 3.0, 4.0], "response": [1.0, 2.0, 3.0, 4.0]}
    pd.DataFrame(rows).to_parquet(tmp_path / "x.parquet")
    assert sorted(key for key, _ in rows_of(import_dataset("d", responses=tmp_path / "x.parquet"))) == list(
        "1234"
    )
    pd.DataFrame({**rows, "image": [1.0, 2.0, 3.0, 4.5]}).to_parquet(tmp_path / "y.parquet")
    ids = sorted(key for key, _ in rows_of(import_dataset("e", responses=tmp_path / "y.parquet")))
    assert ids == ["1.0", "2.0", "3.0", "4.5"]


def test_several_candidates_are_asked_for(tmp_path):
    text = "unit,channel,image,rate,count\n1,7,a,1,2\n1,7,b,2,3\n"
    path = write(tmp_path / "x.csv", text)
    assert refusal(path) == (
        "several columns of x.csv could be the neuroid: unit, channel; choose one with --columns neuroid=COLUMN, or "
        "join them: neuroid=unit+channel"
    )
    assert "could be the response: rate, count; choose one with --columns response=COLUMN" in refusal(
        path, columns="neuroid=unit"
    )
    dataset = import_dataset("d", responses=path, columns="neuroid=unit+channel,response=count")
    assert dataset.recording["neuroid_id"].values.tolist() == ["1_7"]
    assert rows_of(dataset) == {("a", 0): [2], ("b", 0): [3]}
    text = "unit,image,strength,power\n1,a,1,2\n1,b,2,3\n"
    assert refusal(write(tmp_path / "y.csv", text)) == (
        "y.csv has one row for each response, and no column with a common name for the response: give --columns "
        "response=COLUMN; there are strength, power"
    )


def test_neurons_of_several_sessions_with_one_name(tmp_path):
    text = "session,unit,image,rate\ns1,1,a,1\ns1,1,b,2\ns2,1,c,3\ns2,1,d,4\n"
    path = write(tmp_path / "x.csv", text)
    assert refusal(path) == (
        "neuron 1 of x.csv occurs in several values of session: give --columns neuroid=session+unit if these are "
        "different neurons, or --columns neuroid=unit if it is one"
    )
    one = import_dataset("d", responses=path, columns="neuroid=unit")
    assert one.recording.sizes == {"presentation": 4, "neuroid": 1}
    assert "1 of 2 neurons" not in refusal(path, columns="neuroid=session+unit", drop=["incomplete-neuroids"])


def test_several_files_hold_further_rows(tmp_path):
    lines = LONG.splitlines()
    first = write(tmp_path / "a.csv", "\n".join(lines[:5]) + "\n")
    second = write(tmp_path / "b.csv", "\n".join([lines[0], *lines[5:]]) + "\n")
    whole = import_dataset("d", responses=write(tmp_path / "x.csv", LONG))
    parts = import_dataset("e", responses=[first, second])
    assert rows_of(parts) == rows_of(whole)
    write(second, lines[0] + "\n" + lines[1] + "\n")
    assert refusal([first, second]).startswith("row 2 of a.csv and row 2 of b.csv both hold neuron n1")
    write(second, lines[0].replace("rt", "latency") + "\n" + lines[5] + "\n")
    assert "must have the same columns, differ in latency, rt" in refusal([first, second])


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["parquet", "feather", "xlsx", "tsv"])
def test_other_formats(tmp_path, suffix):
    table = pd.read_csv(write(tmp_path / "x.csv", LONG))
    path = tmp_path / f"y.{suffix}"
    if suffix == "xlsx":
        pytest.importorskip("openpyxl")
        table.to_excel(path, index=False)
    elif suffix == "tsv":
        table.to_csv(path, sep="\t", index=False)
    else:
        pytest.importorskip("pyarrow")
        getattr(table, f"to_{suffix}")(path)
    expected = import_dataset("d", responses=tmp_path / "x.csv")
    assert import_dataset("e", responses=path).recording.equals(expected.recording)


def test_decimal_commas(tmp_path):
    text = LONG.replace(",", ";").replace("1.5", "1,5").replace("2.5", "2,5")
    dataset = import_dataset("d", responses=write(tmp_path / "x.csv", text))
    assert rows_of(dataset)["a", 0] == [1.5, 5]
    assert "Commas are decimal marks, as in 1,5" in dataset.metadata["notes"][0]


def test_wrong_cells(tmp_path):
    assert refusal(write(tmp_path / "x.csv", LONG.replace(",8,", ",eight,"))).endswith(
        "x.csv must hold numbers, got 'eight' in row 8"
    )
    assert (
        refusal(write(tmp_path / "x.csv", LONG.replace("n2,b", ",b")))
        == "row 8 of x.csv has no neuron (column cell)"
    )
    assert "the response of neuron n2 to stimulus b must be finite" in refusal(
        write(tmp_path / "x.csv", LONG.replace(",8,", ",inf,"))
    )
    assert "x.csv has two columns called cell" in refusal(
        write(tmp_path / "x.csv", LONG.replace("area", "cell")), format="tidy"
    )
    assert "x.csv has no rows" in refusal(write(tmp_path / "x.csv", LONG.splitlines()[0] + "\n"))


def test_a_wrong_cell_far_down_in_parquet_is_named_by_its_row(tmp_path):
    pytest.importorskip("pyarrow")
    rows = {"unit": ["u"] * 7, "image": list("abcdefg"), "response": [*map(str, range(6)), "high"]}
    pd.DataFrame(rows).to_parquet(tmp_path / "x.parquet")
    path = tmp_path / "x.parquet"
    assert refusal(path, columns="response=response") == (
        f"the column response of {path} must hold numbers, got 'high' in row 8"
    )


def test_agrees_with_pandas(tmp_path):
    """Random responses with unequal trials: means by neuron and stimulus."""
    rng = np.random.default_rng(0)
    n = 3000
    table = pd.DataFrame(
        {
            "neuron": rng.integers(0, 12, n),
            "stimulus": rng.integers(0, 20, n),
            "trial": rng.integers(0, 30, n),
            "value": rng.normal(size=n),
        }
    ).drop_duplicates(["neuron", "stimulus", "trial"])
    table.to_csv(tmp_path / "x.csv", index=False)
    dataset = import_dataset("d", responses=tmp_path / "x.csv")
    array = dataset.recording.to_dataframe(name="value").reset_index()
    counted = array.dropna().groupby(["neuroid_id", "stimulus_id"])["value"].agg(["mean", "size"])
    expected = (
        table.astype({"neuron": str, "stimulus": str})
        .groupby(["neuron", "stimulus"])["value"]
        .agg(["mean", "size"])
    )
    expected.index.names = counted.index.names
    pd.testing.assert_frame_equal(counted, expected)


# --- one row for each trial

WIDE = """image_id,trial_id,session,time,unit_1,unit_2,unit_10
b,4,s1,0.1,10,11,18
a,1,s1,0.2,4,5,6
a,2,s1,0.3,7,,9
b,3,s1,0.4,2,2,3
"""


def test_wide_table(tmp_path):
    dataset = import_dataset("d", responses=write(tmp_path / "x.csv", WIDE))
    result = rows_of(dataset)
    assert result["a", 0] == [4, 5, 6]
    np.testing.assert_array_equal(result["a", 1], [7, NAN, 9])
    assert result["b", 0] == [2, 2, 3]
    assert result["b", 1] == [10, 11, 18]
    assert dataset.recording["neuroid_id"].values.tolist() == ["unit_1", "unit_2", "unit_10"]
    assert dataset.recording["trial_id"].values.tolist() == [1, 2, 3, 4]
    assert dataset.recording["time"].values.tolist() == [0.2, 0.3, 0.4, 0.1]
    assert dataset.stimuli.table["session"].tolist() == ["s1", "s1"]
    assert not dataset.averaged


def test_columns_that_may_be_neurons_or_not_are_asked_for(tmp_path):
    path = write(tmp_path / "x.csv", WIDE.replace("session", "contrast").replace("s1", "0.5"))
    assert refusal(path) == (
        "x.csv has one row for each trial, and its columns of numbers are not all named alike (contrast, unit_*): name "
        "the columns of the neurons with --neuron-columns 'PATTERN'"
    )
    dataset = import_dataset("d", responses=path, neuron_columns="unit_*")
    assert dataset.recording.sizes["neuroid"] == 3
    assert dataset.stimuli.table["contrast"].tolist() == [0.5, 0.5]
    some = import_dataset("e", responses=path, neuron_columns=["unit_1", "unit_10"])
    assert some.recording["neuroid_id"].values.tolist() == ["unit_1", "unit_10"]
    assert "no column of x.csv (for --neuron-columns) is called 'cell_*'" in refusal(
        path, neuron_columns="cell_*"
    )


def test_wide_trials_in_order_of_the_rows(tmp_path):
    text = "session,stimulus,n1,n2\ns,a,1,2\ns,b,3,5\ns,a,4,6\n"
    dataset = import_dataset("d", responses=write(tmp_path / "x.csv", text))
    assert rows_of(dataset) == {("a", 0): [1, 2], ("a", 1): [4, 6], ("b", 0): [3, 5]}
    assert "Rows with the same stimulus are its trials in their order." in dataset.metadata["notes"]


def test_a_matrix_stays_a_matrix(tmp_path):
    path = write(tmp_path / "x.csv", "stimulus,n1,n2\na,1,2\nb,3,5\n")
    assert import_dataset("d", responses=path, axes="stimulus,neuroid").responses.values.tolist() == [
        [1, 2],
        [3, 5],
    ]


# --- spikes


def test_spikes(tmp_path):
    spikes = write(
        tmp_path / "s.csv",
        "neuron,spike_time,depth\n2,1.15,5\n1,1.1,4\n1,1.12,4\n1,1.2,4\n1,2.1999,4\n2,2.05,5\n2,2.11,5\n2,2.15,5\n",
    )
    events = write(tmp_path / "events.csv", "onset,stimulus_id\n2,b\n1,a\n")
    assert "give the onsets of the stimuli with --events events.csv" in refusal(spikes)
    assert "s.csv holds spike times: give the unit of spike_time with --time-unit s|ms" in refusal(
        spikes, events=events, window="100,200"
    )
    assert "--window START,END" in refusal(spikes, events=events, time_unit="s")
    dataset = import_dataset("d", responses=spikes, events=events, window="100,200", time_unit="s")
    assert rows_of(dataset) == {("a", 0): [2, 1], ("b", 0): [1, 2]}
    assert dataset.recording["depth"].values.tolist() == [4, 5]
    assert dataset.metadata["window_ms"] == [100, 200]
    assert (
        "the spikes of 2 neurons (neuron: 1, 2); a neuron without spikes has no row."
        in dataset.metadata["notes"][0]
    )
    binned = import_dataset("f", responses=spikes, events=events, window="100,200", time_unit="s", bins=50)
    np.testing.assert_array_equal(binned.recording.sum("time_bin").values, dataset.recording.values)
    milliseconds = (
        pd.read_csv(spikes).eval("spike_time = spike_time * 1000").rename(columns={"spike_time": "time_ms"})
    )
    milliseconds.to_csv(tmp_path / "m.csv", index=False)
    other = import_dataset("e", responses=tmp_path / "m.csv", events=events, window="100,200")
    assert rows_of(other) == rows_of(dataset)


def test_options_without_effect(tmp_path):
    path = write(tmp_path / "x.csv", LONG)
    assert refusal(path, window="0,1").startswith("--window has no effect without --events")
    assert "--columns time= has no effect: x.csv has one row for each response" in refusal(
        path, columns="time=rt"
    )
    assert "no meaning of a column is called 'cell'" in refusal(path, columns="cell=neuroid")
    assert "--columns must be MEANING=COLUMN" in refusal(path, columns="neuroid")
    assert "no column of x.csv (for response) is called 'rates'; did you mean rate" in refusal(
        path, columns="response=rates"
    )


def test_damaged_files(tmp_path):
    pytest.importorskip("pyarrow")
    pd.read_csv(write(tmp_path / "x.csv", LONG)).to_parquet(tmp_path / "x.parquet")
    content = (tmp_path / "x.parquet").read_bytes()
    (tmp_path / "y.parquet").write_bytes(content[:200])
    assert "cannot read the table" in refusal(tmp_path / "y.parquet")
    ragged = LONG.replace("n1,b,1,3,V4,house,320", "n1,b,1,3,V4,house,320,9,9")
    assert "cannot read the table" in refusal(write(tmp_path / "z.csv", ragged))
    with pytest.raises(DatasetError):
        import_dataset("d", responses=write(tmp_path / "e.csv", ""))
