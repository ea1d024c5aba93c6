"""Description and validation of a dataset."""

from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import trial_means
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.formats.images import image_fault
from neuroalign.datasets.image_survey import ImageSurvey, notes_on_images, unmarked
from neuroalign.datasets.importing.labelling import constant_neuroids
from neuroalign.datasets.landmarks.arrays import expect_near_images, mirror_partners
from neuroalign.datasets.plausibility import implausible
from neuroalign.datasets.reliability import neuron_reliability
from neuroalign.datasets.time_bins import bin_edges, has_bins, over_all_bins, windows_of
from neuroalign.datasets.time_windows import bins_of_window
from neuroalign.errors import DatasetError, name_some
from neuroalign.progress import progress


def describe(dataset: Dataset) -> dict[str, Any]:
    """Summarise a dataset without long computations.

    Returns
    -------
    dict
        Summary of values that JSON can hold.
    """
    recording, stimuli = dataset.recording, dataset.stimuli
    described: dict[str, Any] = {"name": dataset.identifier}
    described |= _describe_recording(dataset) if dataset.has_responses else {"responses": False}
    described |= {
        "simulated": dataset.simulated,
        "stimulus_set": stimuli.identifier,
        "stimuli_in_set": len(stimuli),
        "stimulus_columns": [str(name) for name in stimuli.table.columns if name != "filename"],
        "images": stimuli.has_images,
    }
    if "training" in stimuli.table:
        described["training_stimuli"] = int(stimuli.table["training"].sum())
    if stimuli.mirror_training:
        described["mirror_training"] = True
    if stimuli.landmarks is not None:
        described["landmarks"] = stimuli.landmarks.sizes["landmark"]
        described["stimuli_with_landmarks"] = stimuli.landmarks.sizes["stimulus"]
    if "time_bin" in recording.dims:
        described |= _describe_bins(recording)
    kept = ["description", "source", "licence", "citation", "window_ms", "landmarks_from"]
    kept += ["dropped_neuroids", "dropped_stimuli", "warnings", "notes", "files"]
    return described | {key: dataset.metadata[key] for key in kept if dataset.metadata.get(key)}


def _describe_recording(dataset: Dataset) -> dict[str, Any]:
    """Count neurons, stimuli and presentations."""
    recording = dataset.recording
    repeats = pd.Series(recording["stimulus_id"].values).value_counts()
    return {
        "neurons": recording.sizes["neuroid"],
        "regions": _counts(recording, "region"),
        "animals": _counts(recording, "animal"),
        "stimuli": len(repeats),
        "presentations": recording.sizes["presentation"],
        "presentations_per_stimulus": _spread(repeats.to_numpy()),
        "averaged": dataset.averaged,
    }


def validate(dataset: Dataset) -> dict[str, Any]:
    """Check all parts of a dataset, including each image.

    Returns
    -------
    dict
        Summary of :func:`describe`, with ``trials_per_neuron_and_stimulus``, ``missing_trials``,
        ``constant_neurons``, ``duplicate_neurons`` (pairs that are one neuron twice), ``reliability``, ``warnings``
        (signs that the values are not responses), ``images_readable``, ``identical_images`` and ``similar_images``
        (groups of stimuli that the column ``original`` does not mark as variants), and ``problems``: a sentence for
        each fault that prevents scores on the dataset. If some stimuli are variants, also ``originals`` and
        ``stimuli_with_equal_images``. For a recording with time bins, trials are counted and ``reliability`` is
        computed over all bins; check a window for the reliability in it. A dataset of stimuli alone has the parts of
        the report that describe stimuli and images.
    """
    report = describe(dataset)
    problems: list[str] = []
    report |= _check_originals(dataset, problems)
    if dataset.has_responses:
        whole = replace(dataset, recording=over_all_bins(dataset.recording))
        report |= _check_trials(whole, problems)
        if not problems:
            report["warnings"] = implausible(whole.recording, dataset.stimuli)
        if has_bins(dataset.recording):
            _check_bins(dataset, problems)
    elif not dataset.stimuli.has_images:
        problems.append("The dataset has neither responses nor images.")
    if dataset.stimuli.has_images:
        notes = list(report.pop("notes", []))
        report |= _check_images(dataset, problems, notes)
        report |= {"notes": notes} if notes else {}
        _check_landmarks(dataset, problems)
    return {**report, "problems": problems}


def _describe_bins(recording: xr.DataArray) -> dict[str, Any]:
    edges = bin_edges(recording)
    described: dict[str, Any] = {"time_bins": recording.sizes["time_bin"]}
    if edges is not None and len(edges):
        described["time_bins_ms"] = [float(edges.min()), float(edges.max())]
        described["bin_length_ms"] = _spread(np.round(edges[:, 1] - edges[:, 0], 6))
    return described | {"response": str(recording.attrs.get("response", "unknown"))}


def _check_bins(dataset: Dataset, problems: list[str]) -> None:
    """Check the edges of the time bins."""
    try:
        windows = windows_of(dataset)
        starts, ends = np.transpose(windows)
        bins_of_window(starts, ends, windows[0], dataset.identifier)
    except DatasetError as error:
        problems.append(f"{str(error)[0].upper()}{str(error)[1:]}.")


