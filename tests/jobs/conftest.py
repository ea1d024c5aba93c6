"""A cluster that performs its messages in this process, and files without the times in them."""

import json

import pytest

from neuroalign.files.home import home
from neuroalign.jobs.clusters import Cluster, joined
from neuroalign.jobs.sending import unpack
from neuroalign.jobs.workers import Session, installed_version, perform
from neuroalign.results.store import ResultsStore


class InProcess(Cluster):
    """Cluster of three threads that performs messages in this process, the last message first."""

    kind = "test"
    n_threads = 3

    def __init__(self, session):
        super().__init__(session)
        self.names = []
        self.shared = []

    def ask_workers(self, function, *arguments):
        return {"the worker here": function(*arguments)}

    def submit(self, messages, names, shared):
        self.names.append(list(names))
        self.shared.append(dict(shared))
        data = {}
        for key, message in shared.items():
            data[key] = unpack(message, *(data[own] for own in message.keys))
        for place in reversed(range(len(messages))):
            message = messages[place]
            yield place, perform(message, self.session, *(data[own] for own in message.keys))


@pytest.fixture
def make_session():
    """Return a function that makes the session of a command in the present folder."""

    def make():
        mark = home() / ".unfinished-mark"
        mark.touch()
        return Session(installed_version(), home(), (mark,))

    return make


@pytest.fixture
def session(make_session):
    return make_session()


@pytest.fixture
def in_process(session):
    """Run the jobs of the test on a cluster in this process."""
    cluster = InProcess(session)
    with joined(cluster):
        yield cluster


@pytest.fixture
def on_new_cluster(make_session, new_home, monkeypatch):
    """Return a function that does work on a cluster in this process, in an empty folder, and returns the cluster."""

    def do(work):
        monkeypatch.setenv("NEUROALIGN_HOME", str(new_home()))
        cluster = InProcess(make_session())
        with joined(cluster):
            work()
        return cluster

    return do


@pytest.fixture
def timeless_records(monkeypatch):
    """Return a function that returns the bytes of all stored scores, without durations and the sums over them."""
    monkeypatch.setattr("neuroalign.scoring.evaluate.now", lambda: "now")
    monkeypatch.setattr("neuroalign.scoring.grouped.now", lambda: "now")
    # The command draws one number for all its scores; workers, where nothing is replaced, must not draw their own.
    monkeypatch.setattr("neuroalign.results.store.next_serial", lambda folder: 7)

    def read():
        files = {}
        for path in sorted(ResultsStore().folder.rglob("*.*")):
            if path.suffix == ".json":
                record = json.loads(path.read_text(encoding="utf-8"))
                times = {name: 0 for name in record["provenance"] if name.endswith("seconds")}
                record["provenance"].update(times)
                del record["content_sha256"]
                files[path.name] = json.dumps(record).encode()
            elif path.suffix == ".nc":
                files[path.name] = path.read_bytes()
        return files

    return read
