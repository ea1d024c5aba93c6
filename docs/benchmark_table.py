"""Tables of questions, invariances and levels of chance of all benchmarks: ``python docs/benchmark_table.py``."""

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


def tables() -> str:
    """Return the tables in Markdown, benchmarks of single units first: changes of the units, then levels of chance."""
    changes = [
        "| benchmark | question | " + " | ".join(CHANGES.values()) + " |",
        "| --- | --- |" + " :-: |" * len(CHANGES),
    ]
    chance = ["| benchmark | score by chance |", "| --- | --- |"]
    for benchmark in load_benchmarks(["single-units"]) + load_benchmarks(["populations"]):
        marks = ["●" if change in benchmark.invariances else "" for change in CHANGES]
        changes.append(f"| {' | '.join([f'`{benchmark.identifier}`', benchmark.question, *marks])} |")
        chance.append(f"| `{benchmark.identifier}` | {benchmark.score_by_chance} |")
    return "\n".join(
        [*changes, "", "A model that has nothing in common with the neurons scores:", "", *chance, ""]
    )


if __name__ == "__main__":
    PAGE.write_text(tables(), encoding="utf-8")
