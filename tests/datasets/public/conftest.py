"""A local server with faults, and a list of small made-up recordings."""

import hashlib
import io
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from neuroalign.datasets.public import downloading, listing

ROOT = "https://example.org/fixed-commit/"


class Server:
    """A server on this machine, with files by path and a fault by path."""

    def __init__(self):
        self.files = {}
        self.faults = {}
        self.requests = []
        files, faults, requests = self.files, self.faults, self.requests

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                requests.append((self.path, self.headers))
                # A proxy gets the whole address.
                path = urlsplit(self.path).path
                fault = faults.get(path)
                if isinstance(fault, list):  # one fault for each attempt
                    fault = fault.pop(0) if fault else None
                (fault or send)(self, files.get(path))

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.block_on_close = False
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def send(handler, content):
    """Answer with the whole file, or with 404."""
    handler.send_response(404 if content is None else 200)
    handler.send_header("Content-Length", str(len(content or b"")))
    handler.end_headers()
    handler.wfile.write(content or b"")


def truncated(handler, content):
    """Answer with half of the file, as if it were the whole."""
    send(handler, content[: len(content) // 2])


def corrupted(handler, content):
    """Answer with one bit turned."""
    send(handler, content[:-1] + bytes([content[-1] ^ 1]))


def longer(handler, content):
    """Answer with a file that is longer than listed."""
    send(handler, content + bytes(1000))


def endless(handler, content):
    """Answer without a length until the client closes the connection."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    try:
        for _ in range(10_000):
            handler.wfile.write(bytes(100_000))
    except OSError:
        return


def dropped(handler, content):
    """Announce the whole file, and close the connection midway."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.wfile.flush()
    handler.close_connection = True


def hung(handler, content):
    """Stop in the middle of the file for longer than the client waits."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.wfile.flush()
    time.sleep(1)
    handler.close_connection = True


def slow(handler, content):
    """Answer in small parts with pauses."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    for start in range(0, len(content), len(content) // 4 + 1):
        handler.wfile.write(content[start : start + len(content) // 4 + 1])
        handler.wfile.flush()
        time.sleep(0.02)


def status(code):
    """Make an answer with an HTTP status and no file."""

    def answer(handler, content):
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def redirect(location):
    """Make an answer that sends the client to another address."""

    def answer(handler, content):
        handler.send_response(302)
        handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@pytest.fixture
def server(monkeypatch):
    """A server that replaces the public servers; failed attempts are not repeated, and patience is short."""
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    started = Server()
    monkeypatch.setenv("NEUROALIGN_MIRROR", started.url)
    monkeypatch.setattr(downloading, "RETRIES", 0)
    monkeypatch.setattr(downloading, "TIMEOUT", 0.3)
    yield started
    started.close()


def npy(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def images(n):
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    with zipfile.ZipFile(file, "w") as archive:
        for number, picture in enumerate(pixels, start=1):
            encoded = io.BytesIO()
            Image.fromarray(picture).save(encoded, "PNG")
            # Not padded: image10 is the tenth.
            archive.writestr(f"image{number}.png", encoded.getvalue())
    return file.getvalue()


@pytest.fixture
def listed(server, tmp_path, monkeypatch):
    """A list with a collection of two made-up sessions, and one recording without images; the server has their files.

    Returns
    -------
    dict
        Values of the responses by name.
    """
    rng = np.random.default_rng(1)
    values = {
        "made2023-a": rng.normal(size=(3, 12)),
        "made2023-b": rng.normal(size=(2, 12)),
        "plain2020": rng.normal(size=(4, 5)),
    }
    text = []
    for collection, members in {
        "made2023": ("made2023-a", "made2023-b"),
        "plain2020": ("plain2020",),
    }.items():
        text.append(
            f'[{collection}]\ndescription = "Made up."\nsource = "https://example.org/{collection}"\n'
            f'licence = "CC0 of {collection}"\ncitation = "Nobody (2023) on {collection}"\nroot = "{ROOT}"\n'
            'options = { region = "V4", axes = ["neuroid", "stimulus"] }\n'
        )
        for name in members:
            files = {"responses": (f"{name}/cells.npy", npy(values[name]))}
            if collection == "made2023":
                files["images"] = (f"{name}/images.zip", images(12))
            text.append(f'[[{collection}.recordings]]\nname = "{name}"\nsummary = "a few neurons"\n')
            if collection == "made2023":
                text.append('options = { animal = "WE", image_order = "number" }\n')
            for role, (path, content) in files.items():
                server.files[f"/fixed-commit/{path}"] = content
                sha256 = hashlib.sha256(content).hexdigest()
                entry = f'{{ path = "{path}", bytes = {len(content)}, sha256 = "{sha256}" }}'
                text.append(f"{role} = [{entry}]\n" if role == "responses" else f"{role} = {entry}\n")
    (tmp_path / "list.toml").write_text("\n".join(text), encoding="utf-8")
    monkeypatch.setattr(listing, "LISTED", tmp_path / "list.toml")
    return values
