"""Tests of imports: good records are merged, others are refused in one line, and none does harm."""

import hashlib
import json
import os
import shutil
import zipfile
from dataclasses import replace

import h5py
import numpy as np
import pytest

from neuroalign.cli import run
from neuroalign.errors import ArchiveError, UsageError
from neuroalign.files.sums import SUMS
from neuroalign.results.exchange import array_files, records
from neuroalign.results.index import INDEX
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.imported import import_results


def stored():
    """Return the relative paths of all files in the store."""
    folder = ResultsStore().folder
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != INDEX
    )


def refusal(theirs):
    """Import, check that the store is still empty, and return the reason for refusing the only record."""
    report = import_results(theirs.folder)
    assert (report.imported, report.duplicates, report.conflicts) == ([], [], {})
    assert stored() == []
    (reason,) = report.refused.values()
    assert "\n" not in reason
    return reason


def edit(record, **fields):
    content = json.loads(record.read_text())
    for name, value in fields.items():
        content[name] = value
    record.write_text(json.dumps(content))


# Good records.


def test_an_imported_record_names_its_source(theirs, record):
    report = import_results(theirs.folder)
    assert report.imported == [f"{record.parent.name}/{record.name}"]
    assert not report.checked_sums
    mine, other = ResultsStore().load_imported(record.stem), theirs.load(record.stem)
    assert ResultsStore().load(record.stem) is None
    assert mine.value == other.value
    assert mine.data.equals(other.data)
    assert mine.provenance["imported"]["from"] == "theirs"


def test_one_record_and_an_archive(theirs, record, tmp_path):
    assert len(import_results(record).imported) == 1
    archive = shutil.make_archive(str(tmp_path / "theirs"), "zip", tmp_path, "theirs")
    assert import_results(archive).duplicates == [f"theirs/{record.parent.name}/{record.name}"]


def test_the_same_score_computed_elsewhere_is_a_duplicate(theirs, save, score_factory):
    save(ResultsStore(), score_factory())
    theirs_too = score_factory(provenance={"created": "2026-05-05T00:00:00+00:00", "numpy": "9.9"})
    save(theirs, theirs_too)
    report = import_results(theirs.folder)
    assert len(report.duplicates) == 1
    assert ResultsStore().load(report.duplicates[0][3:-5]).provenance["numpy"] == "2.0"


@pytest.mark.parametrize("replace_imported", [False, True])
def test_conflicts_keep_our_record(theirs, save, score_factory, replace_imported):
    path = save(ResultsStore(), score_factory())
    save(theirs, replace(score_factory(), value=0.75))
    report = import_results(theirs.folder, replace_imported=replace_imported)
    assert list(report.conflicts.values()) == ["ours is 0.5, theirs 0.75"]
    assert ResultsStore().load(path.stem).value == 0.5
    assert ResultsStore().load_imported(path.stem) is None


@pytest.mark.parametrize("replace_imported", [False, True])
def test_a_second_import_is_a_conflict_unless_the_call_replaces_the_first(
    theirs, save, score_factory, replace_imported
):
    path = save(theirs, score_factory())
    import_results(theirs.folder)
    save(theirs, replace(score_factory(), value=0.75))
    report = import_results(theirs.folder, replace_imported=replace_imported)
    assert list(report.conflicts.values()) == ["the earlier import is 0.5, theirs 0.75"]
    assert ResultsStore().load_imported(path.stem).value == (0.75 if replace_imported else 0.5)


def test_rounding_is_no_conflict_and_other_numbers_are(theirs, save, score_factory):
    save(ResultsStore(), score_factory())
    score = score_factory()

    def conflicts(changed):
        save(theirs, changed)
        return list(import_results(theirs.folder).conflicts.values())

    rounded = score.data.assign(alignment=score.data["alignment"] * (1 + 1e-12))
    assert conflicts(replace(score, value=score.value * (1 + 1e-12), data=rounded, notes=("two",))) == []
    assert conflicts(replace(score, value=score.value + 1e-4)) == ["ours is 0.5, theirs 0.5001"]
    assert conflicts(replace(score, error=0.02, beside={"D": 3.0})) == ["they differ in error, D"]
    assert conflicts(replace(score, data=score.data.assign(alignment=("neuroid", [0.1, 0.2])))) == [
        "their arrays differ"
    ]


