"""The command ``neuroalign cache``."""

import json
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path

import click

_KINDS = ("latents", "results", "downloads")


@click.group()
def cache() -> None:
    """Show or clear cached latents, stored scores and downloaded files."""


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def info(as_json: bool) -> None:
    """Show folders and sizes of the caches."""
    from neuroalign.files.folders import leftovers
    from neuroalign.files.home import home

    sizes = {kind: _size([home() / kind]) for kind in _KINDS}
    sizes["unfinished"] = _size([*leftovers(home()), *_orphans()])
    if as_json:
        rows = {kind: {"path": str(_folder(kind)), **size} for kind, size in sizes.items()}
        click.echo(json.dumps(rows, indent=1))
        return
    for kind, size in sizes.items():
        click.echo(f"{kind}: {size['files']} files, {size['bytes'] / 1e6:.1f} MB in {_folder(kind)}")


@cache.command(
    short_help="Delete cached latents, stored results or downloaded files.",
    epilog="""\b
Examples:
  neuroalign cache clear
  neuroalign cache clear latents results --yes
  neuroalign cache clear unfinished
""",
)
@click.argument("kinds", nargs=-1, type=click.Choice((*_KINDS, "unfinished")))
@click.option("--yes", is_flag=True, help="Delete without a question.")
def clear(kinds: tuple[str, ...], yes: bool) -> None:
    """Delete cached latents, stored results or downloaded files; without an argument, latents.

    Deleted latents are computed again when they are needed. Deleted results disappear from leaderboards. Datasets that
    were fetched do not need the files that were downloaded for them. 'unfinished' deletes the leftovers of killed
    commands, and gives a dataset back that was being replaced.
    """
    for kind in kinds or ("latents",):
        folder = _folder(kind)
        paths = _abandoned() if kind == "unfinished" else [folder]
        size = _size(paths)
        if not size["files"] and (kind != "unfinished" or not paths):
            click.echo(f"{kind}: nothing to clear in {folder}")
            continue
        if not yes:
            click.confirm(
                f"Delete {size['files']} files ({size['bytes'] / 1e6:.1f} MB) in {folder}?",
                abort=True,
                err=True,
            )
        for path in paths:
            _delete(path)
        click.echo(f"{kind}: cleared {folder}")


def _folder(kind: str) -> Path:
    from neuroalign.files.home import home

    return home() if kind == "unfinished" else home() / kind


def _abandoned() -> list[Path]:
    """Return the leftovers of killed commands, after datasets that were being replaced have their names again."""
    from neuroalign.datasets.catalogue import datasets_folder
    from neuroalign.files.folders import leftovers, restore_folders
    from neuroalign.files.home import home, is_abandoned

    restore_folders(datasets_folder())
    return [*(path for path in leftovers(home()) if is_abandoned(path)), *_orphans()]


def _orphans() -> list[Path]:
    """Return arrays and weights that killed commands wrote without their records."""
    from neuroalign.files.home import home
    from neuroalign.models.replaced_weights import orphaned_weights
    from neuroalign.results.record_files import orphaned_arrays

    return [*orphaned_arrays(home() / "results"), *orphaned_weights(home() / "models")]


def _delete(path: Path) -> None:
    from neuroalign.files.folders import clear_folder, delete_leftover
    from neuroalign.files.home import TEMPORARY_PREFIX
    from neuroalign.models import replaced_weights
    from neuroalign.results import record_files

    if path.name.startswith(TEMPORARY_PREFIX):
        delete_leftover(path)
    elif path.is_dir():
        clear_folder(path)
    else:
        kind = replaced_weights if path.suffix == ".safetensors" else record_files
        if kind.is_orphaned(path):  # still: another command may have written its record meanwhile
            delete_leftover(path)


def _size(paths: Iterable[Path]) -> dict[str, int]:
    """Return number and bytes of the files at some paths and below, without files that other commands delete."""
    sizes = []
    for path in paths:
        # Path.rglob raises an error where another command deletes a folder meanwhile.
        inside = (Path(parent, name) for parent, _, names in os.walk(path) for name in names)
        for file in chain([path], inside):
            with suppress(OSError):
                status = file.lstat()
                if stat.S_ISREG(status.st_mode):
                    sizes.append(status.st_size)
    return {"files": len(sizes), "bytes": sum(sizes)}
