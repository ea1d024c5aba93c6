"""Tests of the Python API page: every name on it exists, and every import on it works."""

import importlib
import re
from pathlib import Path

import pytest

import neuroalign as na

PAGE = Path(__file__).parents[1] / "docs" / "api.md"

if not PAGE.is_file():
    pytest.skip("the documentation is not here", allow_module_level=True)


def find(name):
    """Return an object by its full name, from the longest part of the name that is a module."""
    parts = name.split(".")
    for place in range(len(parts), 0, -1):
        try:
            item = importlib.import_module(".".join(parts[:place]))
        except ModuleNotFoundError:
            continue
        for part in parts[place:]:
            item = getattr(item, part)
        return item
    raise AssertionError(f"{name} does not exist")


def test_every_documented_name_exists():
    text = PAGE.read_text(encoding="utf-8")
    directives = re.findall(
        r"^\.\. auto(?:function|class|module):: (\S+)\n(?:   :members:(.*(?:\n {6}.*)*))?",
        text,
        flags=re.MULTILINE,
    )
    assert len(directives) > 80
    for name, members in directives:
        item = find(name)
        for member in re.split(r"[,\s]+", members.strip()):
            assert not member or hasattr(item, member) or member in item.__annotations__, f"{name}.{member}"


def test_every_import_on_the_page_works():
    blocks = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    lines = [
        line for block in blocks for line in block.splitlines() if re.match(r"(from \S+ )?import ", line)
    ]
    assert len(lines) >= 2
    for line in lines:
        exec(line, {})


def test_the_public_names_are_those_of_the_page():
    text = PAGE.read_text(encoding="utf-8")
    others = {
        "NeuroalignError",
        "__version__",
        "metrics",
        "register_benchmark",
        "register_dataset",
        "register_model",
        "register_reader",
    }
    assert [name for name in dir(na) if f":: neuroalign.{name}\n" not in text and name not in others] == []