def _check_originals(dataset: Dataset, problems: list[str]) -> dict[str, Any]:
    """Count the originals of the recorded stimuli, or of stimuli alone, where some are variants."""
    recorded = np.unique(dataset.recording["stimulus_id"].values.astype(str))
    if not dataset.has_responses:
        recorded = dataset.stimuli.ids
    try:
        originals = dataset.stimuli.originals(recorded)
    except DatasetError as error:
        problems.append(f"{str(error)[0].upper()}{str(error)[1:]}.")
        return {}
    if not originals.has_variants:
        return {}
    return {"originals": originals.n, "stimuli_with_equal_images": originals.n_identical}


def _check_trials(dataset: Dataset, problems: list[str]) -> dict[str, Any]:
    array = dataset.recording
    values = array.values.reshape(array.sizes["presentation"], -1)
    means, counts, stimuli = trial_means(array)
    neuroids = array["neuroid_id"].values.astype(str)
    constant = constant_neuroids(array)
    missing = int(np.isnan(values).sum())
    report: dict[str, Any] = {
        "trials_per_neuron_and_stimulus": _spread(counts),
        "missing_trials": missing,
        "missing_trials_percent": round(100 * missing / max(values.size, 1), 2),
        "constant_neurons": constant.tolist(),
        "duplicate_neurons": _same(np.asarray(means), neuroids),
        "reliability": None,
    }
    lacking = counts == 0
    if lacking.any():
        problems.append(
            f"{lacking.any(axis=0).sum()} neurons lack every trial of some stimuli: neurons "
            f"{name_some(neuroids[lacking.any(axis=0)])}; stimuli {name_some(stimuli[lacking.any(axis=1)])}."
        )
    if len(constant):
        problems.append(f"{len(constant)} neurons respond to all stimuli alike: {name_some(constant)}.")
    if len(stimuli) < 2:
        problems.append("The recording has fewer than two stimuli.")
    if not problems:
        report["reliability"] = _reliability(dataset)
    return report


def _same(means: NDArray[np.float64], neuroids: NDArray[np.str_]) -> list[str]:
    """Return the pairs of neurons with proportional mean responses, which make a ceiling from neurons too high."""
    usable = np.isfinite(means).all(axis=0) & (np.ptp(means, axis=0) > 0)
    if usable.sum() < 2 or len(means) < 10:
        return []
    # Noise makes two neurons differ more than this; the same spikes, sorted twice, differ less.
    first, second = np.nonzero(np.triu(np.corrcoef(means[:, usable].T) > 0.999, 1))
    return [f"{a} = {b}" for a, b in zip(neuroids[usable][first], neuroids[usable][second], strict=True)]


def _reliability(dataset: Dataset) -> dict[str, Any] | None:
    """Quartiles over neurons of the reliability; None where it is unknown."""
    per_neuron = neuron_reliability(dataset)
    if per_neuron is None:
        return None
    finite = per_neuron[np.isfinite(per_neuron)]
    if finite.size == 0:
        return {"neurons": 0}
    lower, median, upper = (round(float(quartile), 4) for quartile in np.quantile(finite, [0.25, 0.5, 0.75]))
    return {"median": median, "lower_quartile": lower, "upper_quartile": upper, "neurons": int(finite.size)}


def _check_images(dataset: Dataset, problems: list[str], notes: list[str]) -> dict[str, Any]:
    stimuli = dataset.stimuli
    ids = progress(stimuli.ids, description="checking images", unit="image", total=len(stimuli))
    survey = ImageSurvey(stimuli.open)

    def fault_of(name: str) -> str | None:
        try:
            return image_fault(BytesIO(stimuli.image_bytes(name)), name, survey)
        except DatasetError as error:  # a file that differs from its sum
            return str(error)

    faults = {name: fault for name in ids if (fault := fault_of(name))}
    if faults:
        first, fault = next(iter(faults.items()))
        problems.append(f"{len(faults)} images cannot be used: {name_some(list(faults))}; {first}: {fault}.")
    # The import may have stored the same note.
    notes += [note for note in notes_on_images(survey, stimuli.table) if note not in notes]
    return {
        "images_readable": len(stimuli) - len(faults),
        "identical_images": [" = ".join(group) for group in unmarked(survey.identical(), stimuli.table)],
        "similar_images": [" ≈ ".join(group) for group in unmarked(survey.similar(), stimuli.table)],
    }


def _check_landmarks(dataset: Dataset, problems: list[str]) -> None:
    stimuli = dataset.stimuli
    if stimuli.landmarks is None:
        return
    try:
        ids = stimuli.landmarks["stimulus"].values
        expect_near_images(stimuli.landmarks, {stimulus: stimuli.image_size(stimulus) for stimulus in ids})
        if stimuli.mirror_training:
            mirror_partners(stimuli.landmarks)
    except DatasetError as error:
        problems.append(f"{str(error)[0].upper()}{str(error)[1:]}.")


def _counts(array: xr.DataArray, name: str) -> dict[str, int]:
    if name not in array.coords:
        return {}
    values, counts = np.unique(array[name].values.astype(str), return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _spread(counts: NDArray[Any]) -> dict[str, float]:
    if counts.size == 0:
        return {}
    return {"min": counts.min().item(), "median": float(np.median(counts)), "max": counts.max().item()}
