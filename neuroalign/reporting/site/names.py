"""File names of pages, for any name of a model or a dataset."""

import hashlib
import re

_LONGEST = 60


def anchor(*names: str) -> str:
    """Return an identifier of letters, digits and hyphens that differs for different names."""
    readable = re.sub(r"[^a-z0-9]+", "-", " ".join(names).lower()).strip("-")[:_LONGEST].strip("-")
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{readable}-{digest}" if readable else digest


def page_name(*names: str) -> str:
    """Return the file name of a page, which cannot leave its folder."""
    return f"{anchor(*names)}.html"
