"""Records that are not trusted: what must hold of one before it is a score."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

from neuroalign.results.score import Score
from neuroalign.results.store import SCHEMA, score_key

#: A record with more bytes than this, or nested deeper, is refused.
MAX_BYTES = 1 << 20
MAX_DEPTH = 12

# Clocks differ.
_AHEAD = timedelta(days=1)


def parse_record(content: bytes) -> tuple[str, Score]:
    """Read a record that anybody may have written.

    Parameters
    ----------
    content : bytes
        JSON.

    Returns
    -------
    key : str
    score : Score
        Without its arrays.

    Raises
    ------
    ValueError
        Saying in one line what is wrong: it is no JSON, does not fit ``record.schema.json``, holds a number
        that is not finite or a character that cannot be printed, lies in the future, or its key is not the
        digest of what determines the score.
    """
    from jsonschema.exceptions import best_match

    if len(content) > MAX_BYTES:
        raise ValueError(f"it has {len(content):,} bytes; at most {MAX_BYTES:,} are accepted")
    try:
        text = content.decode("utf-8")
        record = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_integer)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels") from None
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error}") from error
    if isinstance(record, dict) and record.get("schema") != SCHEMA:
        raise ValueError(
            f"it is of schema {_short(record.get('schema'))}; this version reads schema {SCHEMA}"
        )
    _check_texts(record, 0)
    misfit = best_match(_validator().iter_errors(record))
    if misfit is not None:
        raise ValueError(f"{misfit.json_path.removeprefix('$.')}: {_short(misfit.message)}")
    _check_created(record["provenance"].get("created"))
    score = Score.from_record(record)
    if record["key"] not in _possible_keys(score):
        raise ValueError("its key is not the digest of its model, dataset, benchmark and options")
    return record["key"], score


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    schema = (
        resources.files("neuroalign.results.exchange")
        .joinpath("record.schema.json")
        .read_text(encoding="utf-8")
    )
    return Draft202012Validator(json.loads(schema))


def _possible_keys(score: Score) -> list[str]:
    """Return the keys that the score may have: the decoder counts for some benchmarks only."""
    provenance = score.provenance
    return [
        score_key(
            model=score.model,
            family=score.family,
            latents_hash=provenance["latents_hash"],
            decoder=decoder,
            dataset=score.dataset,
            dataset_hash=provenance["dataset_hash"],
            benchmark=score.benchmark,
            benchmark_version=score.benchmark_version,
            options=score.options,
            join=provenance["join"],
        )
        for decoder in (None, provenance.get("model_fingerprint"))
    ]


def _refuse_constant(text: str) -> float:
    raise ValueError(f"it holds {text}, which is not a finite number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"it holds {_short(text)}, which is not a finite number")
    return value


def _integer(text: str) -> int:
    # Python itself refuses to read thousands of digits.
    if len(text) > 20 or abs(int(text)) >= 2**63:
        raise ValueError(f"it holds {_short(text)}, an integer of more than 64 bits")
    return int(text)


def _check_texts(value: Any, depth: int) -> None:
    """Refuse what a terminal or a page could take for commands."""
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str) and not value.isprintable():
        raise ValueError(f"it holds a character that cannot be printed, in {_short(ascii(value))}")
    if isinstance(value, dict):
        for name, each in value.items():
            _check_texts(name, depth)
            _check_texts(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            _check_texts(each, depth + 1)


def _check_created(created: str | None) -> None:
    if created is None:
        return
    try:
        time = datetime.fromisoformat(created)
        ahead = time - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(
            f"provenance.created: {_short(created)} is no ISO 8601 time with its time zone"
        ) from None
    if ahead > _AHEAD:
        raise ValueError(f"provenance.created: {created} lies in the future")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
