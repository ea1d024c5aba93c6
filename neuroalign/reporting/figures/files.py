"""Names of the files of figures."""

import re
from collections.abc import Iterable
from pathlib import Path

# Letters of a name, which with a number and an ending stay below the limit of any file system.
_LONGEST = 120


def file_name(name: str, taken: Iterable[Path] = ()) -> str:
    """Return the name of a file, without its ending, for the name of a figure.

    Parameters
    ----------
    name : str
        Name of the figure.
    taken : iterable of Path
        Files with names that must not be used again; upper and lower case count as equal.

    Returns
    -------
    str
        Letters, digits and the signs ``_.=-``.

    Examples
    --------
    >>> file_name("udr_timm:resnet18@fc+pca[n=5]")
    'udr_timm-resnet18-fc-pca-n=5'
    """
    stems = {path.stem.lower() for path in taken}
    plain = re.sub(r"[^A-Za-z0-9_.=-]+", "-", name).strip("-.")[:_LONGEST] or "figure"
    candidates = [plain, *(f"{plain}-{number}" for number in range(2, len(stems) + 3))]
    return next(candidate for candidate in candidates if candidate.lower() not in stems)
