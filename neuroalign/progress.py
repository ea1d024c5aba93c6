"""Progress of long work, on standard error, only where somebody can see it."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

#: Work that is done sooner than this many seconds shows no bar.
PATIENCE = 2.0


def progress(
    items: Iterable[T], *, description: str, total: int | None = None, unit: str = "it"
) -> Iterator[T]:
    """Iterate over `items` with a progress bar on stderr.

    The bar appears after :data:`PATIENCE` seconds, and never when stderr is not a terminal.
    """
    from tqdm import tqdm

    # disable=None lets tqdm look whether stderr is a terminal.
    yield from tqdm(
        items, desc=description, total=total, unit=unit, delay=PATIENCE, disable=None, leave=False
    )
