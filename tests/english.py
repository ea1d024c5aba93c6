"""Linter of plain English for docstrings, comments, messages, help texts, templates, studies and documentation.

Run ``python tests/english.py [PATH ...]`` to list the sentences and names that break a rule. CONTRIBUTING.md explains
the rules.
"""

import ast
import inspect
import io
import re
import sys
import tokenize
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("neuroalign", "benchmarks", "model_zoo", "docs", "tests")
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml")
SUFFIXES = (".py", ".md", ".html", ".js", ".toml")
#: Files and folders that are not checked: other programs' code, and this file with its test, which contain the faults.
SKIPPED = (".venv", "vendor", "_build", "bundled", "english.py", "test_english.py")

#: Phrases that break a rule, each with the remedy.
PHRASES = {
    r"\b(?<!no matter )what\b(?!(?:[^.!?|\n]|\n(?!\n)){0,200}\?)": "name the thing in place of 'what'",
    r"\b(?<!so )(that|those) of\b(?! course)": "repeat the noun in place of 'that of' or 'those of'",
    r"\bwhose\b": "write 'with', 'where' or a second sentence in place of 'whose'",
    r"\b(whatever|whichever|whoever|whomever|of whom)\b": "write 'any' or 'every', or name the person",
    r"\banew\b": "write 'again'",
    r"(?<!\bthere )\b(is|are|was|were) no\b"
    r"(?! (longer|more|matter|fewer|less|greater|larger|smaller|higher|lower|better|worse|earlier|later)\b)": (
        "write 'is not a' or 'has no'"
    ),
    r"\bcan(not)? be had\b": "write 'is available'",
    r"\b(is|are|was|were|be|been) told\b": "name the subject that says it",
    r"(?<!\bthere )\b(has|have|had|takes?|needs?|is|are|gives?|with) (?-i:none)\b": "repeat the noun after 'no'",
    r"\black for\b": "write 'are missing because'",
    r"\b(must needs|save for|but for|nought|thereof|therein|wherein|hitherto|lest|it is so that)\b": (
        "use a modern phrase"
    ),
    r"\bnor (is|are|was|were|do|does|did|has|have|can|may|will)\b": "write 'and … not'",
    r"(?:\A|[.;:!?]\s+)(?-i:Of|By|In|From|With|To|On) (which|whom)\b": "begin the sentence with its subject",
    r"\bof (yours|ours|theirs)\b": "write 'your', 'our' or 'their' before the noun",
    r"\bstands? beside\b": "write 'is printed next to' or 'is stored with'",
    r"\b(comes?|came|coming) of\b": "write 'results from' or 'is caused by'",
    r"\bnot to be (read|had|done|interpreted)\b": "write 'must not be …'",
    r"(?:\A|[.!?] )(?-i:Says|Tells) (?-i:[a-z])": "begin the sentence with its subject",
}
#: Names of variables and arguments that say nothing; a variable is named after the thing in it.
NAMES = "each of found known them told it those these what whose whom other_one which that"
#: First words of a module's docstring that do not begin a noun phrase, unless a word of AFTER_NOUNS follows.
NOT_NOUNS = (
    "what how whether which where who whose why when is are do does "
    "add adds ask asks bring brings build builds check checks choose chooses compare compares compute computes "
    "convert converts count counts decide decides describe describes download draws estimate estimates explain "
    "explains find finds fit fits generate generates get gets give gives import imports join joins keep keeps list "
    "lists load loads look looks make makes measure measures move moves parse parses pick print prints put puts "
    "rank ranks read reads render renders return returns run runs say says score select selects send show shows "
    "simulate simulates take takes tell tells test tests train trains turn turns write writes yield yields"
)
AFTER_NOUNS = "of for from by and as at between in on over under with without that"
#: Packages with a public interface: functions and classes in their ``__all__`` document every parameter and result.
PUBLIC = ("", "arrays", "comparison", "metrics", "reporting/figures", "stats")

