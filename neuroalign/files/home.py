"""The one folder in which neuroalign keeps datasets, latents, trained models and results."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TEMPORARY_PREFIX = ".unfinished-"


def home() -> Path:
    """Return the folder named by the environment variable NEUROALIGN_HOME, else the platform's data folder."""
    named = os.environ.get("NEUROALIGN_HOME")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("neuroalign"))


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` only if the block succeeds.

    Readers see the old file or the whole new one; a killed process leaves only a file whose name
    starts with :data:`TEMPORARY_PREFIX`, which nothing reads.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not mkstemp: it would leave the file readable by nobody else, whatever the umask.
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
