"""Error rate of the rule for special axes: ``python docs/axis_calibration.py [STEP]``.

Simulates recordings of neurons over faces and scores them by alignment with its axis index κ. In "single" recordings
each neuron follows one factor; in the others neurons follow mixtures of the factors, so that no axis is special.

``--prepare FOLDER`` writes the units and factors of the bundled stand-in and, where they are available, of the
photographs of ``fairface_frontal`` (see docs/calibration.md). ``--run FOLDER`` simulates: it adds one row for each
recording to ``FOLDER/recordings.csv``, leaves out the conditions that are there, and writes a row for each condition
to ``docs/axis_calibration.csv``. It needs NumPy, SciPy, pandas and numba only, and takes 8 minutes on 16 cores.
``--picture`` draws the figures and prints the tables from these rows.
"""

import argparse
import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# One thread for each process: the recordings are the parallel part.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

FOLDER = Path(__file__).parent
TABLE = FOLDER / "axis_calibration.csv"
RELIABILITIES = (0.1, 0.2, 0.4, 0.6, 0.9, "drawn")
#: Kinds of neurons without special axes, with a description.
MIXED = {
    "mixtures": "random directions in the space of standardised factors",
    "whitened": "random directions in the space of whitened factors",
    "correlated": "random directions; the neurons follow factors that correlate by .4 to .7",
    "rectified": "random directions, rectified at a random threshold",
    "heavy-tailed": "random directions, signed square",
    "noise": "random directions; noise with heavy tails (Student's t, 4 degrees of freedom)",
    "positive": "weights of one sign only",
}
N_NEURONS, N_STIMULI, N_TURNS = 60, 1_200, 20
CONDITION = ["faces", "units", "kind", "reliability", "n_stimuli", "n_neurons"]
COLUMNS = [
    "faces", "units", "n_units", "kind", "reliability", "n_stimuli", "n_neurons", "draw",
    "index", "error", "p", "special", "regenerated", "turned", "tuned", "rank",
]  # fmt: skip


def prepare(folder: Path) -> None:
    """Write units and factors of the stand-in and of photographs, one file for each set of faces."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "stand-in.npz", **_stand_in())
    data = Path(os.environ.get("NEUROALIGN_TEST_DATA", FOLDER.parent.parent / "shared" / "data"))
    if (data / "fairface_frontal").is_dir():
        np.savez(folder / "photographs.npz", **_photographs(data / "fairface_frontal"))
    else:
        print(f"no photographs in {data}; set NEUROALIGN_TEST_DATA to the folder of fairface_frontal")


def _stand_in() -> dict[str, NDArray[np.float64]]:
    import neuroalign as na
    from neuroalign.arrays import align

    dataset = na.load_dataset("AM-faces-sim")
    names = [
        "beta_vae[beta=4,seed=0]",
        "beta_vae[beta=8,seed=1]",
        "vae[n_latents=50,seed=0]",
        "pca[n=10]",
        "pca[n=30]",
        "ica[n=10,seed=0]",
    ]
    arrays = {}
    for name in names:
        latents, responses = align(
            na.load_model(name, dataset=dataset).latents(dataset.stimuli), dataset.responses
        )
        arrays[name] = latents.values[:, latents["informative"].values]
    table = dataset.stimuli.table.loc[responses["stimulus"].values]
    factors = table.select_dtypes("number")
    arrays["factors"] = factors.loc[:, factors.nunique() > 50].to_numpy(np.float64)
    return arrays


def _photographs(folder: Path) -> dict[str, NDArray[np.float64]]:
    """Return pixels' components, units of a bundled network, and seven measured factors of 1,200 photographs."""
    import io
    import zipfile

    import pandas as pd
    from PIL import Image
    from sklearn.decomposition import PCA, FastICA

    import neuroalign as na

    table = pd.read_csv(folder / "stimuli.csv").head(N_STIMULI)
    landmarks = pd.read_csv(folder / "landmarks.csv").set_index("stimulus_id").loc[table["stimulus_id"]]
    with zipfile.ZipFile(folder / "images.zip") as archive:
        images = np.array(
            [
                np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("L").resize((64, 64), 2))
                for name in table["filename"]
            ],
            dtype=np.uint8,
        )
    points = landmarks.to_numpy().reshape(-1, 68, 2) / 128
    half = 32
    factors = np.stack(
        [
            images.mean((1, 2)),
            images[:, :, :half].mean((1, 2)) - images[:, :, half:].mean((1, 2)),
            images[:, :half].mean((1, 2)) - images[:, half:].mean((1, 2)),
            points[:, 57, 1] - points[:, 51, 1],
            points[:, 54, 0] - points[:, 48, 0],
            points[:, 16, 0] - points[:, 0, 0],
            points[:, 8, 1] - (points[:, 19, 1] + points[:, 24, 1]) / 2,
        ],
        axis=1,
    )
    pixels = images.reshape(len(images), -1) / 255
    network = na.load_model("beta_vae[beta=4,seed=0]", dataset=na.load_dataset("AM-faces-sim"))
    ids = table["stimulus_id"].to_numpy(str)
    means = network.latents(na.StimulusSet.from_arrays(images, ids=list(ids))).sel(stimulus=ids).values
    return {
        "factors": factors,
        "pca[n=10]": PCA(10, random_state=0).fit_transform(pixels),
        "pca[n=30]": PCA(30, random_state=0).fit_transform(pixels),
        "ica[n=10]": FastICA(10, random_state=0, max_iter=2_000).fit_transform(pixels),
        "beta_vae[beta=4,seed=0] of the stand-in": means[:, means.var(axis=0) > 0.01].astype(np.float64),
    }


