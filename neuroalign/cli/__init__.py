"""Command line of neuroalign, which parses arguments, calls the library and prints.

Results go to standard output, progress and notes to standard error. Exit codes: 0 success, 1 the
computation failed, 2 the call was wrong. Commands are imported only when they are used, so that ``--help`` is quick.
"""

import importlib
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any, TextIO

import click

from neuroalign.cli.output import printable_streams
from neuroalign.errors import NeuroalignError, NeuroalignWarning
from neuroalign.files.home import full_disk, home, is_full

_COMMANDS = {
    "score": ("neuroalign.cli.score", "score", "Score a model on a dataset."),
    "leaderboard": (
        "neuroalign.cli.leaderboard",
        "leaderboard",
        "Rank the models that were scored on a dataset.",
    ),
    "compare": ("neuroalign.cli.compare", "compare", "Compare two models, in words."),
    "units": ("neuroalign.cli.units", "units", "Describe each unit of a model, or each neuron."),
    "figures": ("neuroalign.cli.figures", "figures", "Draw the figures that stored scores support."),
    "reproduce": ("neuroalign.cli.reproduce", "reproduce", "Run a whole study, and write its report."),
    "results": ("neuroalign.cli.results", "results", "Exchange scores with other laboratories."),
    "list": (
        "neuroalign.cli.catalogue",
        "list_names",
        "List models, datasets, benchmarks, or a network's layers.",
    ),
    "info": ("neuroalign.cli.catalogue", "info", "Describe a model, a dataset or a benchmark."),
    "cite": ("neuroalign.cli.cite", "cite", "Print BibTeX of benchmarks, datasets and models."),
    "data": ("neuroalign.cli.data", "data", "Add and manage your own recordings."),
    "train": ("neuroalign.cli.train", "train", "Train a family of models on a dataset's images."),
    "cache": ("neuroalign.cli.cache", "cache", "Show or clear stored latents and scores."),
}


class _LazyGroup(click.Group):
    """A group of commands that are imported when they are called, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from neuroalign.errors import unknown_name

            raise unknown_name("command", args[0], _COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in _COMMANDS.items()])


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""\b
Start with:
  neuroalign list models
  neuroalign score beta_vae AM-faces
  neuroalign leaderboard AM-faces
  neuroalign data add --help
Help on a command: neuroalign COMMAND --help
""",
)
@click.version_option(package_name="neuroalign", message="%(prog)s %(version)s")
def cli() -> None:
    """Compare neural networks with neural recordings, unit by neuron.

    Does a single unit of this model explain a single neuron?
    """


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit: 0 success, 1 the computation failed, 2 the call was wrong."""
    sys.exit(run(args))


def run(args: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    with printable_streams(), warnings.catch_warnings():
        # Warnings of other libraries are for developers; neuroalign's own notes are for the user.
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", NeuroalignWarning)
        warnings.showwarning = _show_note
        if any("\0" in word for word in args or ()):
            _complain("an argument has the character NUL, which no name or path has; leave it out")
            return 2
        try:
            # Tables for a paper state the command.
            words = sys.argv[1:] if args is None else list(args)
            outcome: Any = cli.main(args=args, prog_name="neuroalign", standalone_mode=False, obj=words)
            return outcome if isinstance(outcome, int) else 0
        except click.ClickException as error:
            error.show()
            return 2
        except NeuroalignError as error:
            _complain(str(error))
            if os.environ.get("NEUROALIGN_TRACEBACK") and error.__cause__ is not None:
                traceback.print_exception(error.__cause__)
            return error.exit_code
        except (click.Abort, KeyboardInterrupt):
            _complain("interrupted")
            return 130
        except BrokenPipeError:
            sys.stderr.close()
            return 1
        except OSError as error:
            if is_full(error):
                _complain(str(full_disk(error, Path(error.filename or home()))))
                return 1
            where = f" ({error.filename})" if error.filename else ""
            _complain(f"{error.strerror or error}{where}")
            return 1
        except MemoryError as error:
            _complain(
                f"there is not enough memory: {error or 'free some, or take a smaller part of the data'}"
            )
            return 1
        except SystemExit as error:
            _complain(
                f"a model or plug-in ends the command by sys.exit({error.code!r}); leave the call out of its code"
            )
            return 1
        except BaseException as error:
            if os.environ.get("NEUROALIGN_TRACEBACK"):
                raise
            _complain(
                f"a fault of neuroalign, {type(error).__name__}: {error}; please report it with the output of the same "
                "command after: export NEUROALIGN_TRACEBACK=1"
            )
            return 1


def _complain(message: str) -> None:
    click.echo(f"neuroalign: {' '.join(message.split())}", err=True)


_shown: set[str] = set()


def _show_note(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    text = " ".join(str(message).split())
    if issubclass(category, NeuroalignWarning) and text not in _shown:
        _shown.add(text)
        click.echo(f"neuroalign: note: {text}", err=True)
