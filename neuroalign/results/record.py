"""Typed record of a score, as JSON files hold it, and its JSON schema."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from neuroalign.validation import check_value

_Name = Annotated[str, Meta(min_length=1, max_length=400, pattern="^[^=+@-]")]
_Text = Annotated[str, Meta(max_length=4000)]
_Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Count = Annotated[int, Meta(ge=0)]
_Scalar = bool | int | float | _Text | None
_Scalars = Annotated[list[_Scalar], Meta(max_length=1000)]


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of the provenance that every exchanged record has, and types of some others; more are allowed.

    Parameters
    ----------
    dataset_hash, latents_hash : str
        SHA-256 of the content of the dataset and of the latents, hexadecimal.
    identity : str, optional
        Digest of the fingerprint of the model and of its stimuli, or the digest of the latents of a model without a
        fingerprint; it is a part of the key. Records of earlier versions lack it: the latents are a part of their key.
    simulated : bool
        Whether the neurons are simulated.
    join : {"exact", "intersection"}
        How stimuli and latents were paired.
    created : str, optional
        ISO 8601 time of the computation, with its time zone.
    n_stimuli, n_neurons : int, optional
        Numbers of scored stimuli and neurons.
    """

    dataset_hash: _Sha256
    latents_hash: _Sha256
    simulated: bool
    join: Literal["exact", "intersection"]
    identity: _Sha256 | msgspec.UnsetType = msgspec.UNSET
    created: _Name | msgspec.UnsetType = msgspec.UNSET
    n_stimuli: _Count | msgspec.UnsetType = msgspec.UNSET
    n_neurons: _Count | msgspec.UnsetType = msgspec.UNSET


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One score as an exchanged JSON record; :class:`neuroalign.results.score.Score` explains the fields.

    Parameters
    ----------
    schema : 1
        Version of the layout.
    key : str
        Digest of everything that determines the score.
    model, dataset, benchmark, family, error_over : str
    benchmark_version : int
    options : mapping of str to number, truth value, text, None or a list of them
    value, error, null, ceiling : float or None
        None stands for NaN.
    higher_is_better : bool
    beside : mapping of str to float or None
    notes : list of str
    provenance : mapping
        Entries of :class:`Provenance`, and any others.
    arrays_sha256 : str, optional
        SHA-256 of the netCDF file with the arrays; records of earlier versions lack it.
    serial : int, optional
        Place in the order of the scores of one store; see :mod:`neuroalign.results.index`.
    content_sha256 : str, optional
        SHA-256 of the record itself; see :mod:`neuroalign.results.record_sums`.
    """

    schema: Literal[1]
    key: _Sha256
    model: _Name
    dataset: _Name
    benchmark: _Name
    benchmark_version: Annotated[int, Meta(ge=0, le=1_000_000)]
    family: _Name
    options: Annotated[dict[_Name, _Scalar | _Scalars], Meta(max_length=100)]
    value: float | None
    error: Annotated[float, Meta(ge=0)] | None
    error_over: _Name
    null: float | None
    ceiling: float | None
    higher_is_better: bool
    beside: Annotated[dict[_Name, float | None], Meta(max_length=1000)]
    notes: Annotated[list[_Text], Meta(max_length=1000)]
    provenance: Annotated[
        dict[_Name, Any], Meta(max_length=1000, extra_json_schema={"$ref": "#/$defs/Provenance"})
    ]
    arrays_sha256: _Sha256 | msgspec.UnsetType = msgspec.UNSET
    serial: _Count | msgspec.UnsetType = msgspec.UNSET
    content_sha256: _Sha256 | msgspec.UnsetType = msgspec.UNSET


def check_record(content: Any) -> Record:
    """Check that parsed JSON is an exchanged record.

    Parameters
    ----------
    content : object
        A mapping, if the record is good.

    Returns
    -------
    Record

    Raises
    ------
    UsageError
        If a field is missing, unknown or of the wrong type; the message names the field.
    """
    content = _with_whole_numbers(content)
    record: Record = check_value(content, Record, "")
    check_value(record.provenance, Provenance, "provenance")
    return record


def record_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of exchanged records."""
    _, definitions = msgspec.json.schema_components((Record, Provenance), ref_template="#/$defs/{name}")
    record = definitions.pop("Record")
    for definition in (record, *definitions.values()):
        definition.pop("description", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **record,
        "title": "neuroalign score, schema 1",
        "$defs": definitions,
    }


def _with_whole_numbers(record: Any) -> Any:
    """Turn 1.0 into 1 where a count is expected: JSON does not tell them apart."""
    if not isinstance(record, dict):
        return record
    record = {name: _whole(value) if name == "benchmark_version" else value for name, value in record.items()}
    if isinstance(record.get("provenance"), dict):
        counts = ("n_stimuli", "n_neurons")
        record["provenance"] = {
            name: _whole(value) if name in counts else value for name, value in record["provenance"].items()
        }
    return record


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
