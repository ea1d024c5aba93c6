"""Checks of records from untrusted sources, before they become scores."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from neuroalign.results.exchange.array_files import MOST
from neuroalign.results.record import check_record
from neuroalign.results.record_sums import expect_sealed
from neuroalign.results.score import Score
from neuroalign.results.store import SCHEMA, score_key

#: Largest number of bytes of a record, and of levels of nesting.
MAX_BYTES = 1 << 20
MAX_DEPTH = 12

# Clocks differ.
_AHEAD = timedelta(days=1)


def parse_record(content: bytes) -> tuple[str, Score]:
    """Read a record from an untrusted source.

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
        With the reason in one line: the content is not JSON, does not fit
        :class:`~neuroalign.results.record.Record`, holds a number that is not finite or a character that cannot be
        printed, differs from its own sum, lies in the future, or its key is not the digest of everything that
        determines the score.
    """
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
        raise ValueError(f"it is not JSON: {error}") from error
    if isinstance(record, dict) and record.get("schema") != SCHEMA:
        raise ValueError(
            f"it is of schema {_short(record.get('schema'))}; this version reads schema {SCHEMA}"
        )
    _check_texts(record, 0)
    expect_sealed(content)
    check_record(record)
    _check_created(record["provenance"].get("created"))
    _check_sizes(record)
    score = Score.from_record(record)
    if record["key"] not in _possible_keys(score):
        raise ValueError("its key is not the digest of its model, dataset, benchmark and options")
    return record["key"], score


def _possible_keys(score: Score) -> list[str]:
    """Return the keys that the score may have: some benchmarks use the decoder, others do not."""
    provenance = score.provenance
    return [
        score_key(
            model=score.model,
            family=score.family,
            # Records of earlier versions have keys of their exact latents.
            identity=provenance.get("identity", provenance["latents_hash"]),
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
    """Refuse characters that a terminal or a page could read as commands."""
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str) and not value.isprintable():
        raise ValueError(f"it holds a character that cannot be printed, in {_short(ascii(value))}")
    if isinstance(value, dict):
        for name, item in value.items():
            _check_texts(name, depth)
            _check_texts(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_texts(item, depth + 1)


def _check_sizes(record: dict[str, Any]) -> None:
    """Refuse numbers so large that sums or squares of them are infinite."""
    numbers = {name: record[name] for name in ("value", "error", "null", "ceiling")} | record["beside"]
    for name, value in numbers.items():
        if value is not None and abs(value) > MOST:
            raise ValueError(f"{name} must be at most {MOST:g} in size, got {value:g}")


def _check_created(created: str | None) -> None:
    if created is None:
        return
    try:
        time = datetime.fromisoformat(created)
        ahead = time - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(
            f"created of provenance must be an ISO 8601 time with its time zone, got {_short(created)}"
        ) from None
    if ahead > _AHEAD:
        raise ValueError(f"created of provenance must not lie in the future, got {created}")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
