"""SHA-256 of a record inside the record, which shows every changed character that JSON reads.

The sum is over the canonical JSON of the record without the field ``content_sha256``: sorted names, no white space, and
numbers as they are written. So a changed last digit of a number is seen although the number stays the same, and a
program that lays out the file in another way leaves the sum as it is.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

#: Field with the sum; records of earlier versions lack it.
FIELD = "content_sha256"


def sealed(record: Mapping[str, Any]) -> str:
    """Return the JSON of a record with its sum as the last field.

    Parameters
    ----------
    record : mapping
        Content of the record; objects that JSON does not have become text.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    entries = {name: value for name, value in record.items() if name != FIELD}
    content = json.dumps(entries, indent=1, default=str, allow_nan=False)
    # The last field is added as text, so that the numbers stay as they are written.
    return content.removesuffix("\n}") + f',\n "{FIELD}": "{_sum(_parse(content))}"\n}}'


def expect_sealed(content: "bytes | str") -> None:
    """Refuse a record that differs from its sum; a record of an earlier version, without a sum, passes.

    Parameters
    ----------
    content : bytes or str
        JSON of the record.

    Raises
    ------
    ValueError
        If the record is not JSON, or its content differs from its sum.
    """
    record = _parse(content)
    if isinstance(record, dict) and FIELD in record and record[FIELD] != _sum(record):
        raise ValueError(f"its content differs from its {FIELD}, so that it is damaged")


def _sum(record: Mapping[str, Any]) -> str:
    entries = {name: value for name, value in record.items() if name != FIELD}
    text = json.dumps(entries, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _parse(content: "bytes | str") -> Any:
    return json.loads(content, parse_float=_as_written, parse_int=_as_written)


def _as_written(number: str) -> dict[str, str]:
    return {"number": number}
