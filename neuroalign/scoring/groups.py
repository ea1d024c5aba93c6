"""Groups of benchmarks by the level that they compare: single units, populations, or both."""

from collections.abc import Iterable

from neuroalign.scoring.benchmark import Benchmark, load_benchmark, registered_benchmarks

#: Names of groups, with their members in words.
GROUPS = {
    "single-units": "every benchmark that asks about single units",
    "populations": "every benchmark that asks about all units together",
    "all": "both groups",
}


def load_benchmarks(specs: Iterable[str | Benchmark] = ()) -> list[Benchmark]:
    """Load benchmarks by their names or by the names of groups.

    Parameters
    ----------
    specs : iterable of str or Benchmark
        Names, with or without options, benchmarks, and names of :data:`GROUPS`. Without any, the benchmarks that are
        scored by default: all but those with ``on_request``.

    Returns
    -------
    list of Benchmark
        In the order of `specs`, and by name within a group; a benchmark that occurs twice is kept once.

    Raises
    ------
    UnknownNameError
        If no benchmark and no group has the name.

    Examples
    --------
    >>> names = [benchmark.identifier for benchmark in load_benchmarks(["single-units"])]
    >>> "alignment" in names, "variance_explained" in names
    (True, False)
    """
    given = list(specs)
    if not given:
        return [benchmark for benchmark in registered_benchmarks() if not benchmark.on_request]
    loaded: dict[object, Benchmark] = {}
    for spec in given:
        members = _members(spec) if isinstance(spec, str) and spec in GROUPS else [load_benchmark(spec)]
        for benchmark in members:
            loaded.setdefault((benchmark.identifier, repr(sorted(benchmark.options().items()))), benchmark)
    return list(loaded.values())


def _members(group: str) -> list[Benchmark]:
    levels = ("single units", "populations") if group == "all" else (group.replace("-", " "),)
    return [benchmark for benchmark in registered_benchmarks() if benchmark.level() in levels]
