"""Text of the commands ``neuroalign data …``: lines and reports on datasets."""

import json
import shutil
import textwrap
from typing import Any

import click


def one_line(row: dict[str, Any]) -> str:
    """Return a line on a dataset.

    Parameters
    ----------
    row : dict
        Description by :func:`neuroalign.datasets.inspecting.describe`.
    """
    if not row.get("responses", True):
        n_training = row.get("training_stimuli")
        marked = "" if n_training is None else f", {n_training:,} of them for training"
        images = "with images" if row["images"] else "no images"
        return f"{row['name']}: {row['stimuli_in_set']:,} stimuli without responses{marked}, {images}"
    kind = "simulated" if row["simulated"] else "recorded"
    trials = (
        "averaged" if row["averaged"] else f"{_spread(row['presentations_per_stimulus'])} presentations each"
    )
    bins = f" × {row['time_bins']} time bins" if row.get("time_bins", 1) > 1 else ""
    images = "with images" if row["images"] else "no images"
    return (
        f"{row['name']}: {row['neurons']} {kind} neurons × {row['stimuli']} stimuli{bins}, {trials}, {images}"
    )


def print_notes(row: dict[str, Any]) -> None:
    """Print the notes on an import, and the neurons and stimuli that were left out, to standard error.

    Parameters
    ----------
    row : dict
        Description by :func:`neuroalign.datasets.inspecting.describe`.
    """
    for note in row.get("notes", []):
        click.echo(f"neuroalign: note: {note}", err=True)
    for warning in row.get("warnings", []):
        click.echo(f"neuroalign: warning: {warning}", err=True)
    for noun in ("neuroids", "stimuli"):
        dropped = row.get(f"dropped_{noun}")
        if dropped:
            click.echo(f"neuroalign: note: {len(dropped)} {noun} left out: {', '.join(dropped)}.", err=True)


def print_report(report: dict[str, Any], as_json: bool) -> None:
    """Print a description of a dataset, with its problems where it was checked.

    Parameters
    ----------
    report : dict
        Description by :func:`neuroalign.datasets.inspecting.describe` or ``validate``.
    as_json : bool
        Whether to print one JSON document.
    """
    if as_json:
        click.echo(json.dumps(report, indent=1, allow_nan=False))
        return
    rows = [
        (key.replace("_", " "), _shown(value))
        for key, value in report.items()
        if key not in ("problems", "warnings", "notes", "files")
    ]
    rows += [(file["role"], f"{file['name']}, SHA-256 {file['sha256']}") for file in report.get("files", [])]
    rows += [("note", note) for note in report.get("notes", [])]
    rows += [("WARNING", warning) for warning in report.get("warnings", [])]
    rows += [("PROBLEM", problem) for problem in report.get("problems", [])]
    if report.get("problems") == []:
        rows.append(("problems", "none"))
    width = max(map(len, report))
    for label, text in rows:
        click.echo(beside_label(f"{label:<{width}}  ", text))


def beside_label(label: str, text: str) -> str:
    """Return a text beside its label, with all its lines in one column in the width of the terminal."""
    return textwrap.fill(
        f"{label}{text}",
        max(shutil.get_terminal_size().columns, len(label) + 30),
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "unknown"
    if isinstance(value, dict):
        if set(value) == {"min", "median", "max"}:
            return _spread(value)
        return ", ".join(f"{key.replace('_', ' ')} {item}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) if value else "none"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _spread(counts: dict[str, float]) -> str:
    if not counts:
        return "none"
    if counts["min"] == counts["max"]:
        return f"{counts['min']:g}"
    return f"{counts['min']:g} to {counts['max']:g} (median {counts['median']:g})"
