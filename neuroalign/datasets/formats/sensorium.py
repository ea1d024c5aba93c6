"""Folders of the Sensorium competition of 2022: two-photon responses of mouse visual cortex to images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.reader import RecordingParts, RecordingReader
from neuroalign.datasets.formats.trial_table import describe_each_stimulus
from neuroalign.datasets.formats.whole_folders import advice_on_parent, advice_on_part
from neuroalign.errors import DatasetError, UsageError, count_noun, name_some
from neuroalign.progress import progress

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from neuroalign.datasets.image_sources import ImageSource

#: Largest file of one trial or of one label in bytes.
_MOST_BYTES = 1 << 28
#: Names of the labels of neurons in the folder, and their names in a recording.
_LABELS = {"area": "region", "animal_ids": "animal", "sessions": "session"}
_PASSED_OVER = ("behavior", "pupil_center")


def read_sensorium(path: Path) -> RecordingParts:
    """Read the folder of one scan as it is published.

    Trial ``i`` has the files ``data/responses/i.npy`` and ``data/images/i.npy`` and the entry ``i`` of each array in
    ``meta/trials``. Trials with the same ``frame_image_id`` are repetitions of one image.

    Parameters
    ----------
    path : Path
        Folder ``static…`` with ``data`` and ``meta``.

    Returns
    -------
    RecordingParts
        Single trials. The column ``tier`` of the stimuli has the parts of the competition: train, validation, test.
        The neurons have the labels in ``meta/neurons``; their ids contain animal, session and scan, because unit ids
        repeat in every scan.

    Raises
    ------
    DatasetError
        If a file is missing or damaged.
    """
    import numpy as np

    tiers = _load(path / "meta/trials/tiers.npy", text=True)
    image_ids = _load(path / "meta/trials/frame_image_id.npy", length=len(tiers), text=True)
    classes = _optional(path / "meta/trials/frame_image_class.npy", len(tiers))
    notes = [f"Stimulus ids are frame_image_id of {path.name}; equal ids are repetitions of one image."]
    stimulus_id = image_ids
    if classes is not None and len(np.unique(classes)) > 1:
        stimulus_id = np.array([f"{name}-{number}" for name, number in zip(classes, image_ids, strict=True)])
        notes.append("Stimulus ids begin with frame_image_class, because the images are of several classes.")
    responses, kept = _responses(path, len(tiers), notes)
    kept &= _not_withheld(responses, tiers, kept, notes)
    if not kept.any():
        raise DatasetError(f"{path} has no responses: every trial is withheld or missing")
    trials = np.flatnonzero(kept)
    array = _label(path, responses[kept], stimulus_id[kept])
    table, varying = describe_each_stimulus(_trial_table(stimulus_id[kept], tiers[kept], classes, kept))
    if "tier" in varying:
        array = array.assign_coords(tier=("presentation", tiers[kept]))
        notes.append("Some images occur in several tiers, so that tier is a label of the trials.")
    names, counts = np.unique(tiers[kept], return_counts=True)
    listed = ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))
    notes.append(f"Trials by tier: {listed}.")
    idle = [name for name in _PASSED_OVER if (path / "data" / name).is_dir()]
    if idle:
        notes.append(f"Passed over: {' and '.join(idle)} of each trial.")
    images = _images(path, trials, stimulus_id[kept], notes)
    return RecordingParts(array, averaged=False, stimuli=table, images=images, notes=tuple(notes))


class SensoriumReader(RecordingReader):
    """Reader of the folders of Sensorium 2022."""

    title = "folder of Sensorium 2022 (static…)"
    gives = ("recording", "stimuli", "images")

    def recognises(self, path: Path) -> bool:
        """Return whether the folder has the tiers and the responses of a scan."""
        return _is_scan(path)

    def advice(self, path: Path) -> str:
        """Return advice on a part of a scan, and on a folder around scans."""
        return advice_on_part(path, _is_scan, ("data", "meta"), "a scan of Sensorium") or advice_on_parent(
            path, _is_scan, "scan of Sensorium"
        )

    def read(self, paths: Sequence[Path], options: Mapping[str, Any]) -> RecordingParts:
        """Read one scan; see :func:`read_sensorium`."""
        if len(paths) > 1:
            raise UsageError(
                f"--responses must be one folder of Sensorium, got {len(paths)}; add each scan alone"
            )
        if not (paths[0] / "meta/trials").is_dir():
            raise DatasetError(
                self.advice(paths[0])
                or f"{paths[0]} must be the folder of a scan of Sensorium, with data/responses and meta/trials"
            )
        return read_sensorium(paths[0])


def _is_scan(path: Path) -> bool:
    return (path / "meta/trials/tiers.npy").is_file() and (path / "data/responses").is_dir()


def _load(path: Path, *, length: int | None = None, text: bool = False) -> NDArray[Any]:
    """Read one ``.npy`` file without Python objects; text on demand."""
    import numpy as np

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DatasetError(f"{path} has more than {_MOST_BYTES:,} bytes, too many for one trial or label")
        values: NDArray[Any] = np.load(path, allow_pickle=False)
    except DatasetError:
        raise
    except Exception as error:  # NumPy parses the header as Python, so damage can raise nearly anything
        raise DatasetError(f"cannot read {path}: {error}") from error
    if length is not None and values.shape[:1] != (length,):
        raise DatasetError(f"{path} has the shape {values.shape}; it must have {length} entries")
    if not text:
        return values
    if values.ndim != 1:
        raise DatasetError(f"{path} must have one axis, got the shape {values.shape}")
    if values.dtype.kind == "f" and (values == values.round()).all():
        values = values.astype(np.int64)
    return values.astype(str)


def _optional(path: Path, length: int) -> NDArray[np.str_] | None:
    return _load(path, length=length, text=True) if path.is_file() else None


def _responses(path: Path, n_trials: int, notes: list[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read the responses of all trials, and return which trials have a file."""
    import numpy as np

    files = [path / "data/responses" / f"{trial}.npy" for trial in range(n_trials)]
    kept = np.array([file.is_file() for file in files])
    further = path / "data/responses" / f"{n_trials}.npy"
    if further.exists():
        raise DatasetError(f"{further} belongs to no trial: meta/trials/tiers.npy has {n_trials} entries")
    if not kept.any():
        raise DatasetError(f"{path / 'data/responses'} has no file of a trial, such as 0.npy")
    if not kept.all():
        missing = np.flatnonzero(~kept)
        notes.append(f"{count_noun(missing.size, 'trial')} without responses left out: {name_some(missing)}.")
    n_neurons = _load(files[int(kept.argmax())]).size
    responses = np.full((n_trials, n_neurons), np.nan, dtype=np.float32)
    for trial in progress(np.flatnonzero(kept), description="reading responses", unit="trial"):
        values = _load(files[trial])
        if values.shape != (n_neurons,) or values.dtype.kind not in "fiu":
            raise DatasetError(
                f"{files[trial]} must hold {n_neurons} numbers, one for each neuron, got {values.dtype} of shape "
                f"{values.shape}"
            )
        responses[trial] = values
    return responses, kept


