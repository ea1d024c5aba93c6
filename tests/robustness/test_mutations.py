"""Damaged and hostile files of every format give a number or one line, and end or stop no process."""

from collections import Counter

import numpy as np
import pytest

from .battery import ReadingProcess
from .battery_size import seed, tries
from .hostile import write_changed, write_outside
from .sound_files import write_sound_files, write_weights

#: Formats that the fast part reads; the slow part reads all of them.
FAST = ("recording", "five.mat", "image.png", "stimuli.csv", "seven.mat")


@pytest.fixture
def reader(tmp_path):
    process = ReadingProcess(tmp_path)
    yield process
    process.close()


def run(reader, tmp_path, kinds, n_tries, seed_):
    """Read changes of the kinds in turn; return the outcomes of each kind, and a line on each failure."""
    folder = tmp_path / "sound"
    folder.mkdir()
    files = write_sound_files(folder, with_tables=kinds is None)
    if kinds is None:
        files |= write_weights(folder)
    kinds = list(kinds or files)
    outside = write_outside(tmp_path)
    counts, failures = {kind: Counter() for kind in kinds}, []
    for number in range(n_tries):
        kind = kinds[number % len(kinds)]
        action, path = files[kind]
        content = path.read_bytes()
        if number < len(kinds):
            assert reader.read(action, path) == ("ok", ""), kind
        try:
            change = write_changed(path, content, outside, np.random.default_rng([seed_, number]))
            outcome, message = reader.read(action, path)
        finally:
            path.write_bytes(content)
        counts[kind][outcome] += 1
        if outcome not in ("ok", "refused"):
            failures.append(f"{kind}, {change} {number} of seed {seed_}: {outcome}: {message}")
            print(failures[-1], flush=True)
    return counts, failures


def test_a_few_mutations(reader, tmp_path):
    counts, failures = run(reader, tmp_path, FAST, 15, 0)
    assert failures == []
    assert sum(count["refused"] for count in counts.values()) > 5


@pytest.mark.slow
def test_many_mutations(reader, tmp_path):
    n_tries = tries(300)
    counts, failures = run(reader, tmp_path, None, n_tries, seed())
    outcomes = sum(counts.values(), Counter())
    print(f"{n_tries} tries with seed {seed()}: {dict(outcomes)}")
    for kind, count in counts.items():
        print(f"  {kind}: {dict(count)}")
    assert failures == [], "\n".join(failures)
    assert outcomes["refused"] > n_tries / 4
