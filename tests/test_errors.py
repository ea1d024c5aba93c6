"""Exit codes of errors and the parts of their messages."""

import pytest

from neuroalign import errors
from neuroalign.errors import NeuroalignError, UsageError, count_noun, name_some, unknown_name


def test_wrong_calls_exit_with_two_and_failed_work_with_one():
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, NeuroalignError)
    ]
    assert len(kinds) > 5
    assert {kind: kind.exit_code for kind in kinds} == {
        kind: 2 if issubclass(kind, UsageError) else 1 for kind in kinds
    }


def test_messages_cite_the_ends_of_long_cells_alone():
    assert str(UsageError(f"got {'x' * 400}")) == f"got {'x' * 400}"
    assert str(UsageError(f"the cell {'x' * 100_000!r} must be a number")) == (
        f"the cell '{'x' * 199}…{'x' * 99}' must be a number"
    )
    words = " ".join(["word"] * 10_000)
    assert str(NeuroalignError(words)) == f"{words[:2000]}…{words[-1000:]}"


@pytest.mark.parametrize(
    ("name", "existing", "message"),
    [
        ("pcs", ["pca", "ica", "vae"], "no model is called 'pcs'; did you mean pca?"),
        ("PCA", ["pca", "vae"], "no model is called 'PCA'; did you mean pca?"),
        ("am-faces", ["AM-faces", "AM-faces-sim"], "did you mean AM-faces or AM-faces-sim?"),
        ("xyz", ["vae", "pca", "pca"], "no model is called 'xyz'; there are: pca, vae"),
        ("xyz", [], "there are: none"),
    ],
)
def test_an_unknown_name_comes_with_the_nearest_names(name, existing, message):
    error = unknown_name("model", name, existing)
    assert str(error).endswith(message)
    assert isinstance(error, UsageError)
    assert isinstance(error, LookupError)


def test_long_lists_are_cut():
    assert name_some(["a", "b"]) == "a, b"
    assert name_some(list("abcdefg")) == "a, b, c, d, e and 2 more"
    assert name_some([1, 2, 3], most=1) == "1 and 2 more"


def test_nouns_follow_their_number():
    assert [count_noun(n, "neuron") for n in (0, 1, 2)] == ["0 neurons", "1 neuron", "2 neurons"]
    assert count_noun(2, "stimulus", "stimuli") == "2 stimuli"
