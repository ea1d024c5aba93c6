"""Units of the sessions of Triple-N, in the files ``Processed_ses*.mat`` of MATLAB 5."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.matlab_nesting import load_variables
from neuroalign.errors import DatasetError, brief, count_noun
from neuroalign.files.judging import expect_sound

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

#: Number of images: the shared images of NSD, and all with the localisers behind them.
N_NSD, N_IMAGES = 1000, 1072

#: Pattern of the names of the files.
PATTERN = "Processed_ses*.mat"

_MARKS = {"response_best", "reliability_best", "UnitType"}
_UNIT_TYPES = {1: "single", 2: "multi", 3: "non-somatic", 4: "non-somatic"}
#: Variables with one value for each unit, and the names of their labels.
_LABELS = {"reliability_best": "reliability", "pos": "depth"} | {
    name: name for name in ("F_SI", "B_SI", "O_SI", "snr")
}
_NAME = re.compile(r"Processed_ses(\d+)_(\d+)_(\w+?)_(\d+)\.mat", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Session:
    """Units of one session.

    Parameters
    ----------
    path : Path
    key : str
        Name of the session, such as "ses01".
    table : pandas.DataFrame
        Labels of the units, indexed by their ids.
    means : array of float, shape (n_units, 1072), optional
        Mean response of each unit to each image, where it was asked for.
    """

    path: Path
    key: str
    table: pd.DataFrame
    means: NDArray[np.float64] | None


def processed_files(folder: Path) -> list[Path]:
    """Return the processed files of a folder, or of its folder Processed."""
    for place in (folder, folder / "Processed"):
        files = sorted(path for path in place.glob(PATTERN) if path.is_file())
        if files and is_processed(files[0]):
            return files
    return []


def is_processed(path: Path) -> bool:
    """Return whether a file has mean responses with their reliability; False for a damaged file."""
    from scipy.io import whosmat

    try:
        with path.open("rb") as file:
            if file.read(10) != b"MATLAB 5.0":
                return False
        expect_sound(path, "matlab")
        return {name for name, _, _ in whosmat(path)} >= _MARKS
    except Exception:  # the parser raises nearly anything on a damaged file
        return False


def read_session(path: Path, variable: str | None) -> Session:
    """Read the labels and the mean responses of one session.

    Parameters
    ----------
    path : Path
    variable : str, optional
        Name of the means; none are read by default.

    Raises
    ------
    DatasetError
        If the file is damaged, or variables are missing or do not fit each other.
    """
    import numpy as np
    import pandas as pd

    match = _NAME.fullmatch(path.name)
    if match is None:
        raise DatasetError(
            f"{path} must be called Processed_ses##_DATE_MONKEY_RUN.mat, as published: the name holds the session and "
            "the animal"
        )
    session, date, animal, run = match.groups()
    names = [*_LABELS, "UnitType", *([variable] if variable is not None else [])]
    try:
        content = load_variables(path, variable_names=names, squeeze_me=False)
    except Exception as error:  # the parser raises nearly anything on a damaged file
        raise DatasetError(f"cannot read the MATLAB file {path}: {brief(error)}") from error
    if "UnitType" not in content:
        raise DatasetError(f"{path} lacks the variable UnitType")
    n_units = np.asarray(content["UnitType"]).size
    columns: dict[str, NDArray[Any]] = {}
    for name in (*_LABELS, "UnitType"):
        if name not in content:
            continue
        values = np.asarray(content[name])
        if values.size != n_units or values.dtype.kind not in "fiub":
            raise DatasetError(
                f"{name} of {path} must have {count_noun(n_units, 'value')}, one for each unit, got {values.dtype} of "
                f"shape {values.shape}"
            )
        columns[_LABELS.get(name, name)] = values.reshape(-1).astype(np.float64)
    codes = columns.pop("UnitType")
    key = f"ses{int(session):02d}"
    table = pd.DataFrame(
        {
            "unit_type": [_UNIT_TYPES.get(int(code), f"type {code:g}") for code in codes],
            "session": key,
            "number": int(session),
            "date": date,
            "run": run,
            "animal": animal,
            "region": "unknown",
            **columns,
        },
        index=pd.Index([f"{key}-{unit}" for unit in range(1, n_units + 1)]),
    )
    means = None
    if variable is not None:
        if variable not in content:
            raise DatasetError(f"{path} lacks the variable {variable}")
        means = np.asarray(content[variable])
        if means.shape != (n_units, N_IMAGES) or means.dtype.kind not in "fiu":
            raise DatasetError(
                f"{variable} of {path} must be {n_units} units × {N_IMAGES:,} images, got {means.dtype} of shape "
                f"{means.shape}"
            )
    return Session(path, key, table, means)