def test_a_bad_record_does_not_lose_the_good_ones(theirs, record, save, score_factory):
    save(theirs, score_factory(0.2, model="other"))
    record.write_text("{")
    report = import_results(theirs.folder)
    assert len(report.imported) == len(report.refused) == 1
    assert len(stored()) == 2


def test_html_in_names_stays_text(theirs, save, score_factory):
    name = "<script>alert(1)</script>"
    path = save(theirs, score_factory(model=name, family=name))
    assert len(import_results(theirs.folder).imported) == 1
    assert ResultsStore().load_imported(path.stem).family == name


# Records that are refused.


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"schema": 2}, "it is of schema 2; this version reads schema 1"),
        ({"value": "0.5"}, "value must be a number or none, got '0.5'"),
        ({"value": True}, "value must be a number or none, got True"),
        ({"value": 10**400}, "more than 64 bits"),
        ({"value": 1.7e308}, "value must be at most 1e+100 in size, got 1.7e+308"),
        ({"beside": {"D": -2e100}}, "D must be at most 1e+100 in size, got -2e+100"),
        ({"error": -1.0}, "error must be a number of at least 0 or none, got -1.0"),
        (
            {"benchmark_version": 1.5},
            "benchmark_version must be a whole number between 0 and 1,000,000, got 1.5",
        ),
        ({"model": ""}, "model must be text with at least 1 character and at most 400 characters"),
        ({"model": "m" * 500}, "at most 400 characters that matches ^[^=+@-], got 'mmm"),
        ({"model": ["m"]}, "^[^=+@-], got ['m']"),
        ({"model": "=HYPERLINK(1)"}, "that matches ^[^=+@-], got '=HYPERLINK(1)'"),
        ({"model": "m\u001b[2J"}, "a character that cannot be printed"),
        ({"model": "m\u202e"}, "a character that cannot be printed"),
        ({"model": "\ud800"}, "a character that cannot be printed"),
        ({"options": {"n": {"deep": 1}}}, "n of options must be true or false, a whole number, "),
        ({"beside": {"D": "many"}}, "D of beside must be a number or none, got 'many'"),
        ({"beside": {"": 1.0}}, "each name in beside must be text with at least 1 character"),
        ({"notes": "text"}, "notes must be a list of text"),
        ({"notes": ["one", 2]}, "item 2 of notes must be text with at most 4000 characters, got 2"),
        ({"extra": 1}, "no key is called 'extra'"),
        ({"valu": 1}, "no key is called 'valu'; did you mean value?"),
        ({"provenance": {}}, "dataset_hash of provenance is missing; it must be text that matches"),
        ({"key": "../../etc/passwd"}, "key must be text that matches ^[0-9a-f]{64}$, got '../../etc/passwd'"),
        ({"benchmark_version": 2}, "its key is not the digest"),
        ({"dataset": "another"}, "its key is not the digest"),
    ],
)
def test_records_that_do_not_fit_are_refused(theirs, record, fields, reason):
    edit(record, **fields)
    assert reason in refusal(theirs)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not JSON"),
        (b"[1]", "it must be a table, got [1]"),
        (b"\xff\xfe", "it is not UTF-8"),
        (b'{"value": NaN}', "it holds NaN, which is not a finite number"),
        (b'{"value": -Infinity}', "it holds -Infinity, which is not a finite number"),
        (b'{"value": 1e999}', "it holds 1e999, which is not a finite number"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "it is nested deeper"),
        (b"[" * 15 + b"]" * 15, "it is nested deeper"),
        (b'"' + b"a" * (records.MAX_BYTES + 1) + b'"', "bytes; at most 1,048,576 are accepted"),
        (b"1" * 10_000, "an integer of more than 64 bits"),
    ],
    ids=["empty", "list", "bytes", "NaN", "infinity", "overflow", "very deep", "deep", "huge", "digits"],
)
def test_json_that_could_do_harm_is_refused(theirs, record, content, reason):
    record.write_bytes(content)
    assert reason in refusal(theirs)


@pytest.mark.parametrize("created", ["9999-01-01T00:00:00+00:00", "2026-01-01T00:00:00", "now"])
def test_times_that_would_always_be_newest_are_refused(theirs, save, score_factory, created):
    save(theirs, score_factory(provenance={"created": created}))
    assert refusal(theirs).startswith("created of provenance must ")


