"""Damaged files of every format give a number or one line, and end or stop no process."""

from collections import Counter

import numpy as np
import pytest

from .battery import ReadingProcess
from .sound_files import mutate, write_sound_files

#: Formats that the fast part reads; the slow part reads all of them.
FAST = ("recording", "five.mat", "image.png")


@pytest.fixture
def reader(tmp_path):
    process = ReadingProcess(tmp_path)
    yield process
    process.close()


def run(reader, tmp_path, kinds, n, seed):
    """Read n mutations of each kind; return the outcomes of each kind, and a line on each failure."""
    folder = tmp_path / "sound"
    folder.mkdir()
    files = write_sound_files(folder, with_tables=kinds is None)
    counts, failures = {}, []
    for kind in kinds or files:
        action, path = files[kind]
        content = path.read_bytes()
        assert reader.read(action, path) == ("ok", ""), kind
        counts[kind] = Counter()
        for number in range(n):
            path.write_bytes(mutate(content, np.random.default_rng([seed, number])))
            outcome, message = reader.read(action, path)
            counts[kind][outcome] += 1
            if outcome not in ("ok", "refused"):
                failures.append(f"{kind}, mutation {number} of seed {seed}: {outcome}: {message}")
        path.write_bytes(content)
    return counts, failures


def test_a_few_mutations(reader, tmp_path):
    counts, failures = run(reader, tmp_path, FAST, 5, 0)
    assert failures == []
    assert sum(count["refused"] for count in counts.values()) > 5


@pytest.mark.slow
def test_many_mutations(reader, tmp_path):
    counts, failures = run(reader, tmp_path, None, 80, 1)
    assert failures == []
    assert sum(sum(count.values()) for count in counts.values()) > 2000