_NAMES, _NOT_NOUNS, _AFTER_NOUNS = (frozenset(words.split()) for words in (NAMES, NOT_NOUNS, AFTER_NOUNS))
_PHRASES = [(re.compile(phrase, re.IGNORECASE), remedy) for phrase, remedy in PHRASES.items()]
# A description that begins with "Of": a whole text, or the first row below a parameter.
_BARE_OF = re.compile(r"(?:\A\s*|^( *)[^\s].*\n\1 +)(Of) [a-z`]", re.MULTILINE)
_CODE = re.compile(r"``[^`]*``|`[^`\n]*`|https?://\S+|^[ \t]*(>>>|\.\.\. ).*$", re.MULTILINE)
_PAGE_CODE = re.compile(
    r"^(```|~~~).*?^\1|``[^`]*``|`[^`\n]*`|https?://\S+|\]\([^)\n]*\)|<!--.*?-->|^>.*$"
    r"|[\"“](?:[^\"“”\n]|\n(?!\n)){1,300}[\"”]",
    re.DOTALL | re.MULTILINE,
)
# Indented code below a paragraph; below an entry of a list it would be a second paragraph.
_INDENTED = re.compile(r"^((?![-*+] |\d+\. | )[^\n]+\n\n)((?: {4}[^\n]*(?:\n|\Z)|\n(?= {4}))+)", re.MULTILINE)
_TAG = re.compile(r"<(script|style)\b.*?</\1>|\{#|#\}|<[^>]*>|\{[{%].*?[%}]\}", re.DOTALL)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_LOOP = re.compile(r"\{%-?\s*for\s+([\w, ]+?)\s+in\b")


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def check_text(text: str) -> Iterator[tuple[int, str]]:
    """Yield the offset of each phrase that breaks a rule, with the remedy."""
    for phrase, remedy in _PHRASES:
        for match in phrase.finditer(text):
            yield match.start(), f"{' '.join(match.group().split())!r}: {remedy}"
    for match in _BARE_OF.finditer(text):
        yield match.start(2), "a description starts with a noun, not with 'Of'"


def _check_at(text: str, line: int) -> Iterator[tuple[int, str]]:
    if " " in text.strip():
        for offset, remedy in check_text(text):
            yield line + text.count("\n", 0, offset), remedy


def check_module(source: str, public: Collection[str] = ()) -> Iterator[tuple[int, str]]:
    """Yield the line of each comment, string, docstring or name of a module that breaks a rule, with the remedy.

    Parameters
    ----------
    source : str
        Source of the module.
    public : collection of str
        Functions and classes with a docstring that must document every parameter and result.
    """
    tree = ast.parse(source)
    first, second = [*(ast.get_docstring(tree) or "").lower().split(maxsplit=2), "", ""][:2]
    if first.strip(",:") in _NOT_NOUNS and second not in _AFTER_NOUNS:
        yield 1, f"the docstring of a module is a noun phrase, and does not start with '{first} {second}'"
    elif "?" in (ast.get_docstring(tree) or "").split("\n\n")[0].split("``")[0]:
        yield 1, "the docstring of a module is a noun phrase, not a question"
    nodes = [*ast.walk(tree)]
    joined = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values)
            yield from _check_at(text, node.lineno)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in joined:
            yield from _check_at(_CODE.sub(lambda m: _blank(m.group()), node.value), node.lineno)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in _NAMES:
            yield node.lineno, f"variable {node.id!r}: name the thing in it"
        elif isinstance(node, ast.arg) and node.arg in _NAMES:
            yield node.lineno, f"argument {node.arg!r}: name the thing in it"
    for line, comment in _comments(source):
        yield from _check_at(_CODE.sub(lambda m: _blank(m.group()), comment), line)
    for node in tree.body:
        # The last definition of an overloaded function has its docstring.
        is_overload = (
            any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)
            if isinstance(node, ast.FunctionDef)
            else False
        )
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in public and not is_overload:
            yield from ((node.lineno, remedy) for remedy in _check_docstring(node))


