"""Checkpoint files: reading without running code, the entry that holds the weights, and prefixes of their names.

Nothing here imports torch until a file is read.
"""

import zipfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import ModelError, UsageError, name_some
from neuroalign.files.plain import oddity
from neuroalign.model_zoo.adapters.checks import one_line

if TYPE_CHECKING:
    import torch

    State = Mapping[str, torch.Tensor]

#: Keys of a checkpoint that hold the weights of a network, or a mapping with one of these keys.
ENTRIES = (
    *("state_dict", "model_state_dict", "model", "network", "net", "module", "student", "teacher"),
    *("state_dict_ema", "ema_state_dict", "model_ema", "ema"),
)
#: Prefixes that wrappers add to the names of weights: parallel and compiled modules, and modules of training programs.
PREFIXES = ("module.", "model.", "backbone.", "_orig_mod.", "net.", "network.")

_EXPECTED = "expected safetensors, or a torch file that holds nothing but weights"
# Wrappers that PyTorch itself adds; no network needs them in the names of its weights.
_WRAPPERS = ("module.", "_orig_mod.")
_DEEPEST = 3


@dataclass(frozen=True)
class Checkpoint:
    """Weights from a file.

    Parameters
    ----------
    state : dict of str to tensor
        Weights by their names, without prefixes.
    notes : list of str
        Entry of the file, removed prefixes and omitted weights, if the file has any.
    hint : str
        Advice for a message if the weights do not fit.
    """

    state: "dict[str, torch.Tensor]"
    notes: list[str] = field(default_factory=list)
    hint: str = ""


def read_checkpoint(
    file: Path, model: str, *, wanted: Collection[str] = (), weights_key: str | None = None
) -> Checkpoint:
    """Read the weights in a checkpoint file.

    Parameters
    ----------
    file : Path
        Safetensors, or a torch file. The weights are at the top or under a key in :data:`ENTRIES`. Objects other than
        tensors, numbers, strings and containers are not made: an empty object replaces them.
    model : str
        Name of the model, for messages.
    wanted : collection of str
        Names of the network's weights, by which prefixes are recognised. Without them, only the prefixes of parallel
        and compiled modules are removed.
    weights_key : str, optional
        Entry of the file, or prefix of the names, or both, joined by dots, if several hold weights of the network.

    Returns
    -------
    Checkpoint

    Raises
    ------
    UsageError
        If the file does not exist, or several entries or prefixes hold weights of the network.
    ModelError
        If the file is damaged, has another format, or holds something other than weights.
    """
    kind = oddity(file) or ("a folder" if file.is_dir() else None)
    if kind or not file.is_file():
        raise UsageError(
            f"{model}: weights must be random, a checkpoint file, or for some networks pretrained; "
            + (f"got {kind}: {file}" if kind else f"the file {file} does not exist")
        )
    content = _read(file)
    path, state, rest, notes = _entry(content, file, model, set(wanted), weights_key)
    others = {str(key): value for key, value in state.items() if not hasattr(value, "shape")}
    if others:
        kinds = {value.named for value in others.values() if isinstance(value, _Replaced)}
        of_kind = f" of {name_some(sorted(kinds))}" if kinds else ""
        raise ModelError(
            f"{file} holds more than weights: {name_some(list(others))}{of_kind}; save a state_dict() of tensors"
        )
    if path:
        notes.insert(0, f"the weights are those in the entry {'.'.join(path)!r}")
    return _strip(dict(state), set(wanted), rest, notes, file, model)


def _read(file: Path) -> Any:
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        read: Any = load_file
    else:
        read = _read_torch
    try:
        return read(str(file))
    except Exception as error:
        reason = str(error) if isinstance(error, ModelError) else _kind_of(file, error) or one_line(error)
        raise ModelError(f"cannot read weights from {file} ({reason}); {_EXPECTED}") from error


