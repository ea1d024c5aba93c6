"""Output of commands.

No control character of a name, an error or a plug-in reaches the terminal.
"""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import click

from neuroalign.errors import printable


class PrintableStream:
    """Text stream that writes control characters and lone surrogates as visible text.

    Parameters
    ----------
    unfiltered : text stream
        Stream that receives the text. Progress bars, which move the cursor, use it directly.
    """

    encoding = "utf-8"
    errors = "strict"

    def __init__(self, unfiltered: TextIO) -> None:
        self.unfiltered = unfiltered

    def write(self, text: str) -> int:
        """Write text, and return the number of its characters."""
        encoding = getattr(self.unfiltered, "encoding", None) or "utf-8"
        self.unfiltered.write(printable(text).encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Pass on the text that the stream holds back."""
        self.unfiltered.flush()

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self.unfiltered.isatty()

    def fileno(self) -> int:
        """Return the number of the stream in the system."""
        return self.unfiltered.fileno()

    def close(self) -> None:
        """Close the stream."""
        self.unfiltered.close()

    @property
    def closed(self) -> bool:
        """Whether the stream is closed."""
        return self.unfiltered.closed

    def readable(self) -> bool:
        """Return False."""
        return False

    def writable(self) -> bool:
        """Return True."""
        return True


@contextmanager
def printable_streams() -> Iterator[None]:
    """Let everything that Python writes to standard output and standard error pass through :class:`PrintableStream`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        stream if stream is None or isinstance(stream, PrintableStream) else PrintableStream(stream)
        for stream in before
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def typed_command() -> str:
    """Return the running command as it was typed, with quotes where a shell needs them; empty outside a command."""
    context = click.get_current_context(silent=True)
    words = None if context is None else context.find_root().obj
    return shlex.join(["neuroalign", *words]) if isinstance(words, list) else ""


def echo_with_cautions(text: str) -> None:
    """Print blocks of text; in a terminal, blocks of cautions are bold and red.

    Parameters
    ----------
    text : str
        Blocks with an empty line between them. A block of cautions starts with the word "caution".
    """
    stream = sys.stdout
    if not stream.isatty() or os.environ.get("NO_COLOR"):
        click.echo(text)
        return
    unfiltered = getattr(stream, "unfiltered", stream)
    for i, block in enumerate(text.split("\n\n")):
        stream.write("\n\n" if i else "")
        # The colour goes around the filter, the words go through it.
        is_caution = block.startswith("caution")
        unfiltered.write("\x1b[1;31m" if is_caution else "")
        stream.write(block)
        unfiltered.write("\x1b[0m" if is_caution else "")
    stream.write("\n")
