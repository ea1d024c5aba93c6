"""Pages of a site from templates, and the folder that holds a complete site at every moment."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2

from neuroalign.errors import UsageError
from neuroalign.files.folders import restore_folder
from neuroalign.reporting.site import contents
from neuroalign.reporting.site.replacing import atomic_folder

#: Name of the file that marks a folder as a site of neuroalign, which may be replaced.
MARKER = ".neuroalign-site"

#: Attempts to look at a site that another command replaces, and the seconds between two of them.
_ATTEMPTS, _PAUSE = 5, 0.01


def expect_site_folder(folder: "str | os.PathLike[str]") -> Path:
    """Refuse a folder that holds files other than a site.

    Parameters
    ----------
    folder : path
        New or empty folder, or the folder of an earlier site.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If the folder holds other files.
    """
    target = Path(folder)
    for _ in range(_ATTEMPTS):
        restore_folder(target)
        if not target.exists() or (target / MARKER).is_file() or _is_empty(target):
            return target
        time.sleep(_PAUSE)  # another command may be replacing the site
    raise UsageError(
        f"{target} must be a new folder, an empty folder or a site of neuroalign, got a folder with other files; "
        "name a new folder"
    )


def _is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError:  # a file, or a folder that another command has just renamed
        return False


@contextmanager
def new_site(target: Path) -> Iterator[Path]:
    """Give a folder for the pages of a site, which takes the place of `target` only if the block succeeds.

    Parameters
    ----------
    target : Path
        Folder from :func:`expect_site_folder`.

    Yields
    ------
    Path
        Folder with the style sheet and the scripts, for the pages.
    """
    with atomic_folder(target) as temporary:
        yield temporary
        static = resources.files("neuroalign.reporting.site").joinpath("static")
        with resources.as_file(static) as path:
            shutil.copytree(path, temporary / "static")
        (temporary / MARKER).write_text("Written by neuroalign leaderboard --html\n", encoding="utf-8")


class Pages:
    """Templates with the values that every page shows. Names come from strangers, so that all values are escaped.

    Parameters
    ----------
    folder : Path
        Folder of the site.
    inside : str
        Folder of these pages within the site, with a slash at its end; empty for the folder of the site.
    **values
        Values that all templates know.
    """

    def __init__(self, folder: Path, inside: str = "", **values: Any) -> None:
        self._folder = folder / inside
        self._to_site = "../" * inside.count("/")
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("neuroalign.reporting.site"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= contents.FILTERS
        self._environment.globals |= {
            "version": version("neuroalign"),
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "command": "",
            "board_title": "",
            **values,
        }

    def write(self, name: str, template: str, **values: Any) -> None:
        """Write a page.

        Parameters
        ----------
        name : str
            Path in the folder of these pages.
        template : str
            File name of the template. It knows ``root``, the way from the page to the folder of these pages, and
            ``site``, the way to the folder of the site.
        **values
            Further values of the template.
        """
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        root = "../" * name.count("/")
        text = self._environment.get_template(template).render(
            root=root, site=f"{root}{self._to_site}", **values
        )
        path.write_text(text, encoding="utf-8")