@pytest.mark.parametrize("name", ["ab12.json", "G" * 64 + ".json"])
def test_names_that_are_not_keys_are_refused(theirs, record, name):
    record.rename(record.with_name(name))
    assert "its name is not the key" in refusal(theirs)


def test_a_record_under_the_key_of_another_is_refused(theirs, record):
    other = record.with_name("0" * 64 + ".json")
    record.rename(other)
    record.with_suffix(".nc").rename(other.with_suffix(".nc"))
    assert "its name is not its key" in refusal(theirs)


# Files that are refused.


def test_links_and_pipes_are_not_followed(theirs, record, tmp_path):
    secret = tmp_path / "secret.json"
    shutil.copy(record, secret)
    record.unlink()
    record.symlink_to(secret)
    assert refusal(theirs).endswith("is a link")
    record.unlink()
    os.mkfifo(record)
    assert "is not a plain file" in refusal(theirs)


def test_a_linked_folder_is_not_entered(theirs, record, tmp_path):
    outside = tmp_path / "outside"
    shutil.move(record.parent, outside)
    record.parent.symlink_to(outside)
    report = import_results(theirs.folder)
    assert not report.imported
    assert stored() == []


def test_linked_arrays_are_refused(theirs, record, tmp_path):
    arrays = record.with_suffix(".nc")
    shutil.move(arrays, tmp_path / "elsewhere.nc")
    arrays.symlink_to(tmp_path / "elsewhere.nc")
    assert refusal(theirs) == f"its arrays ({arrays.name}): is a link"
    arrays.unlink()
    assert refusal(theirs) == f"its arrays ({arrays.name}): is missing"


def test_files_that_differ_from_their_sums_are_refused(theirs, record):
    files = [record, record.with_suffix(".nc")]
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.parent.name}/{path.name}\n" for path in files
    ]
    (theirs.folder / SUMS).write_text("".join(sums))
    edit(record, value=0.99)
    assert "its SHA-256 must be the one in SHA256SUMS" in refusal(theirs)
    (theirs.folder / SUMS).write_text(sums[1])
    assert refusal(theirs) == f"it is not listed in {SUMS}"
    (theirs.folder / SUMS).write_text("no sums")
    assert "cannot read the line" in refusal(theirs)


@pytest.mark.parametrize("name", ["../../evil.json", "/etc/evil.json", "a/../../evil.json"])
def test_archives_with_paths_that_leave_are_refused(record, tmp_path, name):
    archive = tmp_path / "theirs.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(record, f"{record.parent.name}/{record.name}")
        opened.writestr(name, "{}")
    with pytest.raises(ArchiveError, match=r"leaves the folder|absolute path"):
        import_results(archive)
    assert stored() == []


def test_archives_that_blow_up_are_refused(record, tmp_path):
    archive = tmp_path / "theirs.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(f"{record.stem}.json", b"0" * (1 << 24))
    with pytest.raises(ArchiveError, match="times"):
        import_results(archive)


def test_other_files_are_not_taken(tmp_path):
    file = tmp_path / "scores.csv"
    file.write_text("value\n1\n")
    with pytest.raises(UsageError, match="must be a folder, a record"):
        import_results(file)
    with pytest.raises(UsageError, match="cannot find the file or folder"):
        import_results(tmp_path / "nothing")


# Arrays that are refused.


@pytest.fixture
def arrays(record):
    """Open the arrays of the record to spoil them."""
    with h5py.File(record.with_suffix(".nc"), "r+") as file:
        yield file


def test_huge_arrays_are_refused_before_they_are_read(theirs, arrays):
    arrays.create_dataset("huge", shape=(1 << 40,), dtype="f8", chunks=(1 << 16,), compression="gzip")
    arrays.close()
    assert "/huge claims 8,796,093,022,208 bytes, and stores 0" in refusal(theirs)


