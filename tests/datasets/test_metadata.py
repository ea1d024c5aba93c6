"""Tests of the types of the fields in dataset.toml."""

import pytest

from neuroalign.cli import run
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.errors import DatasetError
from neuroalign.files.sums import SUMS


@pytest.fixture
def folder(dataset_factory, tmp_path):
    write_folder(dataset_factory(n_stimuli=20, n_neurons=2), tmp_path / "toy")
    (tmp_path / "toy" / SUMS).unlink()
    return tmp_path / "toy"


def state(folder, line):
    """Write a line into dataset.toml in place of the line with this field."""
    file = folder / "dataset.toml"
    field = line.partition("=")[0]
    kept = [
        other for other in file.read_text().splitlines() if other.partition("=")[0].strip() != field.strip()
    ]
    file.write_text("\n".join([line, *kept]) + "\n")
    return file


@pytest.mark.parametrize(
    ("line", "must"),
    [
        ('averaged = "no"', "averaged of {file} must be true or false, got 'no'"),
        ("simulated = 0", "simulated of {file} must be true or false, got 0"),
        ("mirror_training = []", "mirror_training of {file} must be true or false, got []"),
        ("identifier = 5", "identifier of {file} must be text in quotes, got 5"),
        ("stimulus_set = 1.5", "stimulus_set of {file} must be text in quotes, got 1.5"),
        ("part_of = true", "part_of of {file} must be text in quotes, got True"),
        ("citation = ['a']", "citation of {file} must be text in quotes, got ['a']"),
        ("notes = 'one'", "notes of {file} must be a list of texts in quotes, got 'one'"),
        ("warnings = [1]", "warnings of {file} must be a list of texts in quotes, got [1]"),
        (
            "window_ms = [170, 70]",
            "window_ms of {file} must be [start, end] in milliseconds, the start before the end, got [170, 70]",
        ),
        (
            "window_ms = [0, nan]",
            "window_ms of {file} must be [start, end] in milliseconds, the start before the end, got [0, nan]",
        ),
        (
            "files = [{role = 'responses'}]",
            "files of {file} must be a list of tables with the texts role, name and sha256, got "
            "[{{'role': 'responses'}}]",
        ),
        (
            f"description = {[0] * 90}",
            "description of {file} must be text in quotes, got " + str([0] * 90)[:79] + "…",
        ),
    ],
)
def test_a_field_of_the_wrong_type_is_named(folder, line, must):
    file = state(folder, line)
    with pytest.raises(DatasetError) as caught:
        read_folder(folder)
    assert str(caught.value) == f"{must.format(file=file)}; correct the file"


def test_a_wrong_field_stops_a_command_with_one_line(folder, capsys):
    file = state(folder, 'averaged = "no"')
    assert run(["info", str(folder)]) == 2
    assert capsys.readouterr().err == (
        f"neuroalign: averaged of {file} must be true or false, got 'no'; correct the file\n"
    )


def test_right_fields_and_unknown_fields_are_kept(folder):
    state(folder, "window_ms = [-50, 70.5]")
    state(folder, "laboratory = {name = 'x', rooms = [1, 2]}")
    metadata = read_folder(folder).metadata
    assert metadata["window_ms"] == [-50, 70.5]
    assert metadata["laboratory"] == {"name": "x", "rooms": [1, 2]}
