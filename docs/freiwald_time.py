"""Figure of selectivity for the person and for the view over time: ``python docs/freiwald_time.py``.

The recording of Freiwald & Tsao (2010) must be a dataset with bins of 20 ms, ``freiwald2010-time``; docs/factors.md
has the command that imports it. The script writes docs/freiwald_time.csv and docs/_static/figures/freiwald_time.png;
with ``--draw`` it draws the figure from the file.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import neuroalign as na
from neuroalign.datasets.dataset import Dataset

DATASET = "freiwald2010-time"
FOLDER = Path(__file__).parent
MODELS = {
    "both": ("factors[columns=[person,orientation],categories=person]", "person and view", "#1b3a57"),
    "orientation": ("factors[columns=orientation]", "view alone", "#c8641e"),
    "person": ("factors[columns=person,categories=person]", "person alone", "#3d8f7a"),
}
BENCHMARK = "ridge"


def averages(dataset: Dataset) -> Dataset:
    """Return the mean responses with standard errors, from one variance of trials for each neuron.

    The ceilings then come in closed form. Split halves of up to 438 trials take twenty seconds for each bin and model.
    """
    trials, responses = dataset.trials, dataset.responses
    assert trials is not None
    n_trials = np.isfinite(trials).sum(axis=1)
    squares = np.nansum((trials - responses.values[:, None]) ** 2, axis=(0, 1))
    variance = squares / (n_trials - 1).sum(axis=0)
    means = dataset.with_responses(responses)
    noise = {"sem": np.sqrt(variance / n_trials), "n_trials": n_trials}
    recording = means.recording.assign_coords(
        {name: (("presentation", "neuroid"), values) for name, values in noise.items()}
    )
    return replace(means, recording=recording)


def score_bins() -> pd.DataFrame:
    """Score the factors of each time bin; a row is a model in a bin."""
    recording = na.load_dataset(DATASET).recording
    rows = []
    for start, end in zip(recording["time_bin_start"].values, recording["time_bin_end"].values, strict=True):
        of_bin = averages(na.load_dataset(f"{DATASET}[window={start:g}:{end:g}]"))
        scores = {
            model: na.score(spec, of_bin, BENCHMARK, use_cache=False)
            for model, (spec, _, _) in MODELS.items()
        }
        view, person = (scores[model].data["r"].values for model in ("orientation", "person"))
        difference = (view - person)[np.isfinite(view - person)]
        for model, score in scores.items():
            row = {
                "start": start,
                "end": end,
                "model": model,
                "r": score.value,
                "error": score.error,
                "chance": score.null,
                "p_of_shuffles": score.beside["p_of_shuffles"],
                "r2": score.beside["r2"],
                "ceiling": score.ceiling,
                "spikes_per_second": float(of_bin.responses.mean()) * 1000 / (end - start),
                "n_neurons": int(np.isfinite(score.data["r"].values).sum()),
                "view_minus_person": difference.mean(),
                "error_of_difference": difference.std(ddof=1) / np.sqrt(difference.size),
            }
            rows.append(row)
            print(f"{start:g} to {end:g} ms, {model}: r = {score.value:.3f} ± {score.error:.3f}", flush=True)
    return pd.DataFrame(rows)


def draw(scores: pd.DataFrame) -> None:
    """Draw r of each model over time with its error, chance and ceiling, and the mean rate."""
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(6.4, 4.8), sharex=True, height_ratios=[3, 1], layout="constrained"
    )
    for model, (_, label, colour) in MODELS.items():
        rows = scores[scores["model"] == model]
        centre = (rows["start"] + rows["end"]) / 2
        top.plot(centre, rows["r"], color=colour, label=label, marker="o", ms=3)
        top.fill_between(
            centre, rows["r"] - rows["error"], rows["r"] + rows["error"], color=colour, alpha=0.2, lw=0
        )
        top.plot(centre, rows["chance"], color=colour, lw=0.8, ls=":")
    rows = scores[scores["model"] == "both"]
    centre = (rows["start"] + rows["end"]) / 2
    top.plot(centre, rows["ceiling"], color="0.55", ls="--", lw=1, label="ceiling, √reliability")
    top.axhline(0, color="0.8", lw=0.8, zorder=0)
    top.set_ylabel("r on held-out stimuli,\nmean over neurons")
    top.legend(frameon=False, fontsize=8, loc="upper left")
    bottom.plot(centre, rows["spikes_per_second"], color="0.3")
    bottom.set(
        xlabel="time after stimulus onset (ms), bins of 20 ms",
        ylabel="spikes/s",
        xlim=(20, 400),
        ylim=(0, None),
    )
    for panel in (top, bottom):
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="x", color="0.92")
        panel.set_axisbelow(True)
    figure.savefig(FOLDER / "_static" / "figures" / "freiwald_time.png", dpi=150)


def main() -> None:
    """Score the bins, or read the scores, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draw", action="store_true", help="draw the figure from docs/freiwald_time.csv")
    path = FOLDER / "freiwald_time.csv"
    if not parser.parse_args().draw:
        score_bins().round(4).to_csv(path, index=False, lineterminator="\n")
    draw(pd.read_csv(path))


if __name__ == "__main__":
    main()
