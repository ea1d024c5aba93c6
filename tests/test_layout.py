"""Tests of the layout: parts, the order of imports between them, plug-ins, length of modules, private names."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Folders of the source tree and their names when they are installed.
PACKAGES = {
    "neuroalign": "neuroalign",
    "benchmarks": "neuroalign.benchmarks",
    "model_zoo": "neuroalign.model_zoo",
}
#: Parts in layers. A part imports only parts of earlier layers, and no part of its own layer. "neuroalign" is the
#: public interface in ``neuroalign/__init__.py``, "__main__" the module that ``python -m neuroalign`` runs.
LAYERS = (
    ("errors",),
    ("arithmetic", "masked", "progress", "validation"),
    ("files", "names", "arrays", "metrics", "stats"),
    ("datasets", "results"),
    ("jobs",),
    ("models",),
    ("scoring", "model_zoo"),
    ("benchmarks", "comparison"),
    ("reporting",),
    ("studies",),
    ("neuroalign",),
    ("cli", "testing"),
    ("__main__",),
)
LAYER = {part: number for number, parts in enumerate(LAYERS) for part in parts}
PLUG_INS = ("benchmarks", "model_zoo")
MOST_LINES = 400

#: Modules of the core that import a plug-in. The core should name no plug-in: do not add a module.
IMPORT_PLUG_INS: set[str] = set()
#: Modules with more lines than allowed. Divide them: do not add a module.
LONG: set[str] = set()

if not (ROOT / "pyproject.toml").is_file():
    pytest.skip("the source tree is not here", allow_module_level=True)


@dataclass(frozen=True)
class Import:
    """One imported name, or one private name that is taken from an imported module."""

    module: str
    line: int
    target: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.name or self.target}"


def list_modules(root: Path) -> dict[str, Path]:
    """Return the files of all modules by their names."""
    modules = {}
    for folder, package in PACKAGES.items():
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root / folder).with_suffix("").parts
            modules[".".join([package, *parts]).removesuffix(".__init__")] = path
    return modules


def list_imports(modules: dict[str, Path]) -> list[Import]:
    """Return the imports between modules, those in functions and under TYPE_CHECKING included."""
    trees = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in modules.items()}
    public = _public_names(trees["neuroalign"]) if "neuroalign" in trees else {}
    return [
        item
        for module, tree in trees.items()
        for item in _imports_of(module, tree, modules, public)
        if item.target.split(".")[0] == "neuroalign"
    ]


def _imports_of(
    module: str, tree: ast.Module, modules: dict[str, Path], public: dict[str, str]
) -> Iterator[Import]:
    package = module if modules[module].name == "__init__.py" else module.rpartition(".")[0]
    aliases = {}
    nodes = [*ast.walk(tree)]
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, node.lineno, alias.name)
                if alias.asname:
                    aliases[alias.asname] = alias.name
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                target = f"{source}.{alias.name}"
                if target in modules:
                    aliases[alias.asname or alias.name] = target
                    yield Import(module, node.lineno, target, target)
                else:
                    # A name of the public interface is imported from the module that defines it.
                    origin = public.get(alias.name, source) if source == "neuroalign" else source
                    yield Import(module, node.lineno, origin, target)
        elif isinstance(node, ast.Call) and "import_module" in (
            getattr(node.func, "attr", ""),
            getattr(node.func, "id", ""),
        ):
            name = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
            yield Import(module, node.lineno, str(name))
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield Import(module, node.lineno, aliases[node.value.id], f"{aliases[node.value.id]}.{node.attr}")


def _public_names(tree: ast.Module) -> dict[str, str]:
    """Return the table of lazy imports of ``neuroalign/__init__.py``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_PUBLIC":
            table: dict[str, str] = ast.literal_eval(node.value)
            return table
    return {}


def part_of(module: str) -> str:
    """Return the part of a module: the second word of its name."""
    return [*module.split("."), "neuroalign"][1]


def list_edges(imports: Iterable[Import]) -> dict[tuple[str, str], Import]:
    """Return an import for each two parts of which the first imports the second."""
    edges = {(part_of(item.module), part_of(item.target)): item for item in imports}
    return {edge: item for edge, item in edges.items() if edge[0] != edge[1]}


