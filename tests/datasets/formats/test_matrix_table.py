"""Matrices in Parquet and Feather files and in Excel workbooks."""

import numpy as np
import pandas as pd
import pytest

from neuroalign.datasets.formats.matrix_table import read_matrix_table
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, UnknownNameError, UsageError

MEANS = np.array([[1.0, 2.5, 4.0, 8.0], [3.0, 1.0, 4.0, 1.0], [5.0, 9.0, 2.0, 6.0]])
FRAME = pd.DataFrame(MEANS, index=["a", "b", "c"], columns=["w", "x", "y", "z"])


def write(frame, path, **options):
    if path.suffix == ".feather":
        frame = frame.reset_index()
    getattr(frame, {".parquet": "to_parquet", ".feather": "to_feather", ".xlsx": "to_excel"}[path.suffix])(
        path, **options
    )
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".xlsx"])
def test_labels_pair_as_those_of_a_csv(tmp_path, suffix):
    FRAME.to_csv(tmp_path / "x.csv")
    expected = import_dataset("csv", responses=tmp_path / "x.csv", axes="neuroid,stimulus")
    imported = import_dataset("d", responses=write(FRAME, tmp_path / f"x{suffix}"), axes="neuroid,stimulus")
    assert imported.content_hash == expected.content_hash
    assert imported.responses.sel(stimulus="x", neuroid="a") == 2.5


def test_the_content_and_not_the_name_shows_the_format(tmp_path):
    path = write(FRAME, tmp_path / "x.parquet").rename(tmp_path / "x.data")
    assert import_dataset("d", responses=path, axes="neuroid,stimulus").recording.sizes["neuroid"] == 3


def test_a_matrix_without_labels(tmp_path):
    plain = pd.DataFrame(MEANS.astype(np.float32)).rename(columns=str)
    bare = read_matrix_table(write(plain, tmp_path / "x.parquet"))
    assert bare.labels == {}
    assert bare.values.dtype == np.float32
    bare = read_matrix_table(write(plain, tmp_path / "x.xlsx", header=False, index=False))
    assert bare.labels == {}
    np.testing.assert_array_equal(bare.values, MEANS)


def test_a_first_column_that_may_be_ids(tmp_path):
    path = write(
        FRAME.reset_index(drop=True).assign(image=[3, 1, 2])[["image", *"wxyz"]], tmp_path / "x.parquet"
    )
    with pytest.raises(DatasetError, match=r"first column of x.parquet \(image: 3, 1, 2, …\).*--csv-labels"):
        import_dataset("d", responses=path, axes="stimulus,neuroid")
    imported = import_dataset("d", responses=path, axes="stimulus,neuroid", csv_labels="both")
    assert imported.responses["stimulus"].values.tolist() == ["1", "2", "3"]
    assert read_matrix_table(path, "header").values.shape == (3, 5)


def test_sheets(tmp_path):
    path = tmp_path / "x.xlsx"
    with pd.ExcelWriter(path) as writer:
        FRAME.to_excel(writer, sheet_name="first")
        (FRAME + 1).to_excel(writer, sheet_name="second")
        pd.DataFrame().to_excel(writer, sheet_name="empty")
    with pytest.raises(DatasetError, match="several sheets: first, second; choose one with --variable"):
        import_dataset("d", responses=path, axes="neuroid,stimulus")
    imported = import_dataset("d", responses=path, axes="neuroid,stimulus", variable="second")
    assert imported.responses.sel(stimulus="x", neuroid="a") == 3.5
    assert "Responses are the sheet second of x.xlsx." in imported.metadata["notes"]
    with pytest.raises(UnknownNameError, match=r"no sheet in x.xlsx is called 'secnd'"):
        read_matrix_table(path, sheet="secnd")
    with pytest.raises(UsageError, match="names a sheet of a workbook"):
        read_matrix_table(write(FRAME, tmp_path / "x.parquet"), sheet="first")


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".xlsx"])
def test_long_tables_belong_to_another_format(tmp_path, suffix):
    """The content shows it; ``--format table`` contradicts it."""
    long = FRAME.reset_index(names="neuroid").melt("neuroid", var_name="stimulus")
    path = write(long, tmp_path / f"x{suffix}", **({"index": False} if suffix != ".feather" else {}))
    if suffix == ".feather":
        long.to_feather(path)
    with pytest.raises(DatasetError, match=r"looks like a .*table.*neuroid, stimulus.*--format tidy"):
        import_dataset("d", responses=path, axes="neuroid,stimulus", format="table")


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".xlsx"])
def test_damaged_files_are_one_line(tmp_path, nothing_is_left, suffix):
    path = write(FRAME, tmp_path / f"x{suffix}")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DatasetError, match="cannot read") as caught:
        import_dataset("d", responses=path, axes="neuroid,stimulus", format="table")
    assert "\n" not in str(caught.value)
    assert nothing_is_left()


def test_missing_values_and_text(tmp_path):
    path = write(FRAME.replace(4.0, np.nan), tmp_path / "x.xlsx")
    assert np.isnan(read_matrix_table(path).values).sum() == 2
    nullable = FRAME.convert_dtypes().replace(3, pd.NA)
    assert np.isnan(read_matrix_table(write(nullable, tmp_path / "x.parquet")).values).sum() == 1
    with pytest.raises(DatasetError, match=r"must hold numbers, got the columns kind \("):
        read_matrix_table(write(FRAME.assign(kind="q"), tmp_path / "y.parquet"))
