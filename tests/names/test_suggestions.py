"""Names without the scheme that they need."""

import neuroalign as na
from neuroalign.cli import run
from neuroalign.errors import UsageError
from neuroalign.names.registry import models
from neuroalign.names.suggestions import lists_names, with_schemes


def test_a_network_without_its_scheme_is_named_with_it(capsys):
    assert run(["score", "resnet18@layer3", "AM-faces-sim"]) == 2
    assert capsys.readouterr().err == (
        "neuroalign: no model is called 'resnet18@layer3'; did you mean timm:resnet18@layer3 or "
        "torchvision:resnet18@layer3?\n"
    )


def test_schemes_of_missing_packages_suggest_nothing():
    def fail():
        raise UsageError("not installed")

    with models.registered("lost:", lists_names(fail)(lambda name: None)):
        with models.registered("mine:", lists_names(lambda: ["edges"])(lambda name: None)):
            assert with_schemes("edges") == ["mine:edges"]
        assert with_schemes("edges") == []


def test_public_names_are_the_only_ones():
    assert [name for name in dir(na) if name.startswith("_")] == ["__version__"]
    assert all(hasattr(na, name) for name in dir(na))
    assert {"pca", "timm:"} <= set(na.list_models())
    assert {"alignment", "ridge"} <= set(na.list_benchmarks())
    assert {"AM-faces-sim", "AM-faces-sim-mixed"} <= set(na.list_datasets())
