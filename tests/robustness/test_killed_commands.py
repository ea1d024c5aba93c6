"""Commands that are killed at a step of the file system or at any time: nothing is lost, and no name is stuck."""

from collections import Counter

import numpy as np
import pytest

from .battery_size import seed, tries
from .losses import Battery, cases


@pytest.fixture
def battery(tmp_path, monkeypatch, request):
    monkeypatch.setattr("neuroalign.files.judging.expect_sound", lambda path: None)
    made = Battery(tmp_path, tmp_path / "home", trains=request.param)
    monkeypatch.setenv("NEUROALIGN_HOME", str(made.home))
    return made


@pytest.mark.parametrize("battery", [False], indirect=True)
def test_a_few_killed_commands(battery):
    rng = np.random.default_rng(0)
    for name in ("force",):
        case = cases(battery.folder)[name]
        battery.measure(name, case)
        assert battery.kill(name, case, rng, at_step=True, again=True) == (True, [])


@pytest.mark.slow
@pytest.mark.parametrize("battery", [True], indirect=True)
def test_many_killed_commands(battery):
    chosen = cases(battery.folder)
    for name, case in chosen.items():
        battery.measure(name, case)
    n_tries, failures, killed = tries(28), [], Counter()
    for number in range(n_tries):
        name = list(chosen)[number % len(chosen)]
        at_step = number // len(chosen) % 2 == 0
        rng = np.random.default_rng([seed(), number])
        was_killed, losses = battery.kill(name, chosen[name], rng, at_step=at_step, again=number % 5 == 0)
        killed[name] += was_killed
        failures += [f"{name}, kill {number} of seed {seed()}: {loss}" for loss in losses]
    print(f"{n_tries} tries; killed: {dict(killed)}")
    assert failures == [], "\n".join(failures)
    # Each kill at a step hits the command; the other half comes at a random time, often after the end where other work
    # runs.
    assert sum(killed.values()) > 0.5 * n_tries
