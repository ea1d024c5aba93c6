"""Table of the questions and invariances of all benchmarks: ``python docs/benchmark_table.py`` writes it."""

from pathlib import Path

from neuroalign.scoring.groups import load_benchmarks

PAGE = Path(__file__).with_name("benchmark_table.md")
#: Changes of the units, with the headings of their columns.
CHANGES = {
    "rotation of units": "rotation",
    "sign of units": "signs",
    "scale of units": "scales",
    "constant units": "dead units",
    "copies of units": "copies",
}


def table() -> str:
    """Return the table in Markdown, benchmarks of single units first."""
    lines = [
        "| benchmark | question | " + " | ".join(CHANGES.values()) + " | score by chance |",
        "| --- | --- |" + " :-: |" * len(CHANGES) + " --- |",
    ]
    for group in ("single-units", "populations"):
        for benchmark in load_benchmarks([group]):
            marks = ["●" if change in benchmark.invariances else "" for change in CHANGES]
            cells = [f"`{benchmark.identifier}`", benchmark.question, *marks, benchmark.score_by_chance]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(table(), encoding="utf-8")