def test_external_links_and_storage_are_refused(theirs, arrays, tmp_path):
    (tmp_path / "secret.bin").write_bytes(b"\0" * 16)
    arrays["leak"] = h5py.ExternalLink("/etc/passwd", "/")
    arrays.flush()
    assert "/leak is in another file, which is never opened" in refusal(theirs)
    del arrays["leak"]
    arrays.create_dataset("outside", shape=(2,), dtype="f8", external=[(str(tmp_path / "secret.bin"), 0, 16)])
    arrays.close()
    assert "/outside is in another file, which is never opened" in refusal(theirs)


def test_virtual_arrays_soft_links_and_groups_are_refused(theirs, arrays, tmp_path):
    layout = h5py.VirtualLayout(shape=(2,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", shape=(2,))
    arrays.create_virtual_dataset("virtual", layout)
    arrays.flush()
    assert "/virtual is in another file, which is never opened" in refusal(theirs)
    del arrays["virtual"]
    arrays["soft"] = h5py.SoftLink("/weights")
    arrays.flush()
    assert refusal(theirs).endswith("'soft' is a link")
    del arrays["soft"]
    arrays.create_group("nested")
    arrays.close()
    assert refusal(theirs).endswith("'nested' is a group")


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (np.dtype([("a", "f8"), ("b", "i4")]), None),
        (h5py.ref_dtype, None),
        (np.dtype("c16"), None),
        (np.dtype("V8"), None),
        (h5py.vlen_dtype(np.float64), None),
    ],
    ids=["compound", "reference", "complex", "opaque", "ragged"],
)
def test_odd_types_are_refused(theirs, arrays, dtype, value):
    arrays.create_dataset("odd", shape=(2,), dtype=dtype)
    arrays.close()
    assert "neither numbers nor text" in refusal(theirs)


def test_filters_that_load_code_are_refused(theirs, arrays):
    arrays.create_dataset("odd", shape=(4,), dtype="f8", chunks=(4,), compression="lzf")
    arrays.close()
    assert refusal(theirs).endswith("'odd' is compressed in another way than with deflate")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"alignment": ("neuroid", [np.inf, 0.0])}, "'alignment' holds infinity"),
        ({"alignment": ("neuroid", [1e200, 0.0])}, "'alignment' holds a number above 1e+100"),
        ({"neuroid": ["a\u001b[2J", "b"]}, "'neuroid' has a label with a character that cannot be printed"),
        ({"neuroid": ["a" * 500, "b"]}, "'neuroid' has a label of 500 characters; at most 400 are accepted"),
    ],
)
def test_infinity_and_odd_labels_are_refused(theirs, save, score_factory, changes, reason):
    score = score_factory()
    save(theirs, replace(score, data=score.data.assign(changes)))
    assert refusal(theirs).endswith(reason)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + b"\xff" * 4096, None])
def test_damaged_arrays_are_refused(theirs, record, content):
    path = record.with_suffix(".nc")
    path.write_bytes(path.read_bytes()[:1500] if content is None else content)
    assert "cannot be read" in refusal(theirs)


def test_a_file_of_many_bytes_is_refused_unread(theirs, record):
    with open(record.with_suffix(".nc"), "wb") as file:
        file.truncate(array_files.MAX_BYTES + 1)
    assert "1,073,741,825 bytes; at most" in refusal(theirs)


def test_only_what_was_checked_is_written(theirs, record):
    with h5py.File(record.with_suffix(".nc"), "r+") as file:
        file.attrs["payload"] = "<script>"
        file["alignment"].attrs["payload"] = "x" * 1000
    import_results(theirs.folder)
    data = ResultsStore().load_imported(record.stem).data
    assert data.attrs == {}
    assert data["alignment"].attrs == {}


# At the command line.


def test_command_gives_reasons_and_fails_if_a_record_was_refused(theirs, record, save, score_factory, capsys):
    save(theirs, score_factory(model="other"))
    edit(record, value="much")
    assert run(["results", "import", str(theirs.folder)]) == 1
    captured = capsys.readouterr()
    assert captured.out == "1 imported, 0 here already, 0 in conflict, 1 refused\n"
    assert (
        f"refused: {record.parent.name}/{record.name}: value must be a number or none, got 'much'"
        in captured.err
    )
    assert "without SHA256SUMS" in captured.err


def test_command_finds_nothing(tmp_path, capsys):
    assert run(["results", "import", str(tmp_path)]) == 1
    assert " has no records (.json)" in capsys.readouterr().err
