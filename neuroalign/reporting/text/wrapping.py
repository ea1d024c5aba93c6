"""Lines of text in a terminal: numbers stay with their signs and units."""

import re
import textwrap

#: A blank between a number and its name, sign or unit, such as in "p = .05", "0.3 ± 0.1" and "80 %".
_INSIDE_NUMBERS = re.compile(
    r"(?<=\S) (?=[=<>≤≥±] [\d.+\-−])|(?<= [=<>≤≥±]) (?=[\d.+\-−])|(?<=\d) (?=%)|(?<=→) "
)
_UNBROKEN = "\N{NO-BREAK SPACE}"


def wrap(text: str, width: int, *, first: str = "", further: str = "  ") -> list[str]:
    """Break a text into lines, without a break inside a number with its name, sign or unit.

    Parameters
    ----------
    text : str
    width : int
        Largest number of characters in a line.
    first, further : str
        Indent of the first line, and of the other lines.

    Examples
    --------
    >>> wrap("not shown to differ (p = 0.19)", 26)
    ['not shown to differ', '  (p = 0.19)']
    """
    lines = textwrap.wrap(
        _INSIDE_NUMBERS.sub(_UNBROKEN, text),
        width,
        initial_indent=first,
        subsequent_indent=further,
        break_on_hyphens=False,
    )
    return [line.replace(_UNBROKEN, " ") for line in lines]
