"""Tests of grids: the sweeps of the paper, and files of users."""

import pytest

from neuroalign.errors import UnknownNameError, UsageError
from neuroalign.model_zoo.autoencoder import AutoencoderRecipe
from neuroalign.model_zoo.beta_vae import BetaVAE, BetaVAERecipe
from neuroalign.model_zoo.classifier import ClassifierRecipe
from neuroalign.model_zoo.training.grids import load_grid
from neuroalign.model_zoo.training.recipe import sweep
from neuroalign.model_zoo.vae import VAE, VAERecipe

RECIPES = {
    recipe.family: recipe for recipe in (BetaVAERecipe, VAERecipe, AutoencoderRecipe, ClassifierRecipe)
}


def recipes_of(family, grid):
    return [recipe for settings in load_grid(family, grid) for recipe in sweep(RECIPES[family], settings)]


@pytest.mark.parametrize("family", RECIPES)
def test_grids_that_every_family_has(family):
    for grid in ("bundled", "paper", "small"):
        assert recipes_of(family, grid)
    with pytest.raises(UnknownNameError, match=r"there are: bundled, faces, paper, small$"):
        load_grid(family, "zzzzzz")


@pytest.mark.parametrize(
    ("family", "n"), [("beta_vae", 400), ("vae", 100), ("autoencoder", 100), ("classifier", 250)]
)
def test_optimiser_batch_and_schedule_of_the_paper(family, n):
    paper = recipes_of(family, "paper")
    assert len(paper) == n
    assert {(e.steps, e.batch_size, e.learning_rate, e.warmup, e.cooldown, e.image_size) for e in paper} == {
        (1_000_000, 16, 1e-4, 0.0, 0.0, 64)
    }


def test_sizes_and_seeds_of_the_paper():
    beta_vae = recipes_of("beta_vae", "paper")
    assert {(recipe.beta, recipe.seed) for recipe in beta_vae} == {
        (0.5 * step, seed) for step in range(1, 41) for seed in range(10)
    }
    assert {recipe.n_latents for recipe in beta_vae} == {50}
    for family, n_seeds in (("vae", 20), ("autoencoder", 20), ("classifier", 50)):
        assert {(recipe.n_latents, recipe.seed) for recipe in recipes_of(family, "paper")} == {
            (size, seed) for size in (10, 20, 30, 40, 50) for seed in range(n_seeds)
        }


def test_bundled_instances_differ_in_the_main_setting_of_their_family():
    beta_vae = recipes_of("beta_vae", "bundled")
    assert len(beta_vae) >= 5
    assert len({recipe.beta for recipe in beta_vae}) >= 3
    for family in ("vae", "autoencoder", "classifier"):
        assert len({recipe.n_latents for recipe in recipes_of(family, "bundled")}) >= 3


def test_a_file_of_the_users(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        "[vae.wide]\nn_latents = [5, 6]\nsteps = 7\n[beta_vae.a]\nbeta = 2\n[beta_vae.b]\nbeta = 3\n"
    )
    assert load_grid("vae", path) == [{"n_latents": [5, 6], "steps": 7}]
    assert load_grid("vae", f"{path}:wide") == [{"n_latents": [5, 6], "steps": 7}]
    assert load_grid("beta_vae", f"{path}:b") == [{"beta": 3}]
    # Settings given with a grid replace the settings of the grid.
    recipes = VAE().recipes({"steps": 9, "seed": [0, 1]}, grid=path)
    assert [(recipe.n_latents, recipe.seed, recipe.steps) for recipe in recipes] == [
        (5, 0, 9),
        (5, 1, 9),
        (6, 0, 9),
        (6, 1, 9),
    ]


def test_a_grid_of_several_sweeps(tmp_path):
    path = tmp_path / "two.toml"
    path.write_text(
        "[[beta_vae.two]]\nbeta = [4, 8]\nsteps = 7\n[[beta_vae.two]]\nbeta = 8\nseed = 1\nsteps = 7\n"
    )
    recipes = BetaVAE().recipes({}, grid=path)
    assert [(recipe.beta, recipe.seed, recipe.steps) for recipe in recipes] == [
        (4, 0, 7),
        (8, 0, 7),
        (8, 1, 7),
    ]
    # Settings given with a grid hold in all of its sweeps, and no instance is trained twice.
    assert [(recipe.beta, recipe.seed) for recipe in BetaVAE().recipes({"seed": 5}, grid=path)] == [
        (4, 5),
        (8, 5),
    ]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("bundle", "no grid of vae, and no TOML file, is called 'bundle'; did you mean bundled?"),
        ("nowhere.toml", "cannot read the grids in nowhere.toml: No such file"),
        ("nowhere.toml:a", "cannot read the grids in nowhere.toml: No such file"),
        ("broken.toml", "cannot read the grids in broken.toml: Invalid value"),
        ("other.toml", r"other.toml has no grid of vae: it needs a table \[vae.NAME\]"),
        ("several.toml", "several.toml has several grids of vae, one, two: give several.toml:NAME"),
        ("several.toml:tow", "no grid of vae in several.toml is called 'tow'; did you mean two?"),
        (
            "flat.toml",
            r"n_latents of vae must be a table or a list of tables, got 3; write settings in a table \[vae.NAME\]",
        ),
    ],
)
def test_grids_that_cannot_be(grid, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "broken": "n_latents = [",
        "other": "[beta_vae.one]\nbeta = 1",
        "several": "[vae.one]\nseed = 1\n[vae.two]\nseed = 2",
        "flat": "[vae]\nn_latents = 3",
    }.items():
        (tmp_path / f"{name}.toml").write_text(content)
    with pytest.raises(UsageError, match=message.replace("?", r"\?")) as raised:
        load_grid("vae", grid)
    assert "\n" not in str(raised.value)


def test_settings_of_another_family_are_unknown(tmp_path):
    with pytest.raises(
        UnknownNameError, match="no setting of classifier is called 'beta'; there are: batch_size,"
    ):
        sweep(ClassifierRecipe, {"beta": 4})
    with pytest.raises(UnknownNameError, match="no setting of vae is called 'patience'"):
        sweep(VAERecipe, {"patience": 4})
    with pytest.raises(UnknownNameError, match=r"called 'n_latent'; did you mean n_latents\?"):
        sweep(VAERecipe, {"n_latent": 4})


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        (BetaVAERecipe(), {"beta": 4, "seed": 0}),
        (BetaVAERecipe(beta=0.5, n_latents=10, seed=3), {"beta": 0.5, "n_latents": 10, "seed": 3}),
        (VAERecipe(n_latents=10), {"n_latents": 10, "seed": 0}),
        (AutoencoderRecipe(), {"n_latents": 50, "seed": 0}),
        (ClassifierRecipe(image_size=32, seed=7), {"n_latents": 50, "image_size": 32, "seed": 7}),
    ],
)
def test_names_of_instances(recipe, name):
    assert list(recipe.options().items()) == list(name.items())
