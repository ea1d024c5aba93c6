"""References in the docstrings of registered classes and functions."""

import inspect
import re


def references_in(owner: object) -> list[str]:
    """Return the references of a class, a function or an object: the section References of its docstring.

    Parameters
    ----------
    owner : object
        A class, a function, or an instance of a class.

    Returns
    -------
    list of str
        One text for each reference, which semicolons separate; empty without the section.

    Examples
    --------
    >>> class Metric:
    ...     \"\"\"Similarity.
    ...
    ...     References
    ...     ----------
    ...     Kornblith et al. (2019), ICML; Song et al. (2012), JMLR.
    ...     \"\"\"
    >>> references_in(Metric)
    ['Kornblith et al. (2019), ICML', 'Song et al. (2012), JMLR']
    """
    documented = owner if isinstance(owner, type) or inspect.isroutine(owner) else type(owner)
    # A class without a docstring would inherit the docstring of its base.
    text = vars(documented).get("__doc__") if isinstance(documented, type) else documented.__doc__
    parts = inspect.cleandoc(text or "").split("\n\n")
    heading = re.compile(r"References\n-{3,}\n")
    text = next((heading.sub("", part, count=1) for part in parts if heading.match(part)), "")
    # Each reference has a year in parentheses; the text behind a semicolon within a reference has no year.
    pieces = re.split(r";\s+(?=[^;]*\(\d{4}\))", " ".join(text.split()))
    return [piece.rstrip(".") for piece in pieces if piece]
