"""Rules of plain English for docstrings, comments, messages, help texts and documentation.

Run ``python tests/english.py [PATH ...]`` to list the sentences and names that break a rule.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("neuroalign", "benchmarks", "model_zoo", "docs", "tests")
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")

#: Phrases that no sentence has, each with the reason.
PHRASES = {
    r"\b(?<!no matter )what\b(?![^.!]*\?)": "name the thing in place of 'what'",
    r"\b(that|those) of\b(?! (course))": "repeat the noun in place of 'that of' or 'those of'",
    r"\bwhose\b": "write 'with', 'where' or a second sentence in place of 'whose'",
    r"\banew\b": "write 'again'",
    r"\bwhatever\b": "write 'any' or 'every'",
    r"\b(is|are|was|were) no\b"
    r"(?! (longer|more|matter|fewer|less|greater|larger|smaller|higher|lower|better|worse))": (
        "write 'is not a' or 'has no'"
    ),
    r"\bcan(not)? be had\b": "write 'is available'",
    r"\b(is|are|was|were|be|been) told\b": "name the subject that says it",
    r"\b(has|have|had|takes?|needs?|is|are|gives?|with) none\b": "repeat the noun after 'no'",
    r"\bthat is none\b": "repeat the noun",
    r"\black for\b": "write 'are missing because'",
    r"\b(must needs|save for|but for|nought|thereof|therein|wherein|hitherto)\b": "use a modern phrase",
}
#: Names of variables that say nothing; a variable is named after the thing in it.
NAMES = frozenset(
    [
        "each",
        "of",
        "found",
        "known",
        "them",
        "told",
        "it",
        "those",
        "these",
        "what",
        "whose",
        "other_one",
        "which",
    ]
)
#: A description that consists of a bare "Of ...".
BARE_OF = re.compile(r"^\s+Of (the|that|those|a|an|its|each|all|one|this|these|such|every)\b")

_PHRASES = [(re.compile(phrase, re.IGNORECASE), reason) for phrase, reason in PHRASES.items()]


def check_text(text: str) -> Iterator[tuple[int, str]]:
    """Yield the offset of each phrase that breaks a rule, with the reason."""
    for phrase, reason in _PHRASES:
        for match in phrase.finditer(text):
            yield match.start(), f"{' '.join(match.group().split())!r}: {reason}"


def check_module(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line of each comment, string or name of a module that breaks a rule, with the reason."""
    tree = ast.parse(source)
    joined = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
            yield from _check_string(text, node.lineno)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in joined:
            yield from _check_string(node.value, node.lineno)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in NAMES:
            yield node.lineno, f"variable {node.id!r}: name the thing in it"
        elif isinstance(node, ast.arg) and node.arg in NAMES:
            yield node.lineno, f"argument {node.arg!r}: name the thing in it"
    comments = ""
    first, last = 0, 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if comments and token.start[0] == last + 1:
                comments += "\n" + token.string.lstrip("#: ")
            else:
                yield from _check_string(comments, first)
                comments, first = token.string.lstrip("#: "), token.start[0]
            last = token.start[0]
    yield from _check_string(comments, first)


def _check_string(text: str, line: int) -> Iterator[tuple[int, str]]:
    if " " not in text.strip():
        return
    for offset, reason in check_text(text):
        yield line + text.count("\n", 0, offset), reason
    for number, row in enumerate(text.splitlines()):
        if BARE_OF.match(row):
            yield line + number, "a description starts with a noun, not with 'Of'"


def check_page(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line of each phrase of a page that breaks a rule, with the reason; code is left out."""
    blank = re.sub(
        r"```.*?```|`[^`\n]*`|^>.*$", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S | re.M
    )
    for offset, reason in check_text(blank):
        yield blank.count("\n", 0, offset) + 1, reason


def check(paths: list[Path]) -> list[str]:
    """Return one line for each place that breaks a rule: file, line and reason."""
    lines = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        found_in = check_module(text) if path.suffix == ".py" else check_page(text)
        lines += [f"{path}:{line}: {reason}" for line, reason in sorted(set(found_in))]
    return lines


def files(arguments: list[str]) -> list[Path]:
    """Return the modules and pages below the paths, or of the whole project."""
    roots = [Path(a) for a in arguments] or [ROOT / name for name in (*FOLDERS, *PAGES)]
    every = [p for r in roots for p in ([r] if r.is_file() else sorted([*r.rglob("*.py"), *r.rglob("*.md")]))]
    return [p for p in every if ".venv" not in p.parts and p.name != "english.py"]


if __name__ == "__main__":
    result = check(files(sys.argv[1:]))
    print("\n".join(result))
    print(f"{len(result)} places", file=sys.stderr)