def _comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield the comments of a module, comments in successive lines as one."""
    block, start, last = "", 0, 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            text = token.string.lstrip("#: ")
            if block and token.start[0] == last + 1:
                block += "\n" + text
            else:
                if block:
                    yield start, block
                block, start = text, token.start[0]
            last = token.start[0]
    if block:
        yield start, block


def _check_docstring(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    """Yield the faults of the sections of a public docstring, in the format of numpydoc."""
    text = ast.get_docstring(node) or ""
    sections = _sections(text)
    if isinstance(node, ast.FunctionDef):
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        documented = re.findall(
            r"\w+", " ".join(entry.split(" : ")[0] for entry, _ in sections.get("Parameters", []))
        )
        for name in names:
            if name not in documented:
                yield f"parameter {name!r} of {node.name} is not documented"
        returns = ast.unparse(node.returns) if node.returns else "None"
        if returns != "None" and not {"Returns", "Yields"} & {*sections}:
            yield f"the docstring of {node.name} has no section 'Returns'"
    for entry, description in sections.get("Parameters", []):
        if not description:
            yield f"parameter {entry.split(' : ')[0]!r} of {node.name} has no description"
    for entry, description in [*sections.get("Returns", []), *sections.get("Yields", [])]:
        # A class documents itself; any other result needs words.
        if not description and not re.fullmatch(r"(\w+ : )?[A-Z]\w+", entry):
            yield f"result {entry!r} of {node.name} has no description"


def _sections(text: str) -> dict[str, list[tuple[str, str]]]:
    """Return the entries of each section of a docstring: its first line and its description."""
    sections: dict[str, list[tuple[str, str]]] = {}
    lines = inspect.cleandoc(text).splitlines()
    name = ""
    for row, following in zip(lines, [*lines[1:], ""], strict=True):
        if re.fullmatch(r"-{3,}", following):
            name = row
            sections[name] = []
        elif name and row and not row.startswith((" ", "---")):
            sections[name].append((row, ""))
        elif name and row.strip() and sections[name]:
            entry, description = sections[name][-1]
            sections[name][-1] = entry, f"{description} {row.strip()}".strip()
    return sections


def check_page(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line of each phrase of a page that breaks a rule; code, quotations and addresses are left out."""
    text = _INDENTED.sub(lambda m: m.group(1) + _blank(m.group(2)), text)
    yield from _check_at(_PAGE_CODE.sub(lambda m: _blank(m.group()), text), 1)


def check_template(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line of each phrase or name of a Jinja template that breaks a rule; tags are left out."""

    def keep_quoted(match: re.Match[str]) -> str:
        tag, kept = match.group(), list(_blank(match.group()))
        if not match.group(1):
            for quoted in _QUOTED.finditer(tag):
                kept[quoted.start() + 1 : quoted.end() - 1] = quoted.group()[1:-1]
        return "".join(kept)

    yield from _check_at(_TAG.sub(keep_quoted, text), 1)
    for match in _LOOP.finditer(text):
        for name in _NAMES.intersection(match.group(1).replace(",", " ").split()):
            yield text.count("\n", 0, match.start()) + 1, f"variable {name!r}: name the thing in it"


def check_plain(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line of each phrase of a study, a script or a settings file that breaks a rule."""
    yield from _check_at(re.sub(r"`[^`\n]*`|https?://\S+", lambda m: _blank(m.group()), text), 1)


@cache
def list_public_names() -> dict[Path, set[str]]:
    """Return for each module the names that a public package exports, by ``__all__`` or its table of lazy imports."""
    names: dict[Path, set[str]] = {}
    for package in PUBLIC:
        tree = ast.parse((ROOT / "neuroalign" / package / "__init__.py").read_text(encoding="utf-8"))
        modules: dict[str, str] = {}
        exported: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                modules |= {alias.asname or alias.name: node.module for alias in node.names}
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                exported |= {str(c.value) for c in ast.walk(node.value) if isinstance(c, ast.Constant)}
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_PUBLIC":
                modules |= ast.literal_eval(node.value)
                exported |= {*ast.literal_eval(node.value)}
        for name in exported & {*modules}:
            path = ROOT / modules[name].replace(".", "/")
            file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            names.setdefault(file, set()).add(name)
    return names


def check_file(path: Path) -> list[str]:
    """Return one line for each place of a file that breaks a rule: file, line and remedy."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        faults = check_module(text, list_public_names().get(path, set()))
    elif path.suffix == ".md":
        faults = check_page(text)
    else:
        faults = check_template(text) if path.suffix == ".html" else check_plain(text)
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return [f"{name}:{line}: {remedy}" for line, remedy in sorted(set(faults))]


def list_files(arguments: list[str]) -> list[Path]:
    """Return the files below the paths, or of the whole project."""
    roots = [Path(argument).resolve() for argument in arguments] or [
        ROOT / name for name in (*FOLDERS, *PAGES)
    ]
    paths = [p for root in roots for p in ([root] if root.is_file() else sorted(root.rglob("*.*")))]
    return [p for p in paths if p.suffix in SUFFIXES and not {*p.parts} & {*SKIPPED}]


if __name__ == "__main__":
    lines = [line for path in list_files(sys.argv[1:]) for line in check_file(path)]
    print("\n".join(lines))
    print(f"{len(lines)} places", file=sys.stderr)
