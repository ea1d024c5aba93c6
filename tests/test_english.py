"""Tests of the linter of plain English, and its verdict on every file of the project."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

if not (ROOT / "pyproject.toml").is_file():
    pytest.skip("the source tree is not here", allow_module_level=True)

_spec = importlib.util.spec_from_file_location("english", Path(__file__).parent / "english.py")
assert _spec is not None
assert _spec.loader is not None
english = importlib.util.module_from_spec(_spec)
sys.modules["english"] = english
_spec.loader.exec_module(english)

PATHS = [path.relative_to(ROOT).as_posix() for path in english.list_files([])]

#: A sentence for each phrase that breaks a rule, with the words of the phrase.
SENTENCES = {
    "The command says what is missing.": "what",
    "C of the model is higher than that of the rival.": "that of",
    "The families whose scores differ.": "whose",
    "Cleans up, whatever happens.": "whatever",
    "The models are fitted anew.": "anew",
    "A subset of neurons is no sample.": "is no",
    "The recordings cannot be had.": "cannot be had",
    "The reader is told the reason.": "is told",
    "A new dataset has none.": "has none",
    "Name parts that lack for one reason together.": "lack for",
    "All axes but for the last are turned.": "but for",
    "The score is not shown, nor is its error.": "nor is",
    "By which later runs are planned.": "By which",
    "Import recordings of yours.": "of yours",
    "The error stands beside the score.": "stands beside",
    "A drop may come of the mixing.": "come of",
    "A weak score is not to be read.": "not to be read",
    "Compares two models. Says which scores higher.": ". Says w",
}
#: Sentences that look like a fault and are not.
CLEAN = (
    "What does the score mean?",
    "No matter what the file contains.",
    "If there are no images, the dataset is scored without them.",
    "The axes are no longer special.",
    "NaN where there is none.",
    "The fold is None by default.",
    "Draws of stimuli, so that of 20 draws one fails.",
    "The number of neurons, of which one is constant.",
    "The chance level of C.",
)


@pytest.mark.parametrize("path", PATHS)
def test_file_is_plain_english(path):
    assert english.check_file(ROOT / path) == []


@pytest.mark.parametrize(("sentence", "phrase"), SENTENCES.items())
def test_phrase_is_listed(sentence, phrase):
    (line,) = english.check_module(f'x = 1\nmessage = "{sentence}"\n')
    assert line[0] == 2
    assert line[1].startswith(repr(phrase))
    assert list(english.check_page(sentence)) == [(1, line[1])]


def test_every_phrase_has_an_example():
    remedies = {english.check_text(sentence).__next__()[1].split(": ")[-1] for sentence in SENTENCES}
    assert remedies == set(english.PHRASES.values())


@pytest.mark.parametrize("sentence", CLEAN)
def test_plain_sentence_is_not_listed(sentence):
    assert list(english.check_text(sentence)) == []


@pytest.mark.parametrize(
    ("source", "line", "fault"),
    [
        ("# The rows\n# whose values differ.\n", 2, "'whose': write"),
        ('f"got {x}, whose value is wrong"\n', 1, "'whose': write"),
        ('def f():\n    """Return x.\n\n    The row whose value is x.\n    """\n', 4, "'whose': write"),
        ("for each in rows:\n    pass\n", 1, "variable 'each': name the thing in it"),
        ("rows = [found for found in paths]\n", 1, "variable 'found': name the thing in it"),
        ("def f(told):\n    pass\n", 1, "argument 'told': name the thing in it"),
        ("f = lambda known: 1\n", 1, "argument 'known': name the thing in it"),
        (
            'class Shuffle:\n    """S.\n\n    Parameters\n    ----------\n    seed : int\n        Of the order."""\n',
            7,
            "a description starts with a noun, not with 'Of'",
        ),
        ('option(help="Of those shuffles.")\n', 1, "a description starts with a noun, not with 'Of'"),
        (
            '"""Compare two models."""\n',
            1,
            "the docstring of a module is a noun phrase, and does not start with 'compare two'",
        ),
        (
            '"""How models are compared."""\n',
            1,
            "the docstring of a module is a noun phrase, and does not start with 'how models'",
        ),
        (
            '"""Alignment: does one unit suffice?"""\n',
            1,
            "the docstring of a module is a noun phrase, not a question",
        ),
    ],
)
def test_fault_of_a_module_is_listed(source, line, fault):
    ((listed_line, listed),) = english.check_module(source)
    assert listed_line == line
    assert listed.startswith(fault)


@pytest.mark.parametrize(
    "docstring", ["Tests of the layout.", "Draws of stimuli.", "Axis index: definition."]
)
def test_noun_phrase_of_a_module_is_not_listed(docstring):
    assert list(english.check_module(f'"""{docstring}"""\n')) == []


DOCSTRING = '''
def turn(signal, seed, *, shares) -> np.ndarray:
    """Turn the signal.

    Parameters
    ----------
    signal : array of shape (N, J)
        Signal of the neurons.
    seed : int

    Returns
    -------
    array of shape (N, J)
    """
'''


def test_faults_of_a_public_docstring_are_listed():
    assert [fault for _, fault in english.check_module(DOCSTRING, {"turn"})] == [
        "parameter 'shares' of turn is not documented",
        "parameter 'seed' of turn has no description",
        "result 'array of shape (N, J)' of turn has no description",
    ]
    undocumented = 'def turn() -> int:\n    """Turn the signal."""\n'
    assert list(english.check_module(undocumented, {"turn"})) == [
        (1, "the docstring of turn has no section 'Returns'")
    ]
    assert list(english.check_module(DOCSTRING)) == []


def test_public_names_are_read_from_the_packages():
    public = english.list_public_names()
    assert "load_dataset" in public[ROOT / "neuroalign/datasets/catalogue.py"]
    assert "lasso_cv" in public[ROOT / "neuroalign/metrics/lasso/cv.py"]
    assert all(path.is_file() for path in public)


def test_code_and_quotations_are_left_out():
    page = """# Scores

The option `whose=` and the message "the neuron whose value is NaN", see [scores](whose.md).

```
whose
```

The program prints:

    neuron whose value is NaN

1. A list may have

    a second paragraph, whose words count.
"""
    assert [line for line, _ in english.check_page(page)] == [15]
    docstring = '"""Neurons.\n\n``whose`` is `whose`.\n\n>>> "a string whose value"\n"""\n'
    assert list(english.check_module(docstring)) == []


def test_faults_of_a_template_are_listed():
    template = (
        '<p class="x">The row whose value is {{ whose value }}.</p>\n'
        "<script>whose value</script>\n"
        '<abbr title="a model whose score is weak">!</abbr>\n'
        "{% for each in rows %}{% endfor %}\n"
    )
    assert sorted(line for line, _ in english.check_template(template)) == [1, 3, 4]


def test_faults_of_a_study_are_listed():
    study = '# Families whose instances differ.\nstatement = "C is higher than that of others."\n'
    assert [line for line, _ in english.check_plain(study)] == [2, 1]


def test_command_lists_files_and_lines(tmp_path):
    (tmp_path / "page.md").write_text("Scores are computed anew.\n", encoding="utf-8")
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "other.js").write_text("// whose code\n", encoding="utf-8")
    paths = english.list_files([str(tmp_path)])
    assert [english.check_file(path) for path in paths] == [
        [f"{tmp_path / 'page.md'}:1: 'anew': write 'again'"]
    ]
