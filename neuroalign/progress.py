"""Progress bars and notices about long work, on standard error, where it is a terminal, and in notebooks."""

import os
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from neuroalign.errors import printable

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")

#: A bar appears only for work that takes longer than this many seconds.
PATIENCE = 2.0
#: Seconds between two drawings of a bar without progress, so that its clock runs.
_BEAT = 0.5
#: Number, bar, time and time left; the step of :func:`show_step` comes last, because narrow terminals cut it off.
_FORMAT = "{desc}: {n_fmt}/{total_fmt} |{bar:12}| {elapsed}<{remaining}{postfix}"

#: Bars of this process that show steps, the outermost first.
_with_steps: list["tqdm[Any]"] = []


def progress(
    items: Iterable[T],
    *,
    description: str,
    total: int | None = None,
    unit: str = "it",
    at_once: bool = False,
) -> Iterator[T]:
    """Iterate over items with a progress bar on standard error.

    The bar appears only if standard error is a terminal, or in a notebook.

    Parameters
    ----------
    items : iterable
    description : str
        Text before the bar.
    total : int, optional
        Number of items, for items without a length.
    unit : str
        Name of an item in the rate, such as "model".
    at_once : bool
        Whether the bar appears at once; by default after :data:`PATIENCE` seconds. Such a bar shows the steps of
        :func:`show_step`.

    Yields
    ------
    item
        The next of `items`.
    """
    options = {"bar_format": _FORMAT} if at_once else {}
    bar = _make_bar(
        items,
        desc=printable(description),
        total=total,
        unit=unit,
        delay=0 if at_once else PATIENCE,
        **options,
    )
    with _running(bar, at_once):
        yield from bar


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
    return _make_bar(total=n_bytes, desc=printable(description), unit="B", unit_scale=True, delay=PATIENCE)


def show_step(text: str) -> None:
    """Write the current step of the work behind the innermost bar that appeared at once.

    Parameters
    ----------
    text : str
        Such as "alignment"; without such a bar in this process, nothing is written.
    """
    if _with_steps:
        _with_steps[-1].set_postfix_str(printable(text), refresh=True)


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


def _make_bar(*items: Iterable[T], **options: Any) -> "tqdm[T]":
    kind: Any
    if _in_notebook():
        with warnings.catch_warnings():
            # Without ipywidgets, tqdm warns and draws a bar of text.
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm as kind
        # A stream of a notebook is not a terminal.
        options |= {"disable": False}
    else:
        from tqdm import tqdm as kind

        # disable=None switches the bar off if standard error is not a terminal.
        options |= {"file": _terminal(), "disable": None, **_size_of_unsized(_terminal())}
    bar: tqdm[T] = kind(*items, leave=False, **options)
    return bar


def _size_of_unsized(terminal: TextIO) -> dict[str, int]:
    """Return a size for a terminal without one, as in some containers, where tqdm draws nothing; empty for others."""
    try:
        columns, rows = os.get_terminal_size(terminal.fileno())
    except (OSError, ValueError):
        return {}
    return {} if columns and rows else {"ncols": columns or 80, "nrows": rows or 24}


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules


@contextmanager
def _running(bar: "tqdm[Any]", has_steps: bool) -> Iterator[None]:
    """Let the clock of a bar run until its work ends."""
    ended = threading.Event()
    if has_steps and not bar.disable:
        _with_steps.append(bar)
    if not bar.disable and not _in_notebook():
        threading.Thread(target=_beat, args=(bar, ended), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        if bar in _with_steps:
            _with_steps.remove(bar)
        bar.close()


def _beat(bar: "tqdm[Any]", ended: threading.Event) -> None:
    """Draw a bar again and again: tqdm draws it only where an item ends."""
    while not ended.wait(_BEAT):
        with bar.get_lock():
            if ended.is_set() or bar.disable:
                return
            if time.time() - bar.start_t >= (bar.delay or 0.0):
                bar.refresh(nolock=True)


def _terminal() -> TextIO:
    """Return standard error as bars need it: they move the cursor, which commands let no other text do."""
    stream: TextIO = getattr(sys.stderr, "unfiltered", sys.stderr)
    return stream
