"""Scores of every benchmark on simulated and recorded neurons: ``python docs/benchmark_numbers.py [--run]``.

``--run`` scores the models of each recording by all benchmarks, in the neuroalign folder (``NEUROALIGN_HOME``), and
writes ``docs/benchmark_numbers.csv``. Stored scores are read and not computed again, so that an interrupted run goes
on where it stopped. The recordings are imported as docs/public_recordings.md says; a recording that is missing is
left out with a message. ``--weights FILE`` is the file with the weights of MobileNetV2 (``mobilenet_v2-b0353104.pth``
of torchvision).
Without ``--run`` the script writes the tables of docs/benchmarks.md from the file.
"""

import argparse
import warnings
from pathlib import Path

import pandas as pd

import neuroalign as na
from neuroalign.datasets.catalogue import dataset_names
from neuroalign.scoring.evaluate import score_all
from neuroalign.scoring.groups import load_benchmarks

TABLE = Path(__file__).with_name("benchmark_numbers.csv")
PAGE = Path(__file__).with_name("benchmark_numbers.md")
#: Models of each recording; ``{weights}`` stands for the file with the weights of MobileNetV2.
NETWORK = "torchvision:mobilenet_v2[weights={weights},pool=mean]@features.13"
# Random weights take the preprocessing of the trained weights.
RANDOM = "torchvision:mobilenet_v2[weights=random,weights_version=IMAGENET1K_V1,pool=mean]@features.13"
#: Short names of the networks in tables.
SHORT = {NETWORK: "MobileNetV2, ImageNet", RANDOM: "MobileNetV2, random weights"}
FACES = ("beta_vae[beta=6,seed=2]", "ica[n=10,seed=0]", "pca[n=10]", "pca[n=50]")
PLAN = {
    "AM-faces-sim": FACES,
    "AM-faces-sim-mixed": FACES,
    "chang2017-am": ("neurons:chang2017-mlmf",),
    "cowley2023-210325": (NETWORK, RANDOM, "pca[n=50]"),
    "cowley2023-201025": (NETWORK, RANDOM, "pca[n=50]"),
    "majajhong25[region=IT]": ("neurons:majajhong25[region=V4]", NETWORK, RANDOM),
    # Another animal is the model that another brain is.
    "majajhong25[animal=Tito,region=IT]": ("neurons:majajhong25[animal=Chabo,region=IT]", NETWORK),
}


def run(weights: str) -> None:
    """Score every model of the plan, and write one row for each score."""
    warnings.simplefilter("ignore", na.errors.NeuroalignWarning)
    rows = []
    for name, models in PLAN.items():
        if name.partition("[")[0] not in {*dataset_names(), "AM-faces-sim", "AM-faces-sim-mixed"}:
            print(f"{name} is not imported and is left out")
            continue
        dataset = na.load_dataset(name)
        for template in models:
            if "{weights}" in template and not weights:
                print(f"{template} needs --weights FILE and is left out")
                continue
            model = template.format(weights=weights)
            scores, failures = score_all(model, dataset, load_benchmarks(["all"]))
            shown = SHORT.get(template, template)
            rows += [row(shown, name, score) for score in scores]
            for failure in failures:
                print(f"{shown} on {name}, {failure.benchmark}: {failure.reason}")
            print(f"{shown} on {name}: {len(scores)} scores", flush=True)
            pd.DataFrame(rows).to_csv(TABLE, index=False, float_format="%.6g")


def row(model: str, dataset: str, score: na.Score) -> dict[str, object]:
    """Return the numbers of one score."""
    beside = score.beside
    return {
        "dataset": dataset,
        "model": model,
        "benchmark": score.benchmark,
        "value": score.value,
        "error": score.error,
        "error_over": score.error_over,
        "chance": score.null,
        "ceiling": score.ceiling,
        "axis_index": beside.get("axis_index", float("nan")),
        "axis_index_error": beside.get("axis_index_error", float("nan")),
        "axis_index_p": beside.get("axis_index_p", float("nan")),
        "seconds": score.provenance.get("seconds", float("nan")),
    }


def tables() -> str:
    """Return one Markdown table for each recording: benchmarks in rows, models in columns."""
    scores = pd.read_csv(TABLE)
    parts = []
    for dataset, group in scores.groupby("dataset", sort=False):
        models = list(dict.fromkeys(group["model"]))
        lines = [
            f"### {dataset}",
            "",
            "| benchmark | " + " | ".join(models) + " | ceiling |",
            "| --- " * (len(models) + 2) + "|",
        ]
        for benchmark, rows in group.groupby("benchmark", sort=False):
            by_model = rows.set_index("model")
            cells = [_cell(by_model.loc[model]) if model in by_model.index else "–" for model in models]
            ceilings = rows["ceiling"].dropna()
            ceiling = f"{ceilings.iloc[0]:.3f}" if len(ceilings) else "–"
            lines.append(f"| `{benchmark}` | " + " | ".join(cells) + f" | {ceiling} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cell(score: "pd.Series[float]") -> str:
    """Write the value with its error, its level of chance and its axis index."""
    error = "" if pd.isna(score["error"]) else f" ± {score['error']:.3f}"
    chance = "" if pd.isna(score["chance"]) else f"<br>chance {score['chance']:.3f}"
    index = (
        ""
        if pd.isna(score["axis_index"])
        else (f"<br>κ {score['axis_index']:.2f} ± {score['axis_index_error']:.2f}")
    )
    return f"{score['value']:.3f}{error}{chance}{index}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", action="store_true", help="Score, instead of printing tables.")
    parser.add_argument("--weights", default="", metavar="FILE", help="Weights of MobileNetV2.")
    arguments = parser.parse_args()
    if arguments.run:
        run(arguments.weights)
    PAGE.write_text(tables(), encoding="utf-8")