def _not_withheld(
    responses: NDArray[np.float32], tiers: NDArray[np.str_], kept: NDArray[np.bool_], notes: list[str]
) -> NDArray[np.bool_]:
    """Return which trials are in tiers with responses; the competition replaces withheld responses by zeros."""
    import numpy as np

    public = np.ones(len(tiers), dtype=bool)
    for tier in np.unique(tiers[kept]):
        of_tier = tiers == tier
        if not np.nan_to_num(responses[of_tier & kept]).any():
            public &= ~of_tier
            notes.append(
                f"All responses of the tier {tier} are 0, as where the competition withholds them: its "
                f"{count_noun(int(of_tier.sum()), 'trial')} left out."
            )
    return public


def _label(path: Path, responses: NDArray[np.float32], stimulus_id: NDArray[np.str_]) -> xr.DataArray:
    """Make the recording with the labels of the neurons in ``meta/neurons``."""
    import numpy as np

    from neuroalign.arrays import recording

    n = responses.shape[1]
    labels: dict[str, NDArray[Any]] = {}
    for file in sorted((path / "meta/neurons").glob("*.npy")):
        values = _load(file, length=n)
        if values.dtype.kind not in "fiubU":
            continue
        name = _LABELS.get(file.stem, file.stem)
        if file.stem == "cell_motor_coordinates" and values.shape == (n, 3):
            labels |= dict(zip(("x", "y", "z"), values.T.astype(np.float64), strict=True))
        elif values.ndim == 1:
            labels[name] = values
    unit = labels.pop("unit_ids", np.arange(n)).astype(str)
    parts = [labels[name].astype(str) for name in ("animal", "session", "scan_idx") if name in labels]
    ids = ["-".join(names) for names in zip(*parts, unit, strict=True)]
    region, animal = (labels.pop(name, np.full(n, "unknown")).astype(str) for name in ("region", "animal"))
    array = recording(responses, stimulus_id=stimulus_id, neuroid_id=ids, region=region, animal=animal)
    return array.assign_coords({name: ("neuroid", values) for name, values in labels.items()})


def _trial_table(
    stimulus_id: NDArray[np.str_],
    tiers: NDArray[np.str_],
    classes: NDArray[np.str_] | None,
    kept: NDArray[np.bool_],
) -> pd.DataFrame:
    import pandas as pd

    columns = {"tier": tiers} | ({} if classes is None else {"image_class": classes[kept]})
    return pd.DataFrame(columns, index=pd.Index(stimulus_id))


def _images(
    path: Path, trials: NDArray[np.int64], stimulus_id: NDArray[np.str_], notes: list[str]
) -> dict[str, ImageSource]:
    """Find the image of each stimulus in its first trial, and note the trials with another image."""
    from neuroalign.datasets.image_sources import StoredImage
    from neuroalign.files.digests import digest

    images: dict[str, ImageSource] = {}
    digests: dict[str, str] = {}
    rounded, differing = False, list[str]()
    for trial, stimulus in progress(
        zip(trials, stimulus_id, strict=True),
        description="reading images",
        unit="image",
        total=len(trials),
    ):
        file = path / "data/images" / f"{trial}.npy"
        pixels, was_rounded = _read_image(file)
        rounded |= was_rounded
        if str(stimulus) not in images:
            images[str(stimulus)] = StoredImage(pixels.shape, partial(_pixels, file))
        # Digests stand for the images, which may be larger than the memory.
        if digests.setdefault(str(stimulus), digest(pixels)) != digest(pixels):
            differing.append(str(trial))
    if differing:
        notes.append(
            f"The images of {count_noun(len(differing), 'trial')} ({name_some(differing)}) differ from the image of "
            "the first trial with the same stimulus, which is taken; check frame_image_id."
        )
    if rounded:
        notes.append("Grey levels were rounded to whole numbers.")
    return images


def _pixels(file: Path) -> NDArray[np.uint8]:
    return _read_image(file)[0]


def _read_image(file: Path) -> tuple[NDArray[np.uint8], bool]:
    """Return the pixels of one image, and whether they were rounded."""
    import numpy as np

    values = _load(file)
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise DatasetError(
            f"{file} must hold a grey image (1 × height × width), got the shape {values.shape}"
        )
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 255):
        raise DatasetError(f"{file} must hold grey levels from 0 to 255")
    pixels = np.round(values).astype(np.uint8)
    return pixels, bool((pixels != values).any())