def signal(
    kind: str, factors: NDArray[np.float64], n_neurons: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the standardised signal of each neuron, (n_stimuli, n_neurons).

    Parameters
    ----------
    kind : str
        "single" or a key of :data:`MIXED`.
    factors : array of float64, shape (n_stimuli, n_factors)
    n_neurons : int
    rng : numpy.random.Generator
    """
    factors = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    n_factors = factors.shape[1]
    if kind == "single":
        chosen = rng.integers(n_factors, size=n_neurons)
        values = factors[:, chosen] * rng.choice([-1.0, 1.0], n_neurons)
        return (values - values.mean(axis=0)) / values.std(axis=0)
    if kind == "whitened":
        factors = np.linalg.svd(factors, full_matrices=False)[0] * np.sqrt(len(factors))
    if kind == "correlated":
        shared = factors.mean(axis=1, keepdims=True) * np.sqrt(n_factors)
        factors = factors + shared
    weights = rng.standard_normal((n_factors, n_neurons))
    if kind == "positive":
        weights = np.abs(weights)
    values = factors @ weights
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    if kind == "rectified":
        values = np.maximum(values + rng.uniform(-1, 1, n_neurons), 0)
    if kind == "heavy-tailed":
        values = np.sign(values) * values**2
    return (values - values.mean(axis=0)) / values.std(axis=0)


def record(
    kind: str, factors: NDArray[np.float64], reliability: float | str, n_neurons: int, seed: list[int]
) -> NDArray[np.float64]:
    """Simulate average responses, (n_stimuli, n_neurons): the reliability is the share of signal in their variance."""
    rng = np.random.default_rng(seed)
    values = signal(kind, factors, n_neurons, rng)
    share = rng.uniform(0.05, 0.9, n_neurons) if reliability == "drawn" else np.full(n_neurons, reliability)
    noise = (
        rng.standard_t(4, values.shape) / np.sqrt(2) if kind == "noise" else rng.standard_normal(values.shape)
    )
    return np.sqrt(share) * values + np.sqrt(1 - share) * noise


def conditions() -> Iterator[tuple[str, str, str, float | str, int, int, int]]:
    """Yield faces, units, kind, reliability, number of stimuli, of neurons and of recordings."""
    wide = {"pca[n=30]": 16}
    every = {
        "photographs": ["pca[n=10]", "ica[n=10]", "beta_vae[beta=4,seed=0] of the stand-in", "pca[n=30]"],
        "stand-in": [
            "beta_vae[beta=4,seed=0]",
            "beta_vae[beta=8,seed=1]",
            "vae[n_latents=50,seed=0]",
            "pca[n=10]",
            "ica[n=10,seed=0]",
            "pca[n=30]",
        ],
    }
    for faces, names in every.items():
        for units in names:
            for kind in ["single", *MIXED]:
                for reliability in RELIABILITIES:
                    yield faces, units, kind, reliability, N_STIMULI, N_NEURONS, wide.get(units, 30)
    # Other numbers of stimuli and neurons.
    for faces, units in (("photographs", "pca[n=10]"), ("stand-in", "beta_vae[beta=8,seed=1]")):
        for kind in ("single", "mixtures", "positive"):
            for n_stimuli, n_neurons in ((300, N_NEURONS), (N_STIMULI, 20), (N_STIMULI, 180)):
                yield faces, units, kind, "drawn", n_stimuli, n_neurons, 30


_arrays: dict[str, dict[str, NDArray[np.float64]]] = {}


def _simulate(task: tuple[str, str, str, float | str, int, int, int]) -> list[dict[str, Any]]:
    """Score the recordings of one condition."""
    from neuroalign.metrics import is_special, turned_alignment, turned_tuning

    faces, units, kind, reliability, n_stimuli, n_neurons, n_recordings = task
    arrays = _arrays[faces]
    latents, factors = arrays[units][:n_stimuli], arrays["factors"][:n_stimuli]
    rows = []
    for draw in range(n_recordings):
        # The same recordings for all units.
        seed = [draw, *map(ord, f"{faces}{kind}{reliability}"), n_stimuli, n_neurons]
        responses = record(kind, factors, reliability, n_neurons, seed)
        model = turned_tuning(latents, responses, seed=draw)
        row: dict[str, Any] = dict.fromkeys(COLUMNS, float("nan"))
        row |= {
            "faces": faces, "units": units, "n_units": latents.shape[1], "kind": kind, "reliability": reliability,
            "n_stimuli": n_stimuli, "n_neurons": n_neurons, "draw": draw, "special": False,
            "tuned": int(model.tuned.sum()), "rank": model.rank,
        }  # fmt: skip
        if model.can_turn:
            fitted = turned_alignment(latents, model, n_turns=N_TURNS)
            index = fitted.index(latents.shape[1])
            error = fitted.error(n_resamples=500)
            numbers = {"index": index.value, "error": error, "p": index.p}
            numbers |= {"regenerated": index.native, "turned": index.turned}
            row |= {name: round(number, 4) for name, number in numbers.items()}
            row["special"] = is_special(index.value, error, index.p)
        rows.append(row)
    return rows


def run(folder: Path, n_jobs: int) -> None:
    """Simulate the conditions that are not done yet in `n_jobs` processes, then summarise all of them."""
    import multiprocessing

    import pandas as pd

    from neuroalign.metrics import lasso_cv

    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as stored:
            _arrays[path.stem] = {name: stored[name] for name in stored.files}
    rows_file = folder / "recordings.csv"
    done: set[tuple[str, ...]] = set()
    if rows_file.exists():
        done = set(map(tuple, pd.read_csv(rows_file, dtype=str)[CONDITION].drop_duplicates().to_numpy()))
    # Compile once, before the processes start.
    lasso_cv(*np.random.default_rng(0).standard_normal((2, 100, 4)))
    # The slowest first, so that all processes end together.
    tasks = sorted(
        (task for task in conditions() if task[0] in _arrays and tuple(map(str, task[:6])) not in done),
        key=lambda task: -_arrays[task[0]][task[1]].shape[1],
    )
    with rows_file.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if not done:
            writer.writeheader()
        with multiprocessing.get_context("fork").Pool(n_jobs) as pool:
            for number, rows in enumerate(pool.imap_unordered(_simulate, tasks), 1):
                writer.writerows(rows)
                file.flush()
                print(f"{number} of {len(tasks)} conditions", end="\r", flush=True)
    print()
    summarise(rows_file)


def summarise(rows_file: Path) -> None:
    """Write one row for each condition: mean and SD of κ, and how often each rule calls its axes special."""
    import pandas as pd

    from neuroalign.metrics import is_special

    rows = pd.read_csv(rows_file, dtype={"reliability": str})
    rows["by_p"] = rows["p"] <= 0.05
    rows["by_p_and_index"] = rows["by_p"] & (rows["index"] > 0.1)
    numbers = rows[["index", "error", "p"]].to_numpy(np.float64)
    rows["special"] = [is_special(*row) for row in numbers]
    summary = rows.groupby(CONDITION, sort=True).agg(
        n=("index", "size"),
        index=("index", "mean"),
        sd=("index", "std"),
        error=("error", "median"),
        by_p=("by_p", "mean"),
        by_p_and_index=("by_p_and_index", "mean"),
        special=("special", "mean"),
    )
    summary.round(3).to_csv(TABLE, lineterminator="\n")


def picture() -> None:
    """Draw the shares of recordings that are called special, and print them as tables."""
    import matplotlib.pyplot as plt
    import pandas as pd

    from neuroalign.reporting.figures import family_styles

    table = pd.read_csv(TABLE, dtype={"reliability": str})
    table = table[(table["n_stimuli"] == N_STIMULI) & (table["n_neurons"] == N_NEURONS)]
    levels = list(map(str, RELIABILITIES))
    groups = {
        "six kinds of mixtures": [kind for kind in MIXED if kind != "positive"],
        "mixtures of one sign": ["positive"],
    }
    rules = {
        "by_p": ("p ≤ .05", "#a0a0a0", "s:"),
        "by_p_and_index": ("p ≤ .05 and κ > .10", "#d55e00", "D--"),
        "special": ("p ≤ .05 and κ − 1.645 SE > .10 (the rule of neuroalign)", "#0072b2", "o-"),
    }
    families = [units.partition("[")[0] for units in table["units"]]
    looks = family_styles(families)
    figure, axes = plt.subplots(2, 3, figsize=(11, 5.8), sharey=True, layout="constrained")
    for row, faces in zip(axes, ("photographs", "stand-in"), strict=True):
        chosen = table[table["faces"] == faces]
        for panel, (name, kinds) in zip(row, groups.items(), strict=False):
            pooled = chosen[chosen["kind"].isin(kinds)]
            for rule, (label, colour, style) in rules.items():
                share = _pooled(pooled, rule).reindex(levels)
                panel.plot(range(len(levels)), share, style, color=colour, label=label, markersize=5)
                print(faces, name, label, share.round(3).to_dict(), sep=" | ")
            panel.axhline(0.05, color="k", linewidth=0.7)
            panel.set_title(f"{faces}: {name}\n(axes are not special)", fontsize=9)
        single = chosen[chosen["kind"] == "single"]
        drawn: set[str] = set()
        for units, rows in single.groupby("units", sort=False):
            family = units.partition("[")[0]
            look, line = looks[family], "--" if family in drawn else "-"
            drawn.add(family)
            rows = rows.set_index("reliability").reindex(levels)
            label = units.removesuffix(" of the stand-in")
            row[2].plot(
                range(len(levels)), rows["special"], marker=look.marker, linestyle=line, color=look.colour,
                label=label, markersize=5, alpha=0.8,
            )  # fmt: skip
            print(faces, "single factors", units, sep=" | ", end=" | ")
            print(rows["special"].to_dict(), rows["index"].round(2).tolist(), sep=" | ")
        row[2].set_title(f"{faces}: single factors\n(axes are special)", fontsize=9)
        row[2].legend(
            title="by the rule, units of",
            fontsize=7,
            title_fontsize=8,
            loc="center left",
            bbox_to_anchor=(1, 0.5),
        )
        row[0].set_ylabel("share of recordings\ncalled special")
    for panel in axes.flat:
        panel.set(ylim=(-0.03, 1.03), xlabel="reliability of the neurons")
        panel.set_xticks(range(len(levels)), levels, fontsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=3, fontsize=8, frameon=False)
    figure.savefig(FOLDER / "_static" / "axis_calibration.png", dpi=130)


def _pooled(table: Any, rule: str) -> Any:
    """Return the share of recordings at each reliability, over all units and kinds."""
    weighted = (table[rule] * table["n"]).groupby(table["reliability"]).sum()
    return weighted / table.groupby("reliability")["n"].sum()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prepare", type=Path, metavar="FOLDER")
    parser.add_argument("--run", type=Path, metavar="FOLDER")
    parser.add_argument("--picture", action="store_true")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    arguments = parser.parse_args()
    if arguments.prepare:
        prepare(arguments.prepare)
    if arguments.run:
        run(arguments.run, arguments.jobs)
    if arguments.picture:
        picture()
