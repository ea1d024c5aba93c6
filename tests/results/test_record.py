"""Tests of the typed record of a score and of its JSON schema."""

import json
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from neuroalign.errors import UsageError
from neuroalign.results.exchange.records import parse_record
from neuroalign.results.record import Record, check_record, record_schema
from neuroalign.testing import make_score

GOOD = {
    "schema": 1,
    "key": "a" * 64,
    "model": "m[seed=0]",
    "dataset": "d",
    "benchmark": "b",
    "benchmark_version": 1,
    "family": "m",
    "options": {"n": 3, "rule": "1se", "grid": [1, 2.5, None], "none": None, "flag": True},
    "value": 0.5,
    "error": None,
    "error_over": "neurons",
    "null": None,
    "ceiling": 1,
    "higher_is_better": True,
    "beside": {"D": 2.0, "effective_units": None},
    "notes": ["one"],
    "provenance": {
        "dataset_hash": "d" * 64,
        "latents_hash": "1" * 64,
        "simulated": True,
        "join": "exact",
        "n_stimuli": 10,
        "created": "2026-01-01T00:00:00+00:00",
        "seconds": 0.3,
        "imported": {"from": "theirs"},
    },
}


def is_accepted(record):
    try:
        check_record(record)
    except UsageError:
        return False
    return True


def test_the_shipped_schema_is_the_schema_of_the_typed_record():
    shipped = files("neuroalign.results.exchange").joinpath("record.schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == record_schema()


def test_a_good_record_is_accepted():
    assert check_record(GOOD).provenance["imported"] == {"from": "theirs"}


def test_a_record_has_the_fields_of_a_score():
    assert set(Record.__struct_fields__) == {
        "schema",
        "key",
        "arrays_sha256",
        "serial",
        "content_sha256",
        *make_score().to_record(),
    }


@pytest.mark.parametrize("name", sorted(GOOD))
def test_every_field_is_required(name):
    record = {key: value for key, value in GOOD.items() if key != name}
    assert not Draft202012Validator(record_schema()).is_valid(record)
    with pytest.raises(UsageError, match=f"^{name} is missing; it must be "):
        check_record(record)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([0.5, -0.5, 1e7, "", "x", "=x", "m" * 401, "d" * 64]),
)
names = st.sampled_from(
    ["", "n", "=n", "m" * 401, "dataset_hash", "join", "created", "n_stimuli", "simulated"]
)
values = st.one_of(scalars, st.lists(scalars, max_size=2), st.dictionaries(names, scalars, max_size=2))


@given(st.sampled_from([*GOOD, "extra"]), values)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_types_and_schema_accept_the_same_records(name, value):
    record = {**GOOD, name: value}
    assert is_accepted(record) == Draft202012Validator(record_schema()).is_valid(record)


@given(names, values)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_types_and_schema_accept_the_same_provenance(name, value):
    record = {**GOOD, "provenance": {**GOOD["provenance"], name: value}}
    assert is_accepted(record) == Draft202012Validator(record_schema()).is_valid(record)


def test_a_count_may_be_written_with_a_decimal_point():
    record = {**GOOD, "benchmark_version": 1.0, "provenance": {**GOOD["provenance"], "n_stimuli": 10.0}}
    assert Draft202012Validator(record_schema()).is_valid(record)
    # All checks but the last one, of the digest, pass.
    with pytest.raises(ValueError, match=r"^its key is not the digest"):
        parse_record(json.dumps(record).encode())
