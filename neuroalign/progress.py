"""Progress bars and notices about long work, on standard error, where it is a terminal."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

#: A bar appears only for work that takes longer than this many seconds.
PATIENCE = 2.0


def progress(
    items: Iterable[T], *, description: str, total: int | None = None, unit: str = "it"
) -> Iterator[T]:
    """Iterate over items with a progress bar on standard error.

    The bar appears after :data:`PATIENCE` seconds, and only if standard error is a terminal.

    Parameters
    ----------
    items : iterable
    description : str
        Text before the bar.
    total : int, optional
        Number of items, for items without a length.
    unit : str
        Name of an item in the rate, such as "model".

    Yields
    ------
    item
        The next of `items`.
    """
    from tqdm import tqdm

    # disable=None switches the bar off if standard error is not a terminal.
    yield from tqdm(
        items, desc=description, total=total, unit=unit, delay=PATIENCE, disable=None, leave=False
    )


def notice(text: str) -> None:
    """Write one line to standard error, above any progress bar, if standard error is a terminal.

    Parameters
    ----------
    text : str
        The line without the name of the program, which comes first: "neuroalign: ...".
    """
    from tqdm import tqdm

    if sys.stderr.isatty():
        tqdm.write(f"neuroalign: {text}", file=sys.stderr)