def _kind_of(file: Path, error: Exception) -> str | None:
    """Recognise files that people take for weights by mistake, and files that are cut short."""
    with file.open("rb") as opened:
        start = opened.read(64).lstrip().lower()
    again = "copy or download it again"
    if file.stat().st_size == 0:
        return f"it is empty: {again}"
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, not the file itself: run git lfs pull"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page: download the file itself"
    if start.startswith(b"pk"):
        if not zipfile.is_zipfile(file):
            return f"it is cut short: {again}"
        with zipfile.ZipFile(file) as archive:
            if not any(name.endswith("/data.pkl") for name in archive.namelist()):
                return f"it is a ZIP archive of {name_some(archive.namelist(), most=3)}, not a file of torch"
        return f"it is damaged: {again}"
    if type(error).__name__ == "SafetensorError":
        return f"it is cut short or damaged: {again}; {one_line(error)}"
    if type(error).__name__ == "UnpicklingError":  # torch advises to run the code in the file
        return "torch.save did not write it, or it could run code: save the state_dict() with torch.save"
    return None


def _read_torch(file: str) -> Any:
    import torch

    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise ModelError("it is a TorchScript archive: save the state_dict() of its module")
    try:
        unknown = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except Exception:  # files of old versions of torch, and files that are not torch files
        unknown = []
    # torch makes these empty objects in place of every class and function that the file names.
    empty: list[Any] = []
    for name in unknown:
        module, _, qualified = name.rpartition(".")
        empty.append(
            type("Replaced", (_Replaced,), {"__module__": module, "__qualname__": qualified, "named": name})
        )
    with torch.serialization.safe_globals(empty):
        return torch.load(file, map_location="cpu", weights_only=True)


class _Replaced:
    """Empty object in place of an object that is not a weight."""

    named: str

    def __new__(cls, *args: Any, **options: Any) -> "_Replaced":
        return super().__new__(cls)

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def _is_state(value: Any) -> bool:
    return isinstance(value, Mapping) and any(hasattr(part, "shape") for part in value.values())


def _entries(content: Any, path: tuple[str, ...] = ()) -> "Iterator[tuple[tuple[str, ...], State]]":
    """Yield the mappings that hold weights, with the keys that lead to them."""
    if not isinstance(content, Mapping) or len(path) > _DEEPEST:
        return
    below = [entry for key in ENTRIES if key in content for entry in _entries(content[key], (*path, key))]
    if below:
        yield from below
    elif _is_state(content):
        yield path, content


def _entry(
    content: Any, file: Path, model: str, wanted: set[str], weights_key: str | None
) -> "tuple[tuple[str, ...], State, str | None, list[str]]":
    """Choose the entry with the weights; return its keys, the weights, a prefix that was asked for, and notes."""
    if isinstance(content, _Replaced):
        raise ModelError(
            f"{file} holds a whole network ({content.named}), which could run code; save its state_dict(); {_EXPECTED}"
        )
    if not isinstance(content, Mapping):
        raise ModelError(f"{file} holds {type(content).__name__}, not weights by their names; {_EXPECTED}")
    entries = list(_entries(content))
    if weights_key is not None:
        path, rest = _follow(content, weights_key)
        if path or any(name.startswith(f"{weights_key}.") for name in content):
            state = content
            for key in path:
                state = state[key]
            if _is_state(state):
                return path, state, rest, []
        with_prefix = [
            entry for entry in entries if any(name.startswith(f"{weights_key}.") for name in entry[1])
        ]
        if len(with_prefix) == 1:
            return *with_prefix[0], weights_key, []
        named = [".".join(path) for path, _ in entries if path]
        advice = f"it has weights in {', '.join(named)}" if named else "leave weights_key= out"
        raise UsageError(f"{model}: {file} has no weights called {weights_key!r}; {advice}")
    if not entries:
        whole = [key for key in ENTRIES if isinstance(content.get(key), _Replaced)]
        if whole:
            raise ModelError(
                f"{file} holds a whole network ({content[whole[0]].named}), which could run code; save its "
                f"state_dict(); {_EXPECTED}"
            )
        others = [str(key) for key, value in content.items() if _is_state(value)]
        if others:
            raise UsageError(
                f"{model}: the weights in {file} are under {name_some(others)}; say which with weights_key={others[0]}"
            )
        replaced = {value.named for value in content.values() if isinstance(value, _Replaced)}
        held = f"only {name_some([str(key) for key in content])}" if content else "nothing at all"
        kinds = f" of {name_some(sorted(replaced))}" if replaced else ""
        raise ModelError(f"{file} holds no tensors, {held}{kinds}; {_EXPECTED}")
    if wanted and len(entries) > 1:
        counts = [max(_prefixes(state, wanted).values(), default=0) for _, state in entries]
        entries = [
            entry for entry, count in zip(entries, counts, strict=True) if 2 * count >= max(max(counts), 1)
        ] or entries
    path, state = entries[0]
    others = [".".join(path) for path, _ in entries[1:]]
    if all(_equal(state, other) for _, other in entries[1:]):
        notes = [f"the same weights are in {', '.join(others)}"] if others else []
        return path, state, None, notes
    names = [".".join(path), *others]
    raise UsageError(
        f"{model}: {file} has weights in {' and '.join(names)}, which differ; say which with "
        f"{' or '.join(f'weights_key={name}' for name in names)}"
    )


