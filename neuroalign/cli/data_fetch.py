"""The command ``neuroalign data fetch``: public recordings."""

import json
import shutil
import textwrap
from typing import TYPE_CHECKING, Any

import click

from neuroalign.cli.data_text import one_line, print_notes

if TYPE_CHECKING:
    from neuroalign.datasets.public.listing import PublicRecording


@click.command(
    short_help="Download a public recording and add it as a dataset.",
    epilog="""\b
Examples:
  neuroalign data fetch
  neuroalign data fetch cowley2023-210325
  neuroalign data fetch cowley2023 chang2017
  NEUROALIGN_MIRROR=http://localhost:8000 neuroalign data fetch freiwald2010
""",
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--force", is_flag=True, help="Import again, in place of the datasets of these names.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def fetch(names: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Download public recordings and add them as datasets.

    Without NAME, list the public recordings. The name of a collection fetches all of its recordings, each as a dataset
    of its own.

    Sizes and checksums of the files are fixed. A download that fails leaves nothing behind; complete files are kept
    and not downloaded again. HTTPS_PROXY names a proxy, and NEUROALIGN_MIRROR=http://host:port a server with copies
    of the files under the same paths.
    """
    from neuroalign.datasets.public.listing import members_of

    if not names:
        _print_list(as_json)
        return
    # A wrong name stops the command before the first download. A recording may belong to two of the names.
    wanted = {member.name: member for name in names for member in members_of(name)}
    rows = []
    printed: set[tuple[str, str]] = set()
    for recording in wanted.values():
        described = _fetch(recording, force=force, quiet=as_json)
        rows.append({**described, "summary": recording.summary})
        terms = (recording.licence, recording.citation)
        if not as_json and terms not in printed:
            printed.add(terms)
            _print_terms(recording)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    model = "pca" if rows[-1]["images"] else "neurons:OTHER-DATASET"
    click.echo(f"Next: neuroalign score {model} {rows[-1]['name']}")


def _fetch(recording: "PublicRecording", *, force: bool, quiet: bool) -> dict[str, Any]:
    """Fetch one recording, and print a line on it."""
    from neuroalign.datasets.inspecting import describe
    from neuroalign.datasets.public.fetching import fetch_dataset, is_fetched

    existed = not force and is_fetched(recording)
    described = describe(fetch_dataset(recording.name, force=force))
    if not existed:
        print_notes(described)
    if not quiet:
        click.echo(f"{'Fetched before:' if existed else 'Added'} {one_line(described)}")
    return described


def _print_terms(recording: "PublicRecording") -> None:
    """Print the description of a recording, and the terms under which it may be used."""
    for key in ("description", "licence", "citation", "source"):
        click.echo(
            textwrap.fill(
                f"{key}: {getattr(recording, key)}",
                max(shutil.get_terminal_size().columns, 60),
                initial_indent="  ",
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        )


def _print_list(as_json: bool) -> None:
    from neuroalign.datasets.catalogue import added_names
    from neuroalign.datasets.public.listing import collections

    added = set(added_names())
    if as_json:
        rows = [
            {
                "name": member.name,
                "collection": collection,
                "summary": member.summary,
                "bytes": member.n_bytes,
                "licence": member.licence,
                "citation": member.citation,
                "source": member.source,
                "added": member.name in added,
            }
            for collection, members in collections().items()
            for member in members
        ]
        click.echo(json.dumps(rows, indent=1))
        return
    for collection, members in collections().items():
        if len(members) > 1:
            size = sum(member.n_bytes for member in members) / 1e6
            click.echo(f"{collection}: the {len(members)} recordings below, {size:.1f} MB")
        for member in members:
            indent = "  " if len(members) > 1 else ""
            mark = ", added" if member.name in added else ""
            click.echo(f"{indent}{member.name}: {member.summary}, {member.n_bytes / 1e6:.1f} MB{mark}")
