"""Docstrings without markup, and docstrings of objects that are not imported."""

import ast
import inspect
import re
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def read_docstring(place: str) -> str | None:
    r"""Read the docstring of a class or function from its source file, without an import of its module.

    Parameters
    ----------
    place : str
        Module and name, as an entry point has them: "package.module:name".

    Returns
    -------
    str or None
        Docstring without its indentation. None where the module has no source file, or its source does not define a
        class or function of this name with a docstring: the docstring may then come from a base class.

    Examples
    --------
    >>> read_docstring("json.decoder:JSONDecoder").partition("\n")[0]
    'Simple JSON <https://json.org> decoder'
    >>> read_docstring("json:no_such_name") is None
    True
    """
    module, _, name = place.partition(":")
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    for node in ast.parse(Path(spec.origin).read_bytes()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return ast.get_docstring(node)
    return None


def describe_object(obj: Any) -> str:
    """Return the docstring of an object without the markup of web pages; empty without one."""
    return without_markup(inspect.getdoc(obj) or "")


def first_line(docstring: str) -> str:
    """Return the first line of a docstring without the markup of web pages."""
    return without_markup(docstring).partition("\n")[0]


def without_markup(docstring: str) -> str:
    """Return a docstring without the markup of web pages.

    Parameters
    ----------
    docstring : str

    Examples
    --------
    >>> without_markup("See :func:`~neuroalign.score`, ``C``.")
    'See neuroalign.score, C.'
    """
    return re.sub(r":[a-z]+:`~?([^`]*)`", r"\1", docstring).replace("``", "")


def reflow(text: str, width: int) -> str:
    r"""Wrap the paragraphs of a numpydoc docstring at a width; headings, fields and examples keep their lines.

    Parameters
    ----------
    text : str
    width : int
        Largest number of characters in a line.

    Examples
    --------
    >>> print(reflow("n : int\n    Number of\n    trials of all.", 24))
    n : int
        Number of trials of
        all.
    """
    text, heading, examples = text.partition("\nExamples\n--------\n")
    lines = text.split("\n")
    blocks: list[list[str]] = []
    joins = False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        keeps = not line.strip() or any(map(_UNDERLINE.fullmatch, (line, following))) or _FIELD.match(line)
        if joins and not keeps and _indent(line) == _indent(blocks[-1][0]):
            blocks[-1].append(line)
        else:
            blocks.append([line])
        joins = not keeps
    wrapped = "\n".join(_wrapped(block, width) for block in blocks)
    return f"{wrapped}{heading}{examples}"


_UNDERLINE = re.compile(r"-{3,}")
#: Field with its type, or item of a list.
_FIELD = re.compile(r"\w[\w, *]* : \S|\s*(- |\* |\d+\. |\|)")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _wrapped(block: list[str], width: int) -> str:
    if len(block) == 1 and len(block[0]) <= width:
        return block[0]
    indent = " " * _indent(block[0])
    return textwrap.fill(
        " ".join(line.strip() for line in block),
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
