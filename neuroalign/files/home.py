"""The folder of datasets, latents, trained models and results, and safe writing of files."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TEMPORARY_PREFIX = ".unfinished-"


def home() -> Path:
    """Return the folder in the environment variable NEUROALIGN_HOME, else the data folder of the platform."""
    named = os.environ.get("NEUROALIGN_HOME")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("neuroalign"))


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` only if the block succeeds.

    Readers see either the old file or the complete new file. A killed process leaves only a file with a name that
    starts with :data:`TEMPORARY_PREFIX`, which neuroalign never reads.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not mkstemp, which ignores the umask and makes files that only their owner can read.
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
