"""Python files of users with models: their path in a name, and their run with the modules beside them."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from neuroalign.errors import ModelError, brief
from neuroalign.files.plain import oddity
from neuroalign.names.foreign_code import foreign_code

# Folders of model files that were run, and the names of the modules in them that the files imported.
_folders: set[Path] = set()
_beside: set[str] = set()


class _StoppedError(ModelError):
    """A model file raised another error than neuroalign's own errors."""


def split_file(name: str) -> tuple[str, str] | None:
    r"""Split FILE.py:NAME into the file and the name of the object; None for other names.

    Parameters
    ----------
    name : str
        The file may have colons, as in ``C:\models\mine.py:edges``.

    Examples
    --------
    >>> split_file("models/mine.py:edges"), split_file("timm:resnet18")
    (('models/mine.py', 'edges'), None)
    """
    parts = name.split(".py:")
    for number in range(1, len(parts)):
        file, attribute = f"{'.py:'.join(parts[:number])}.py", ".py:".join(parts[number:])
        if (oddity(Path(file)) is None and Path(file).is_file()) or number == len(parts) - 1:
            return file, attribute
    return None


def run_file(file: str) -> ModuleType:
    """Run a Python file, and return its module.

    The folder of the file comes first where the file imports modules, as for ``python FILE.py``, and last afterwards.
    Modules beside an earlier file do not stand for modules of the same name beside this one.

    Parameters
    ----------
    file : str

    Raises
    ------
    ModelError
        If the file does not exist, is not a Python file, or raises an error.
    """
    path = Path(file)
    if kind := oddity(path):
        raise ModelError(f"a file of models must be a Python file, got {kind}: {file}")
    if not path.is_file():
        raise ModelError(
            f"the file {file} does not exist; give FILE.py:NAME with a model called NAME in the file"
        )
    # Other code keeps a loaded module of the same name.
    name = f"{path.stem}_of_models" if path.stem in sys.modules else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    with _importing_from(path.resolve().parent):
        # Dataclasses look their module up. Later it is gone, so that pickles for other processes hold its code.
        sys.modules[name] = module
        try:
            with foreign_code("stops", _StoppedError):
                spec.loader.exec_module(module)
        except Exception as error:
            cause: Any = error.__cause__ if isinstance(error, _StoppedError) else error
            raise ModelError(f"{file} fails to run: {type(cause).__name__}: {brief(cause)}") from cause
        finally:
            sys.modules.pop(name, None)
    return module


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Put a folder first in the search for modules, and last afterwards; modules beside other files are forgotten."""
    if str(folder) in sys.path and folder not in _folders:
        yield
        return
    _folders.add(folder)
    for name in _beside & set(sys.modules):
        del sys.modules[name]
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(str(folder))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
        for name in set(sys.modules) - before:
            top = sys.modules.get(name.partition(".")[0])
            if top is not None and _is_beside(top, folder):
                _beside.add(name)
                _send_by_value(sys.modules[name])


def _is_beside(module: ModuleType, folder: Path) -> bool:
    """Return whether the file of a module, or the folder of a package, is directly in a folder."""
    place = next(iter(getattr(module, "__path__", [])), getattr(module, "__file__", None))
    return place is not None and Path(place).resolve().parent == folder


def _send_by_value(module: ModuleType) -> None:
    """Let pickles for other processes, which do not have the module, hold its code."""
    for pickles in ("cloudpickle", "joblib.externals.cloudpickle"):  # the second in older versions of joblib
        with suppress(ImportError):
            importlib.import_module(pickles).register_pickle_by_value(module)
