"""Docstrings without markup, and docstrings of objects that are not imported."""

import ast
import inspect
import re
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
