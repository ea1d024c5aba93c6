"""Comparison of neural networks with neural recordings, unit by neuron.

>>> import neuroalign as na
>>> score = na.score("beta_vae", "AM-faces-sim", "alignment")  # doctest: +SKIP
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuroalign import metrics as metrics
    from neuroalign.comparison import Comparison as Comparison
    from neuroalign.comparison import compare as compare
    from neuroalign.comparison.leaderboard import leaderboard as leaderboard
    from neuroalign.datasets.added import list_datasets as list_datasets
    from neuroalign.datasets.catalogue import load_dataset as load_dataset
    from neuroalign.datasets.collection import Collection as Collection
    from neuroalign.datasets.collection import load_collection as load_collection
    from neuroalign.datasets.dataset import Dataset as Dataset
    from neuroalign.datasets.importing.importer import import_dataset as import_dataset
    from neuroalign.datasets.stimuli import StimulusSet as StimulusSet
    from neuroalign.errors import NeuroalignError as NeuroalignError
    from neuroalign.models.loading import as_model as as_model
    from neuroalign.models.loading import load_model as load_model
    from neuroalign.models.model import Model as Model
    from neuroalign.models.model import ModelFamily as ModelFamily
    from neuroalign.models.training import train as train
    from neuroalign.names.registry import list_benchmarks as list_benchmarks
    from neuroalign.names.registry import list_models as list_models
    from neuroalign.names.registry import register_benchmark as register_benchmark
    from neuroalign.names.registry import register_dataset as register_dataset
    from neuroalign.names.registry import register_model as register_model
    from neuroalign.names.registry import register_reader as register_reader
    from neuroalign.reporting.descriptions import info as info
    from neuroalign.results.score import Score as Score
    from neuroalign.scoring.benchmark import Benchmark as Benchmark
    from neuroalign.scoring.benchmark import load_benchmark as load_benchmark
    from neuroalign.scoring.evaluate import score as score
    from neuroalign.studies.run import reproduce as reproduce

# In a checkout the benchmarks and the model zoo lie beside this folder; once installed they are in it. Python started
# in a checkout finds this folder before the installed package, and must find them as well.
_beside = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if os.path.isfile(os.path.join(_beside, "model_zoo", "__init__.py")):
    __path__.append(_beside)

# Where each public name lives; imported on first use, so that `import neuroalign` is quick.
_PUBLIC = {
    "Benchmark": "neuroalign.scoring.benchmark",
    "Collection": "neuroalign.datasets.collection",
    "Comparison": "neuroalign.comparison",
    "Dataset": "neuroalign.datasets.dataset",
    "Model": "neuroalign.models.model",
    "ModelFamily": "neuroalign.models.model",
    "NeuroalignError": "neuroalign.errors",
    "Score": "neuroalign.results.score",
    "StimulusSet": "neuroalign.datasets.stimuli",
    "as_model": "neuroalign.models.loading",
    "compare": "neuroalign.comparison",
    "import_dataset": "neuroalign.datasets.importing.importer",
    "info": "neuroalign.reporting.descriptions",
    "leaderboard": "neuroalign.comparison.leaderboard",
    "list_benchmarks": "neuroalign.names.registry",
    "list_datasets": "neuroalign.datasets.added",
    "list_models": "neuroalign.names.registry",
    "load_benchmark": "neuroalign.scoring.benchmark",
    "load_collection": "neuroalign.datasets.collection",
    "load_dataset": "neuroalign.datasets.catalogue",
    "load_model": "neuroalign.models.loading",
    "metrics": "neuroalign.metrics",
    "register_benchmark": "neuroalign.names.registry",
    "register_dataset": "neuroalign.names.registry",
    "register_model": "neuroalign.names.registry",
    "register_reader": "neuroalign.names.registry",
    "reproduce": "neuroalign.studies.run",
    "score": "neuroalign.scoring.evaluate",
    "train": "neuroalign.models.training",
}

# Names of functions and classes with results that notebooks show as tables.
_SHOWN = {"Comparison", "Score", "compare", "leaderboard", "score"}

__all__ = [*_PUBLIC]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("neuroalign")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'neuroalign' has no attribute {name!r}")
    module = import_module(_PUBLIC[name])
    if name in _SHOWN:
        # Writers of HTML for notebooks.
        import_module("neuroalign.reporting.notebook")
    value = module if name == "metrics" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_PUBLIC, "__version__"])
