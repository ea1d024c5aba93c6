"""Measures of a face in half widths of the image, from its factors."""

import numpy as np
import pytest

from neuroalign.datasets.simulation.factors import FACTORS
from neuroalign.datasets.simulation.geometry import PIVOT_Y, geometry

MEAN = geometry(np.zeros(len(FACTORS)))


def with_factor(name, value):
    factors = np.zeros(len(FACTORS))
    factors[FACTORS.index(name)] = value
    return geometry(factors)


@pytest.mark.parametrize(
    ("factor", "measure", "slope"),
    [
        ("face_width", "half_width", 0.062),
        ("hair_length", "hair_end", 0.20),
        ("hair_volume", "hair_half_width", 0.013),
        ("fringe", "hairline", 0.06),
        ("smile", "mouth_half_width", 0.115),
        ("light_direction", "light_x", 3.0),
        ("head_tilt", "tilt", 0.14),
    ],
)
def test_each_factor_changes_its_measure(factor, measure, slope):
    changed = with_factor(factor, 0.5)
    assert getattr(changed, measure) - getattr(MEAN, measure) == pytest.approx(0.5 * slope)
    others = {"smile": {"mouth_curve", "mouth_opening"}, "hair_volume": {"hair_top"}}.get(factor, set())
    differing = {name for name in vars(MEAN) if getattr(MEAN, name) != getattr(changed, name)}
    assert differing == {measure} | others


def test_a_tilted_head_turns_about_its_pivot():
    tilted = with_factor("head_tilt", 1.0)
    assert tilted.tilted(np.array([[0.0, PIVOT_Y]]))[0].tolist() == [0, PIVOT_Y]
    top = tilted.tilted(np.array([[0.0, PIVOT_Y - 1]]))[0]
    np.testing.assert_allclose(top, [np.sin(0.14), PIVOT_Y - np.cos(0.14)], atol=1e-12)


def test_edges_of_lips_and_eyelids_are_in_order():
    t = np.linspace(-1, 1, 21)
    upper, lower = MEAN.eyelids(t)
    assert (upper <= lower + 1e-12).all()
    top, inner_top, inner_bottom, bottom = MEAN.lip_edges(np.abs(t))
    assert (top <= inner_top + 1e-12).all()
    assert (inner_top <= inner_bottom + 1e-12).all()
    assert (inner_bottom <= bottom + 1e-12).all()
