"""Commands in the documentation that the command line accepts, and links of its flowchart."""

import ast
import itertools
import re
import shlex
from pathlib import Path
from unittest import mock

import click
import pytest

from neuroalign.cli import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.py"))
_FENCE = re.compile(r"^(```+|:::+)[^\n]*\n(.*?)^\1", re.DOTALL | re.MULTILINE)
#: Signs of a shell after which a line is no longer the command: pipes, redirections and further commands.
_SIGNS = "|>&;"
#: Options of the readers that a page defines.
DEFINED = {"add_a_format.md": "--bin-length"}


def blocks_of(text):
    """Yield the code blocks of a page: fenced ones, and lines that are indented by four spaces."""
    yield from (match.group(2) for match in _FENCE.finditer(text))
    yield "\n".join(row[4:] for row in _FENCE.sub("", text).splitlines() if row.startswith("    "))


def commands_in(block):
    """Yield the commands of neuroalign in a block of code, each as a list of words."""
    joined = re.sub(r"\\\n\s*", " ", block)
    for row in joined.splitlines():
        for part in re.split(r"\s&&\s", row.strip().removeprefix("$ ")):
            if part.startswith("neuroalign ") and "…" not in part and "..." not in part:
                reader = shlex.shlex(part, posix=True, punctuation_chars=_SIGNS)
                reader.whitespace_split = True
                yield list(itertools.takewhile(lambda word: set(word) - set(_SIGNS), reader))[1:]


def collect():
    """Return every command of the documentation, with the page that has it."""
    commands = []
    for path in PAGES:
        for block in blocks_of(path.read_text(encoding="utf-8")):
            commands += [(path.name, words) for words in commands_in(block)]
    for path in TUTORIALS:
        source = path.read_text(encoding="utf-8")
        comments = "\n".join(row.lstrip("# ") for row in source.splitlines() if row.startswith("#"))
        commands += [(path.name, words) for words in commands_in(comments)]
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "run"
                and isinstance(node.args[0], ast.List)
            ):
                # The names of variables stand for paths; a variable with several words is left out.
                words = [
                    item.value if isinstance(item, ast.Constant) else "PATH"
                    for item in node.args[0].elts
                    if not isinstance(item, ast.Starred)
                ]
                commands.append((path.name, words))
    return commands


def parse_only(command, context, words):
    """Parse options and arguments without a conversion of their values, which would look for files."""
    context.meta["parsed"] = command.make_parser(context).parse_args(args=list(words))[:2]
    return []


def complaint(words):
    """Return the reason why the command line refuses a command, or an empty text; nothing is run."""
    if words[:1] in (["--help"], ["-h"], ["--version"]):
        return ""
    command, words = cli, list(words)
    context = click.Context(cli)
    try:
        while isinstance(command, click.Group):
            name = words.pop(0)
            command = command.get_command(context, name)
            if command is None:
                return f"no command {name}"
            context = click.Context(command, info_name=name, parent=context)
        if "--help" in words:
            return ""
        # Commands with a parser of their own end with the parser of click.
        with mock.patch.object(click.Command, "parse_args", parse_only):
            command.parse_args(context, words)
        values, left = context.meta["parsed"]
        if left:
            return f"words that no argument takes: {left}"
        for parameter in command.get_params(context):
            value = values.get(parameter.name)
            # Click marks a missing value by None, an empty tuple or, from version 8.3, a sentinel.
            is_missing = value in (None, ()) or type(value).__name__ == "Sentinel"
            if parameter.required and is_missing:
                return f"missing argument {parameter.human_readable_name}"
            for one in value if isinstance(value, list | tuple) else [value]:
                if isinstance(parameter.type, click.Choice) and not is_missing:
                    parameter.type.convert(one, parameter, context)
    except (click.UsageError, IndexError, ValueError) as error:
        return f"{type(error).__name__}: {getattr(error, 'message', error)}"
    return ""


def test_the_command_line_accepts_every_command_of_the_documentation():
    commands = collect()
    assert len(commands) > 200
    refused = {
        f"{page}: neuroalign {shlex.join(words)}": complaint(words)
        for page, words in commands
        if DEFINED.get(page) not in words
    }
    assert {command: reason for command, reason in refused.items() if reason} == {}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("score pca my-cells --benchmrak ridge", "No such option"),
        ("leaderboard my-cells --format pdf", "not one of"),
        ("compare pca my-cells", "Missing argument"),
        ("data ad my-cells", "no command ad"),
        ("info pca ica", "words that no argument takes"),
    ],
)
def test_a_wrong_command_is_noticed(command, words):
    assert words.lower() in complaint(command.split()).lower()


def test_the_flowchart_links_to_sections_that_exist():
    chart = (ROOT / "docs" / "_static" / "which_benchmark.html").read_text(encoding="utf-8")
    links = re.findall(r'href="(\w+)\.html#([\w-]+)"', chart)
    assert len(links) > 15
    for page, section in links:
        text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
        headings = re.findall(r"^#{1,3} (.*)$", text, re.MULTILINE)
        # Sphinx names a section by its letters and digits, with hyphens between them.
        sections = {re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-") for heading in headings}
        assert section in sections, f"{page}.md has no section {section}"


def test_the_flowchart_is_nested_lists_for_screen_readers():
    chart = (ROOT / "docs" / "_static" / "which_benchmark.html").read_text(encoding="utf-8")
    tags = re.findall(r"<(/?)(ul|li|div|p|span|a|code)\b", chart)
    depth = []
    for closing, tag in tags:
        if closing:
            assert depth.pop() == tag
            continue
        assert (tag == "li") <= (depth[-1:] == ["ul"])
        depth.append(tag)
    assert depth == []
    # Three questions, each with two answers.
    assert chart.count("<li") == 9
    assert chart.count('class="take"') == 6
