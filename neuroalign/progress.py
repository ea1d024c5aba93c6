"""Progress bars and notices about long work, on standard error, where it is a terminal."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from neuroalign.errors import printable

if TYPE_CHECKING:
    from tqdm import tqdm

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
        items,
        desc=printable(description),
        total=total,
        unit=unit,
        delay=PATIENCE,
        disable=None,
        leave=False,
        file=_terminal(),
    )


def byte_bar(n_bytes: int, *, description: str) -> "tqdm[Any]":
    """Return a progress bar of bytes, to be updated by hand and used in a ``with`` statement.

    The bar appears under the same conditions as the bar of :func:`progress`.

    Parameters
    ----------
    n_bytes : int
        Number of bytes in all.
    description : str
        Text before the bar.

    Returns
    -------
    tqdm.tqdm
    """
    from tqdm import tqdm

    return tqdm(
        total=n_bytes,
        desc=printable(description),
        unit="B",
        unit_scale=True,
        delay=PATIENCE,
        disable=None,
        leave=False,
        file=_terminal(),
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
        tqdm.write(f"neuroalign: {printable(text)}", file=_terminal())


def _terminal() -> TextIO:
    """Return standard error as bars need it: they move the cursor, which commands let no other text do."""
    stream: TextIO = getattr(sys.stderr, "unfiltered", sys.stderr)
    return stream
