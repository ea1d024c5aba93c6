"""Choice of neurons by the quality of their spike sorting, in a condition that is parsed and never executed."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.reader import ReaderOption
from neuroalign.errors import UsageError, count_noun, unknown_name

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

#: Number of characters that an expression may have; Python's parser fails on deep nesting.
_LONGEST = 500

#: Columns of quality labels, in the order in which they count.
LABEL_COLUMNS = ("group", "quality", "KSLabel", "label", "unit_quality", "quality_label")

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}

_EXAMPLE = '--quality good, or --quality "isi_violations <= 0.5 and presence_ratio >= 0.95"'

QUALITY = ReaderOption(
    "quality",
    "Neurons to take: labels of spike sorting (good, or good,mua), 'all', or a condition on columns of the neurons, "
    'such as "isi_violations <= 0.5 and presence_ratio >= 0.95".',
    metavar="LABELS|CONDITION",
)


def choose_units(
    table: pd.DataFrame, quality: str | None, source: str, *, labels: Sequence[str] = LABEL_COLUMNS
) -> tuple[NDArray[np.bool_], list[str]]:
    """Choose neurons by their labels or by a condition on their columns.

    Parameters
    ----------
    table : pandas.DataFrame
        One row for each neuron.
    quality : str, optional
        Labels with commas in between, "all", or a condition with comparisons (``<``, ``<=``, ``>``, ``>=``, ``==``,
        ``!=``, ``in``), ``and``, ``or``, ``not`` and parentheses. By default all neurons.
    source : str
        Name of the recording in messages.
    labels : sequence of str
        Columns that may hold the label of each neuron, in the order in which they count.

    Returns
    -------
    chosen : array of bool, shape (n_neurons,)
        Neurons that lack a value of a column in the condition are left out.
    notes : list of str
        Sentences for the user on the numbers of neurons.

    Raises
    ------
    UnknownNameError
        If the table has no column or no label of a name.
    UsageError
        If the condition cannot be parsed, or no neuron is left.

    Examples
    --------
    >>> import pandas as pd
    >>> from neuroalign.datasets.formats.unit_quality import choose_units
    >>> table = pd.DataFrame({"snr": [1.0, 3.0, 4.0], "quality": ["good", "good", "noise"]})
    >>> choose_units(table, "snr > 2 and quality == 'good'", "the session")[0].tolist()
    [False, True, False]
    """
    import numpy as np

    n = len(table)
    columns = [name for name in labels if name in table]
    if quality is None or quality.strip() == "all":
        notes = [f"All {count_noun(n, 'neuron')} of {source} were taken."]
        if columns and quality is None:
            counts = label_counts(table[columns[0]])
            notes = [f"{notes[0][:-1]}, of any {columns[0]} ({counts}); --quality chooses some."]
        return np.ones(n, dtype=bool), notes
    words = [word.strip() for word in quality.split(",")]
    if all(word.replace("-", "_").isidentifier() for word in words) and words[0] not in table:
        if not columns:
            raise UsageError(
                f"--quality {quality} needs a column of labels ({', '.join(labels)}), and {source} has "
                f"the columns {', '.join(map(str, table.columns)) or 'none'}; give a condition on these"
            )
        stated = table[columns[0]].astype(object)
        existing = {str(label) for label in stated.dropna()}
        for word in words:
            if word not in existing:
                raise unknown_name(f"{columns[0]} of a neuron", word, [*existing, "all"])
        chosen = stated.isin(words).to_numpy()
        used = [columns[0]]
    else:
        chosen, used = _evaluate(quality, table)
    missing = table[used].isna().any(axis=1).to_numpy()
    chosen = chosen & ~missing
    if not chosen.any():
        raise UsageError(f"--quality {quality!r} leaves none of the {count_noun(n, 'neuron')} of {source}")
    notes = [f"{chosen.sum():,} of {count_noun(n, 'neuron')} of {source} were taken (--quality {quality})."]
    if missing.any():
        notes.append(f"{missing.sum():,} of the neurons left out have no value of {' or '.join(used)}.")
    return chosen, notes


def label_counts(labels: pd.Series) -> str:
    """Return the number of neurons of each label as text, such as "3 good, 1 noise, 1 without label"."""
    counts = labels.dropna().astype(str).value_counts().sort_index()
    parts = [f"{count} {label}" for label, count in counts.items()]
    without = int(labels.isna().sum())
    return ", ".join([*parts, *([f"{without} without label"] if without else [])])


def _evaluate(text: str, table: pd.DataFrame) -> tuple[NDArray[np.bool_], list[str]]:
    """Evaluate a condition for each row of a table; also return the columns in the condition."""
    if len(text) > _LONGEST:
        raise UsageError(f"--quality must have at most {_LONGEST} characters, got {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        columns = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for name in columns:
            if name not in table:
                raise unknown_name("column of the neurons", name, [str(column) for column in table.columns])
        return _truth(tree.body, table), sorted(columns)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"--quality must be a condition ({_EXAMPLE}), got {text!r}: {error}") from error


def _truth(node: ast.expr, table: pd.DataFrame) -> NDArray[np.bool_]:
    import numpy as np

    if isinstance(node, ast.BoolOp):
        parts = [_truth(value, table) for value in node.values]
        join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return np.asarray(join.reduce(parts))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ~_truth(node.operand, table)
    if isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        result = np.ones(len(table), dtype=bool)
        for left, comparison, right in zip(operands, node.ops, operands[1:], strict=False):
            result &= _compare(left, comparison, right, table)
        return result
    if isinstance(node, ast.Name) and table[node.id].dropna().isin([0, 1]).all():
        return table[node.id].fillna(0).to_numpy().astype(bool)
    raise ValueError(f"'{ast.unparse(node)}' is not a comparison")


def _compare(left: ast.expr, comparison: ast.cmpop, right: ast.expr, table: pd.DataFrame) -> Any:
    import numpy as np

    if isinstance(comparison, ast.In | ast.NotIn):
        if not isinstance(left, ast.Name):
            raise ValueError("the left side of 'in' must be a column")
        inside = table[left.id].isin(list(ast.literal_eval(right))).to_numpy()
        return ~inside if isinstance(comparison, ast.NotIn) else inside
    if type(comparison) not in _COMPARISONS:
        raise ValueError(f"{type(comparison).__name__} is not a comparison of values")
    a, b = (
        table[side.id].to_numpy() if isinstance(side, ast.Name) else _constant(side) for side in (left, right)
    )
    kinds = [_is_text(side) for side in (a, b)]
    if kinds[0] != kinds[1]:
        raise ValueError(f"'{ast.unparse(left)}' and '{ast.unparse(right)}' are a number and a text")
    with np.errstate(invalid="ignore"):
        compared = _COMPARISONS[type(comparison)](a, b)
    return np.broadcast_to(np.asarray(compared, dtype=bool), len(table))


def _constant(node: ast.expr) -> Any:
    value = ast.literal_eval(node)
    if not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is not a number or a text")
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) if not hasattr(value, "dtype") else value.dtype.kind not in "fiub"
