"""Download of a file with a known size and checksum, complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from neuroalign.errors import DownloadError, UsageError
from neuroalign.progress import byte_bar

if TYPE_CHECKING:
    from neuroalign.datasets.public.listing import PublicFile

#: Environment variable with the scheme and host of a server that has the same paths as the public servers.
MIRROR = "NEUROALIGN_MIRROR"

#: Seconds without an answer, or without further bytes, after which an attempt ends.
TIMEOUT = 30.0

#: Attempts after the first, each some seconds later. A refusal by the server (404, 403, …) is not repeated.
RETRIES = 2

_CHUNK = 1 << 16
_REPEATED = (408, 425, 429)


class _Damaged(ValueError):
    """A download that another attempt may correct."""


def download(file: PublicFile, folder: Path) -> Path:
    """Download a file into a folder, unless the folder has it already.

    The file appears in the folder only when its size and its checksum are correct. The variables HTTP_PROXY,
    HTTPS_PROXY and NO_PROXY name proxies. NEUROALIGN_MIRROR names a server that replaces the server of the address.

    Parameters
    ----------
    file : PublicFile
    folder : Path
        Folder for the files of one recording, in a folder for all downloads. Both are made if they are missing.

    Returns
    -------
    Path
        Path of the file.

    Raises
    ------
    DownloadError
        If the server cannot be reached, does not have the file, or sends another file. Nothing is left behind.
    UsageError
        If NEUROALIGN_MIRROR is not the address of a server.
    """
    import pooch
    from requests import exceptions

    url = mirrored(file.url)
    pooch.get_logger().setLevel("ERROR")
    fetcher = pooch.Pooch(
        path=folder,
        base_url="",
        registry={file.name: f"sha256:{file.sha256}"},
        urls={file.name: url},
        retry_if_failed=RETRIES,
    )
    try:
        return Path(fetcher.fetch(file.name, downloader=_bounded(file)))
    except exceptions.RequestException as error:
        raise DownloadError(_explain(error, file, url)) from error
    except _Damaged as error:
        raise DownloadError(f"{error}; try again later") from error
    except ValueError as error:
        raise DownloadError(
            f"{_shown(url)} is not the listed file: its SHA-256 differs from {file.sha256[:12]}…; try again later"
        ) from error
    finally:
        with suppress(OSError):  # folders with files stay
            folder.rmdir()
            folder.parent.rmdir()


def mirrored(url: str) -> str:
    """Return an address with the scheme and host of NEUROALIGN_MIRROR, or unchanged without this variable.

    Raises
    ------
    UsageError
        If the variable is not the address of a server.
    """
    mirror = os.environ.get(MIRROR)
    if not mirror:
        return url
    try:
        server = urlsplit(mirror)
        # The port is read here because a wrong one is an error.
        complete = server.scheme in ("http", "https") and bool(server.hostname) and server.port != 0
    except ValueError:
        complete = False
    if not complete or server.path.strip("/") or server.query or server.fragment:
        raise UsageError(
            f"{MIRROR} must be the address of a server, such as http://host:8000, got {mirror!r}"
        )
    return urlunsplit(urlsplit(url)._replace(scheme=server.scheme, netloc=server.netloc))


def _bounded(file: PublicFile) -> Callable[[str, str, object], None]:
    """Return a downloader for pooch that takes no more bytes than the file has."""

    def fetch(url: str, output_file: str, fetcher: object) -> None:
        import pooch
        from requests import exceptions

        # The checksum belongs to the plain bytes.
        get = pooch.HTTPDownloader(
            chunk_size=_CHUNK, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}
        )
        with Path(output_file).open("wb") as opened, byte_bar(file.n_bytes, description=file.name) as bar:
            sink = _Sink(opened.write, file, url, bar.update)
            try:
                get(url, sink, fetcher)
            except exceptions.HTTPError as error:
                status = 0 if error.response is None else error.response.status_code
                if 400 <= status < 500 and status not in _REPEATED:
                    raise DownloadError(_explain(error, file, url)) from error
                raise
        if sink.n_bytes < file.n_bytes:
            raise _Damaged(f"{_shown(url)} ended after {sink.n_bytes:,} of {file.n_bytes:,} bytes")

    return fetch


class _Sink:
    """A file that refuses more bytes than a download may have."""

    def __init__(
        self, write: Callable[[bytes], int], file: PublicFile, url: str, update: Callable[[int], object]
    ) -> None:
        self._write, self._file, self._url, self._update = write, file, url, update
        self.n_bytes = 0

    def write(self, chunk: bytes) -> None:
        """Write a chunk and show the progress."""
        self.n_bytes += len(chunk)
        if self.n_bytes > self._file.n_bytes:
            raise DownloadError(
                f"{_shown(self._url)} is not the listed file: it has more than {self._file.n_bytes:,} bytes"
            )
        self._write(chunk)
        self._update(len(chunk))

    def flush(self) -> None:
        """Leave the chunks to the buffer of the file."""


def _explain(error: Exception, file: PublicFile, url: str) -> str:
    """Return one line on a failed request, without the text of the library."""
    from requests import exceptions

    server = urlsplit(url).hostname
    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return f"{server} does not give {_shown(url)}: HTTP status {error.response.status_code}"
    if isinstance(error, exceptions.Timeout) or "timed out" in str(error).lower():
        return f"{server} sent nothing for {TIMEOUT:g} s while {file.name} was downloaded; try again later"
    if isinstance(error, exceptions.TooManyRedirects):
        return f"{server} redirects {_shown(url)} without end"
    if isinstance(error, exceptions.InvalidSchema):
        return f"{server} redirects {_shown(url)} to an address that is not on the web"
    if isinstance(error, exceptions.ProxyError):
        return (
            f"the proxy does not answer, so {file.name} was not downloaded; check HTTP_PROXY and HTTPS_PROXY"
        )
    if isinstance(error, exceptions.SSLError):
        return f"the certificate of {server} was not accepted, so {file.name} was not downloaded"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return f"{server} broke the connection while {file.name} was downloaded; try again later"
    return (
        f"cannot reach {server} to download {file.name}; check the network, or name a proxy (HTTPS_PROXY) or a mirror "
        f"({MIRROR})"
    )


def _shown(url: str) -> str:
    """Return an address without a user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
