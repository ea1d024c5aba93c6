"""Changed bytes of records, latents and datasets are seen before a number is made of them."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neuroalign.datasets.folder import read_folder, replace_landmarks, write_folder
from neuroalign.errors import DatasetError, NeuroalignWarning
from neuroalign.files import judging
from neuroalign.files.netcdf_reading import read_netcdf
from neuroalign.files.sums import SUMS, append_sum, expect_sum_at_end, parse_sums, sha256_of
from neuroalign.models.latents_cache import cached_path, compute_latents
from neuroalign.models.latents_file import MEMORY_VARIABLE, gather_latents
from neuroalign.models.loading import load_model
from neuroalign.results.record_sums import FIELD, expect_sealed, sealed
from neuroalign.results.store import ResultsStore
from neuroalign.testing import make_dataset, make_score

from .sound_files import mutate

KEY = "ab" * 32


def change_one_digit(content, number):
    """Return text with one of its digits changed, in the field names and the sums, too."""
    rng = np.random.default_rng([7, number])
    places = [place for place, letter in enumerate(content) if letter.isdigit()]
    place = int(rng.choice(places))
    other = str((int(content[place]) + rng.integers(1, 10)) % 10)
    return content[:place] + other + content[place + 1 :]


@pytest.fixture
def record():
    provenance = {"created": "2026-01-01T00:00:00+00:00", "latents_hash": "1" * 64, "seconds": 0.147}
    store = ResultsStore()
    store.save(KEY, make_score(1 / 3, beside={"D": 10.0, "p": 0.14852351654693008}, provenance=provenance))
    return store.folder / KEY[:2] / f"{KEY}.json"


@pytest.mark.parametrize("read", [lambda store: store.load(KEY), lambda store: next(store.items(), None)])
def test_one_changed_digit_of_a_record_is_seen(record, read):
    content = record.read_text()
    assert read(ResultsStore()) is not None
    for number in range(60):
        record.write_text(change_one_digit(content, number))
        with pytest.warns(NeuroalignWarning, match=f"ignored an unreadable record {record}: ") as caught:
            assert read(ResultsStore()) is None, number
        assert len(caught) == 1


def test_a_last_digit_that_leaves_the_number_as_it_is_is_seen():
    content = sealed({"value": 0.14852351654693008})
    changed = content.replace("0.14852351654693008", "0.14852351654693009")
    assert json.loads(changed) == json.loads(content)
    with pytest.raises(ValueError, match=f"^its content differs from its {FIELD}, so that it is damaged$"):
        expect_sealed(changed)
    # The layout of the file does not count.
    expect_sealed(json.dumps(json.loads(content)))


def test_a_record_under_the_name_of_another_one_is_a_miss(record):
    other = record.with_name(f"{'ab' * 31}cd.json")
    record.rename(other)
    record.with_suffix(".nc").rename(other.with_suffix(".nc"))
    with pytest.warns(NeuroalignWarning, match=f"its name must be its key, got {KEY}"):
        assert ResultsStore().load(other.stem) is None


def test_a_record_of_an_earlier_version_without_a_sum_is_read(record):
    content = json.loads(record.read_text())
    del content[FIELD], content["serial"]
    record.write_text(json.dumps(content))
    assert ResultsStore().load(KEY).value == 1 / 3


@pytest.fixture
def cached():
    """Return a model, its stimuli, the file of its latents and the latents."""
    stimuli = make_dataset(n_stimuli=16, n_neurons=3, n_factors=2, image_size=6).stimuli
    model = load_model("pca[n=3]")
    latents = compute_latents(model, stimuli)
    return model, stimuli, cached_path(model, stimuli), latents


@pytest.mark.parametrize("n", [5, pytest.param(125, marks=pytest.mark.slow)])
def test_damaged_latents_are_computed_again(cached, monkeypatch, n):
    model, stimuli, path, latents = cached
    content = path.read_bytes()
    monkeypatch.setattr(judging, "expect_sound", lambda *args: pytest.fail("HDF5 must not see the file"))
    for number in range(n):
        damaged = mutate(content, np.random.default_rng([3, number]))
        if damaged == content:
            continue
        path.write_bytes(damaged)
        with pytest.warns(NeuroalignWarning, match=f"ignored unreadable cached latents {path}: ") as caught:
            again = compute_latents(model, stimuli)
        assert len(caught) == 1
        np.testing.assert_array_equal(again.values, latents.values)
        assert path.read_bytes() == content


def test_latents_larger_than_memory_end_with_their_sum(cached, monkeypatch, tmp_path):
    _, stimuli, _, latents = cached
    monkeypatch.setenv(MEMORY_VARIABLE, "0.0001")
    path = tmp_path / "large.nc"
    gathered = gather_latents(iter([latents]), stimuli.ids, path=path)
    assert not isinstance(gathered.variable._data, np.ndarray)
    expect_sum_at_end(path)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(ValueError, match="differs from the SHA-256 at its end"):
        expect_sum_at_end(path)


def test_a_file_with_its_sum_opens_like_any_other(cached, tmp_path):
    _, _, path, latents = cached
    np.testing.assert_array_equal(read_netcdf(path)["latents"].values, latents.values)
    (tmp_path / "a").write_bytes(b"abc")
    append_sum(tmp_path / "a")
    assert (tmp_path / "a").read_bytes()[-65:-1] == (
        b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.fixture
def folder(tmp_path):
    dataset = make_dataset(n_stimuli=8, n_neurons=3, n_factors=2, n_repetitions=2, image_size=6)
    write_folder(dataset, tmp_path / "d")
    return tmp_path / "d"


@pytest.fixture
def folder_of_all_files(tmp_path):
    dataset = make_dataset(n_stimuli=8, n_neurons=3, n_factors=2, image_size=6, landmarks=True)
    truth = pd.DataFrame({"factor_0": [0.25, 0.5, 1.0]}, index=dataset.recording["neuroid_id"].values)
    metadata = {"description": "Recorded in 2026."}
    write_folder(replace(dataset, truth=truth, metadata=metadata), tmp_path / "d")
    return tmp_path / "d"


def test_a_damaged_recording_is_refused_before_hdf5_opens_it(folder, monkeypatch):
    path = folder / "recording.nc"
    content = path.read_bytes()
    read_folder(folder)
    monkeypatch.setattr(judging, "expect_sound", lambda *args: pytest.fail("HDF5 must not see the file"))
    for number in range(60):
        path.write_bytes(mutate(content, np.random.default_rng([5, number])))
        if path.read_bytes() == content:
            continue
        with pytest.raises(DatasetError, match=f"^cannot read {path}: its content differs from its SHA-256"):
            read_folder(folder)


@pytest.mark.parametrize("name", ["stimuli.csv", "landmarks.csv", "truth.csv", "dataset.toml"])
def test_one_changed_digit_of_a_text_file_is_seen(folder_of_all_files, name):
    path = folder_of_all_files / name
    content = path.read_text()
    read_folder(folder_of_all_files)
    for number in range(5):
        path.write_text(change_one_digit(content, number))
        with pytest.raises(DatasetError, match=f"^cannot read {path}: its content differs from its SHA-256"):
            read_folder(folder_of_all_files)
    # Somebody edits the file, and says so.
    sums = folder_of_all_files / SUMS
    sums.write_text("".join(line for line in sums.read_text().splitlines(True) if f"  {name}\n" not in line))
    path.write_text(content + "\n")
    read_folder(folder_of_all_files)


def test_a_lost_table_is_seen(folder_of_all_files):
    for name in ("truth.csv", "landmarks.csv"):
        (folder_of_all_files / name).unlink()
        with pytest.raises(DatasetError, match=f"{name} is missing, and SHA256SUMS lists it"):
            read_folder(folder_of_all_files)


def test_other_landmarks_have_a_sum(folder_of_all_files):
    landmarks = read_folder(folder_of_all_files).stimuli.landmarks
    replace_landmarks(folder_of_all_files, landmarks + 1, origin="toy")
    np.testing.assert_array_equal(
        read_folder(folder_of_all_files).stimuli.landmarks.values, landmarks.values + 1
    )
    listed = parse_sums((folder_of_all_files / SUMS).read_text())
    assert listed == {name: sha256_of(folder_of_all_files / name) for name in listed}
    assert {"landmarks.csv", "dataset.toml", "stimuli.csv", "recording.nc"} < set(listed)


def test_a_damaged_image_is_refused_wherever_it_is_read(folder):
    path = folder / "images" / "s003.png"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # behind the pixels, where no decoder looks
    path.write_bytes(content)
    stimuli = read_folder(folder).stimuli
    readings = [
        stimuli.pixels,
        lambda: stimuli.open("s003"),
        lambda: stimuli.image_size("s003"),
        lambda: stimuli.image_bytes("s003"),
        lambda: stimuli.content_hash,
    ]
    for read in readings:
        with pytest.raises(DatasetError, match=r"stimulus 's003': .*s003\.png differs from its SHA-256"):
            read()
    (folder / SUMS).unlink()
    assert read_folder(folder).stimuli.pixels().shape == (8, 6, 6)


def test_sums_that_cannot_be_read_are_one_line(folder):
    (folder / SUMS).write_text("no sum\n")
    with pytest.raises(DatasetError, match=f"^cannot read {folder / SUMS}: cannot read the line 'no sum'"):
        read_folder(folder)


def test_a_folder_made_by_hand_is_read_without_sums(folder):
    (folder / SUMS).unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_folder(folder).recording.sizes["neuroid"] == 3
