"""Compilation of the Lasso engine: one type of each argument, and a notice on a terminal."""

import io
import os
import pty
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from numba.core.event import Event, EventStatus

from neuroalign.metrics import lasso_cv, lasso_variance_explained
from neuroalign.metrics.lasso import compiling, path

NOTICE = "neuroalign: compiling the Lasso engine for this machine, once; about 10 s"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def compilation_of(module):
    function = SimpleNamespace(py_func=SimpleNamespace(__module__=module))
    return Event("numba:compile", EventStatus.START, {"dispatcher": function})


@pytest.mark.parametrize(
    ("stream", "module", "expected"),
    [
        (Terminal, "neuroalign.metrics.lasso.path", NOTICE + "\n"),
        (Terminal, "somebody.elses", ""),
        (io.StringIO, "neuroalign.metrics.lasso.path", ""),
    ],
    ids=["terminal", "function of another package", "no terminal"],
)
def test_the_notice_appears_once_on_a_terminal(stream, module, expected, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream())
    announcement = compiling.Announcement()
    for _ in range(2):
        announcement.on_start(compilation_of(module))
    assert sys.stderr.getvalue() == expected


def test_all_fits_use_one_compiled_function():
    rng = np.random.default_rng(0)
    Z, Y = rng.standard_normal((40, 4)), rng.standard_normal((40, 3))
    lasso_cv(Z, Y)
    lasso_cv(np.asfortranarray(Z.astype(np.float32)), Y[:, ::-1], exclude=[0, 1, -1])
    lasso_variance_explained(Z, Y)
    assert len(path.compute_paths.signatures) == 1


@pytest.mark.slow
def test_a_command_says_that_it_compiles_and_later_commands_do_not(tmp_path):
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(tmp_path / "numba"),
        "NEUROALIGN_HOME": str(tmp_path / "home"),
    }
    command = [sys.executable, "-m", "neuroalign", "score", "pca[n=2]", "AM-faces-sim"]
    command += ["--benchmark", "alignment[turns=0]", "--no-cache"]
    texts = []
    for _ in range(2):
        reader, writer = pty.openpty()
        try:
            subprocess.run(command, stderr=writer, stdout=subprocess.DEVNULL, env=environment, check=True)
            os.write(writer, b"end")
            texts.append(os.read(reader, 100_000).decode())
        finally:
            os.close(reader)
            os.close(writer)
    assert texts[0].count(NOTICE) == 1
    assert "compiling" not in texts[1]
