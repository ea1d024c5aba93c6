import xml.etree.ElementTree as ElementTree
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from neuroalign.errors import UsageError
from neuroalign.names.registry import models
from neuroalign.reporting.figures import family_styles, save, scores_by_family
from neuroalign.reporting.figures.style import (
    COLOURS,
    COLUMN,
    DARK,
    INK,
    contrast,
    legend_rows,
    new_axes,
    shown,
)


def luminance(colour):
    """Relative luminance of a colour, as WCAG 2.1 defines it."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_families_are_told_apart_without_colours():
    styles = family_styles(f"family {index}" for index in range(10))
    for one, other in combinations(styles.values(), 2):
        assert one.marker != other.marker
        assert one.colour != other.colour or one.line != other.line
    first = list(styles.values())[:4]
    for one, other in combinations(first, 2):
        assert one.line != other.line
    assert 1.05 / (luminance(INK) + 0.05) > 7


def test_colours_have_a_contrast_of_three_in_both_themes():
    for colour in COLOURS:
        assert contrast(colour, "#ffffff") >= 3
        assert contrast(colour, DARK) >= 3
        assert contrast(colour, "#ffffff") == pytest.approx(1.05 / (luminance(colour) + 0.05))


def test_a_family_that_comes_with_neuroalign_looks_alike_in_all_figures():
    alone = family_styles(["pca"])["pca"]
    among = family_styles(["aam", "beta_vae", "pca", "pca (shipped)", "zoo"])
    assert family_styles(["pca (shipped)"])["pca (shipped)"] == alone
    assert (among["pca"].colour, among["pca"].marker) == (alone.colour, alone.marker)
    assert len({style.marker for style in among.values()}) == 5
    bundled = [name for name in models.names() if models.is_own(name) and not name.endswith(":")]
    styles = family_styles(bundled)
    assert len({style.marker for style in styles.values()}) == len(bundled)
    assert len({style.colour for style in styles.values()}) == min(len(bundled), len(COLOURS))


def test_styles_do_not_depend_on_the_order_of_families():
    assert family_styles(["b", "a", "b"]) == family_styles(["a", "b"])
    assert list(family_styles(["b", "a"])) == ["a", "b"]


def test_a_hundred_families_look_different():
    styles = family_styles(map(str, range(77)))
    assert len({(style.colour, style.marker) for style in styles.values()}) == 77


def test_size_is_in_millimetres():
    figure = new_axes(height=50.8).figure
    np.testing.assert_allclose(figure.get_size_inches(), [COLUMN / 25.4, 2.0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("beta_vae", "beta_vae"),
        ("_hidden", " _hidden"),
        ("a\nb\x00", "a�b�"),
        ("a" * 25 + "b" * 25, "a" * 18 + "…" + "b" * 17),
    ],
)
def test_names_are_fit_to_be_shown(name, expected):
    assert shown(name) == expected


def test_legends_of_long_names_have_more_rows():
    assert legend_rows(["a", "b", "c"]) == 1
    assert legend_rows(["a" * 30, "b", "c"]) == 3
    assert legend_rows(["a"] * 5) == 2


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["svg", "pdf", "png"])
def test_files_are_the_same_bytes_each_time(scores, tmp_path, ending):
    made = [
        save(scores_by_family(scores(a=[0.1, 0.2], b=[0.3])), tmp_path / str(run) / f"figure.{ending}")
        for run in range(2)
    ]
    first, second = (path.read_bytes() for path in made)
    assert first == second
    assert len(first) > 1000
    for forbidden in (b"Matplotlib v", b"CreationDate", b"dc:date"):
        assert forbidden not in first


def test_text_stays_text_and_hostile_names_stay_text(scores, tmp_path):
    values = {"<script>'x'</script>": [0.2], "$\\frac{$": [0.3], "_under": [0.4]}
    path = save(scores_by_family(scores(**values)), tmp_path / "figure.svg")
    root = ElementTree.parse(path).getroot()
    texts = {item.text for item in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"<script>'x'</script>", "$\\frac{$", "toy, simulated neurons", "alignment"} <= texts
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


def test_settings_of_the_user_neither_change_nor_matter(scores, tmp_path):
    before = save(scores_by_family(scores(a=[0.1, 0.2])), tmp_path / "before.svg").read_bytes()
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        after = save(scores_by_family(scores(a=[0.1, 0.2])), tmp_path / "after.svg").read_bytes()
        assert mpl.rcParams["font.size"] == 30
        assert mpl.rcParams["axes.facecolor"] == "red"
    assert after == before


def test_unknown_ending(scores, tmp_path):
    with pytest.raises(UsageError, match=r"must end in .svg, .pdf, .png, got 'figure.jpg'"):
        save(scores_by_family(scores(a=[0.1])), tmp_path / "figure.jpg")
    assert not list(tmp_path.iterdir())
