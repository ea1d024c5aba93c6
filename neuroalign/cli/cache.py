"""The command ``neuroalign cache``."""

import json
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
    from neuroalign.files.home import home

    sizes = {kind: _size(home() / kind) for kind in _KINDS}
    if as_json:
        rows = {kind: {"path": str(home() / kind), **size} for kind, size in sizes.items()}
        click.echo(json.dumps(rows, indent=1))
        return
    for kind, size in sizes.items():
        click.echo(f"{kind}: {size['files']} files, {size['bytes'] / 1e6:.1f} MB in {home() / kind}")


@cache.command(
    short_help="Delete cached latents, stored results or downloaded files.",
    epilog="""\b
Examples:
  neuroalign cache clear
  neuroalign cache clear latents results --yes
""",
)
@click.argument("kinds", nargs=-1, type=click.Choice(_KINDS))
@click.option("--yes", is_flag=True, help="Delete without a question.")
def clear(kinds: tuple[str, ...], yes: bool) -> None:
    """Delete cached latents, stored results or downloaded files; without an argument, latents.

    Deleted latents are computed again when they are needed. Deleted results disappear from leaderboards. Datasets that
    were fetched do not need the files that were downloaded for them.
    """
    import shutil

    from neuroalign.files.home import home

    for kind in kinds or ("latents",):
        folder = home() / kind
        size = _size(folder)
        if not size["files"]:
            click.echo(f"{kind}: nothing to clear in {folder}")
            continue
        if not yes:
            click.confirm(
                f"Delete {size['files']} files ({size['bytes'] / 1e6:.1f} MB) in {folder}?",
                abort=True,
                err=True,
            )
        shutil.rmtree(folder)
        click.echo(f"{kind}: cleared {folder}")


def _size(folder: Path) -> dict[str, int]:
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return {"files": len(files), "bytes": sum(path.stat().st_size for path in files)}