def find_cycle(imports: Iterable[Import]) -> list[str]:
    """Return the parts of an import cycle; empty without one."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for importer, imported in list_edges(imports):
        sorter.add(importer, imported)
    try:
        sorter.prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def find_against_layers(imports: Iterable[Import]) -> list[str]:
    """Return the imports of a part from its own or a later layer."""
    return sorted(
        f"{item} against the layers"
        for (importer, imported), item in list_edges(imports).items()
        if LAYER[importer] <= LAYER[imported]
    )


def find_plug_ins(imports: Iterable[Import]) -> set[str]:
    """Return the modules of the core that import a plug-in."""
    return {
        item.module
        for item in imports
        if part_of(item.target) in PLUG_INS and part_of(item.module) not in (*PLUG_INS, "__main__")
    }


def find_long(modules: dict[str, Path]) -> set[str]:
    """Return the modules with more lines than allowed."""
    return {
        name
        for name, path in modules.items()
        if len(path.read_text(encoding="utf-8").splitlines()) > MOST_LINES
    }


def find_private(imports: Iterable[Import]) -> list[str]:
    """Return the imports and uses of a private name of another module."""
    return sorted(
        str(item)
        for item in imports
        if any(word.startswith("_") and not word.startswith("__") for word in item.name.split("."))
    )


@pytest.fixture(scope="module")
def modules():
    return list_modules(ROOT)


@pytest.fixture(scope="module")
def imports(modules):
    return list_imports(modules)


def test_every_part_has_one_layer(modules):
    assert {part_of(module) for module in modules} <= {*LAYER}
    assert len(LAYER) == sum(map(len, LAYERS))


def test_parts_have_no_import_cycle(imports):
    assert find_cycle(imports) == []


def test_imports_run_from_later_to_earlier_layers(imports):
    assert find_against_layers(imports) == []


def test_core_imports_no_plug_in(imports):
    assert find_plug_ins(imports) - IMPORT_PLUG_INS == set()


def test_modules_are_short(modules):
    assert find_long(modules) - LONG == set()


def test_private_names_stay_in_their_module(imports):
    assert find_private(imports) == []


@pytest.fixture
def tree(tmp_path):
    """A function that writes modules by their names, and returns them as :func:`list_modules` does."""

    def write(**sources):
        for name, source in {"neuroalign": "", **sources}.items():
            folder, *parts = name.split("__")
            path = tmp_path.joinpath(folder, *parts)
            path = path / "__init__.py" if folder == name else path.with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8")
        return list_modules(tmp_path)

    return write


def test_names_of_modules_follow_the_installation(tree):
    modules = tree(benchmarks__alignment="", neuroalign__stats__welch="")
    assert set(modules) == {"neuroalign", "neuroalign.benchmarks.alignment", "neuroalign.stats.welch"}


@pytest.mark.parametrize(
    "source",
    [
        "import neuroalign.cli.score\n",
        "from neuroalign.cli.score import run\n",
        "from neuroalign.cli import score\n",
        "from ..cli.score import run\n",
        "from ..cli import score\n",
        "def run():\n    from neuroalign.cli import score\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from neuroalign.cli import score\n",
        "import importlib\nimportlib.import_module('neuroalign.cli.score')\n",
        "from neuroalign import run\n",
    ],
)
def test_import_against_the_layers_is_found(tree, source):
    table = '_PUBLIC = {"run": "neuroalign.cli.score"}\n'
    imports = list_imports(tree(neuroalign=table, neuroalign__stats__welch=source, neuroalign__cli__score=""))
    (fault,) = find_against_layers(imports)
    assert fault.startswith("neuroalign.stats.welch:")
    assert fault.endswith(" against the layers")


def test_import_within_a_layer_is_found(tree):
    imports = list_imports(
        tree(neuroalign__stats__a="from neuroalign.metrics.b import c\n", neuroalign__metrics__b="")
    )
    assert find_against_layers(imports) == [
        "neuroalign.stats.a:1 imports neuroalign.metrics.b.c against the layers"
    ]


def test_import_of_an_earlier_layer_or_of_the_same_part_is_allowed(tree):
    sources = {"neuroalign__stats__a": "from neuroalign.errors import E\nfrom neuroalign.stats.b import c\n"}
    imports = list_imports(tree(**sources, neuroalign__stats__b="", neuroalign__errors=""))
    assert len(imports) == 2
    assert find_against_layers(imports) == []
    assert find_cycle(imports) == []


def test_cycle_of_parts_is_found(tree):
    sources = {
        "neuroalign__stats__a": "from neuroalign.metrics import b\n",
        "neuroalign__metrics__b": "def f():\n    from neuroalign.files import c\n",
        "neuroalign__files__c": "from neuroalign.stats.a import d\n",
    }
    assert set(find_cycle(list_imports(tree(**sources)))) == {"stats", "metrics", "files"}


def test_plug_in_in_the_core_is_found(tree):
    sources = {
        "neuroalign__cli__score": "from neuroalign.model_zoo.pca import PCA\n",
        "neuroalign__cli__info": "from neuroalign.benchmarks import alignment\n",
        "benchmarks__alignment": "from neuroalign.benchmarks.wrapping import wrap\n",
        "benchmarks__wrapping": "",
        "model_zoo__pca": "",
    }
    assert find_plug_ins(list_imports(tree(**sources))) == {"neuroalign.cli.score", "neuroalign.cli.info"}


def test_long_module_is_found(tree):
    modules = tree(neuroalign__stats__a="x = 1\n" * 401, neuroalign__stats__b="x = 1\n" * 400)
    assert find_long(modules) == {"neuroalign.stats.a"}


@pytest.mark.parametrize(
    "source",
    [
        "from neuroalign.metrics.ridge import _solve\n",
        "from neuroalign.metrics import ridge\nridge._solve()\n",
        "import neuroalign.metrics.ridge as solver\nsolver._solve()\n",
        "from . import _ridge\n",
    ],
)
def test_private_name_of_another_module_is_found(tree, source):
    sources = {
        "neuroalign__metrics__ridge": "",
        "neuroalign__metrics___ridge": "",
        "neuroalign__metrics__a": source,
    }
    (fault,) = find_private(list_imports(tree(**sources)))
    assert fault.startswith("neuroalign.metrics.a:")


def test_private_name_of_the_same_module_is_allowed(tree):
    source = "from neuroalign.metrics import ridge\nridge.__name__\n_solve = ridge.solve\nself._x = _solve\n"
    imports = list_imports(tree(neuroalign__metrics__ridge="", neuroalign__metrics__a=source))
    assert find_private(imports) == []