def _follow(content: Any, weights_key: str) -> tuple[tuple[str, ...], str | None]:
    """Follow the keys in a dotted name as far as they lead; return the keys and the rest of the name."""
    path: tuple[str, ...] = ()
    rest = weights_key
    while rest and isinstance(content, Mapping) and not _is_state(content):
        keys = [
            key for key in content if isinstance(key, str) and (rest == key or rest.startswith(f"{key}."))
        ]
        if not keys:
            break
        key = max(keys, key=len)
        content, path, rest = content[key], (*path, key), rest[len(key) + 1 :]
    while isinstance(content, Mapping) and not rest:  # ema: {module: {...}}
        below = list(_entries(content))
        if len(below) != 1 or not below[0][0]:
            break
        path, content = (*path, *below[0][0]), below[0][1]
    return path, rest or None


def _equal(first: "State", second: "State") -> bool:
    import torch

    return first.keys() == second.keys() and all(
        isinstance(value, torch.Tensor)
        and isinstance(second[name], torch.Tensor)
        and torch.equal(value, second[name])
        for name, value in first.items()
    )


def _prefixes(names: Collection[str], wanted: Collection[str]) -> Counter[str]:
    """Count the names that are names of the network behind each prefix."""
    counts: Counter[str] = Counter()
    for name in names:
        start = 0
        while True:
            if name[start:] in wanted:
                counts[name[:start]] += 1
            dot = name.find(".", start)
            if dot < 0:
                break
            start = dot + 1
    return counts


def _strip(
    state: "dict[str, torch.Tensor]",
    wanted: set[str],
    asked: str | None,
    notes: list[str],
    file: Path,
    model: str,
) -> Checkpoint:
    if asked is not None:
        prefix = f"{asked}."
        state = {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
        if not state:
            raise UsageError(f"{model}: no weight in {file} has a name that starts with {prefix!r}")
        notes = [*notes, f"the weights are those behind the prefix {prefix!r}"]
        wrapped = _strip(state, wanted, None, [], file, model)
        return Checkpoint(wrapped.state, [*notes, *wrapped.notes], wrapped.hint)
    counts = _prefixes(state, wanted)
    best = max(counts.values(), default=0)
    prefixes = sorted(prefix for prefix, count in counts.items() if count == best)
    if 2 * best < max(len(wanted), 1):  # the names of another program
        return Checkpoint({_without_wrappers(name): value for name, value in state.items()}, notes)
    if "" in prefixes:
        return Checkpoint(state, notes)
    if len(prefixes) > 1:
        options = " or ".join(f"weights_key={prefix.removesuffix('.')}" for prefix in prefixes)
        raise UsageError(
            f"{model}: {file} has weights of the network behind {len(prefixes)} prefixes; say which with {options}"
        )
    (prefix,) = prefixes
    if not _is_wrapper(prefix):
        named = prefix.removesuffix(".")
        return Checkpoint(
            state, notes, f"; weights_key={named} takes the weights behind the prefix {prefix!r}"
        )
    kept = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    left = [name for name in state if not name.startswith(prefix)]
    notes = [*notes, f"the prefix {prefix!r} is removed from their names"]
    if left:
        notes.append(f"{len(left)} other weights are left out: {name_some(left)}")
    return Checkpoint(kept, notes)


def _without_wrappers(name: str) -> str:
    while name.startswith(_WRAPPERS):
        name = name[name.index(".") + 1 :]
    return name


def _is_wrapper(prefix: str) -> bool:
    while prefix:
        for part in PREFIXES:
            if prefix.startswith(part):
                prefix = prefix[len(part) :]
                break
        else:
            return False
    return True
