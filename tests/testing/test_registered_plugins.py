"""Every registered benchmark and model passes the checks for authors of plug-ins."""

import pytest

from neuroalign.datasets.folder import write_folder
from neuroalign.names.registry import benchmarks, models
from neuroalign.testing import check_benchmark, check_model, make_dataset

#: Options that make a benchmark quick; a benchmark without an entry is checked with its default options.
QUICK = {
    "alignment": "[n_folds=3,n_lambdas=20,turns=4]",
    "cka": "[n_permutations=5]",
    "axis_clustering": "[n_draws=19]",
    "correlation_ratio": "[n_permutations=5,turns=4]",
    "decoding": "[n_permutations=5,turns=4]",
    "factor_disentanglement": "[n_folds=3,n_lambdas=20,n_permutations=2]",
    "linear_recombination": "[benchmark=correlation_ratio,n_draws=2]",
    "one_to_one": "[n_folds=3,n_permutations=5,turns=4]",
    "partial_soft_matching": "[n_folds=3,n_permutations=5,turns=4]",
    "privileged_axes": "[n_rotations=9,n_folds=3]",
    "semi_matching": "[n_folds=3,n_permutations=5,turns=4]",
    "soft_matching": "[n_folds=3,n_permutations=5,turns=4]",
    "banded_ridge": "[n_folds=3,n_draws=2]",
    "linear": "[n_folds=3,n_permutations=2]",
    "pls": "[n_folds=3,n_permutations=2]",
    "ridge": "[n_folds=3,n_permutations=2]",
    "reverse_predictivity": "[n_folds=4,n_permutations=3]",
    "sparse_encoding": "[n_folds=3,n_lambdas=20,rule=min,n_permutations=2]",
    "rsa": "[n_permutations=5]",
    "shape": "[n_permutations=5,n_folds=3]",
    "stimulus_bootstrap": "[n_draws=3]",
    "variance_explained": "[n_folds=3,n_lambdas=20]",
}
#: Small instances; a model without an entry is checked by the first instance of its family.
SMALL = {
    "aam": "[n=4]",
    "bands": "[models=[pca[n=2],pca[n=3]]]",
    "ica": "[n=3,seed=0]",
    "pca": "[n=3]",
    "neuron_subset": "[n=3,seed=0]",
}
#: Models of networks that are downloaded, each with tests of its own on a small random network.
NETWORKS = {"hf:", "openclip:", "timm:", "torchvision:", "vgg_face", "vgg_face_pca", "vgg_face_raw"}


@pytest.mark.slow
@pytest.mark.parametrize("name", benchmarks.names())
def test_registered_benchmark(name):
    check_benchmark(name + QUICK.get(name, ""))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(models.names()) - NETWORKS - {"neurons:", "factors:"}))
def test_registered_model(name):
    check_model(name + SMALL.get(name, ""))


def test_neurons_and_factors_of_a_dataset_as_models(tmp_path):
    dataset = make_dataset(n_stimuli=48, n_neurons=6)
    write_folder(dataset, tmp_path / "toy")
    check_model(f"neurons:{tmp_path / 'toy'}", dataset=dataset)
    check_model(f"factors:{tmp_path / 'toy'}", dataset=dataset)


@pytest.mark.slow
@pytest.mark.parametrize("reduced", ["pca[n=4]+pca[n=2]", "pca[n=4]+subsample[n=2,seed=0]"])
def test_reduced_model(reduced):
    check_model(reduced)
