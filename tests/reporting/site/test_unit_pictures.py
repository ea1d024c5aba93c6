"""Pictures of units on the pages of models."""

import base64
import html
import io
import re

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from neuroalign.arrays import latents as make_latents
from neuroalign.models.latents_cache import compute_latents
from neuroalign.reporting.site import write_site
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_dataset, make_score

HOSTILE = "\"'><script>document.title='owned'</script>"
FINGERPRINT = "0123"


class Brightness:
    """Three units: the mean of an image, its negative, and a constant."""

    identifier = f"torchvision:net@{HOSTILE}"
    fingerprint = FINGERPRINT

    def latents(self, stimuli):
        mean = stimuli.pixels().mean(axis=(1, 2)).astype(float)
        values = np.stack([mean, -mean, np.zeros_like(mean)], axis=1)
        return make_latents(values, stimulus=stimuli.ids, unit=["bright", f"dark{HOSTILE}", "silent"])


@pytest.fixture
def dataset(monkeypatch, tmp_path):
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path / "home"))
    made = make_dataset(n_stimuli=30, n_neurons=3)
    compute_latents(Brightness(), made.stimuli)
    return made


@pytest.fixture
def model_page(dataset, tmp_path):
    """Write a site of one model, and return its page."""

    def write(weights=(0.1, 5.0, 0.0), fingerprint=FINGERPRINT, **options):
        data = xr.Dataset()
        if weights is not None:
            units = ["bright", f"dark{HOSTILE}", "silent"]
            data["weights"] = xr.DataArray(
                np.outer(weights, [1, -1, np.nan]), dims=("unit", "neuroid"), coords={"unit": units}
            )
        score = make_score(
            0.5,
            model=Brightness.identifier,
            family="net",
            dataset=dataset,
            benchmark=load_benchmark("alignment[turns=0]"),
            data=data,
            provenance={"model_fingerprint": fingerprint},
        )
        store = ResultsStore(tmp_path / "results")
        store.save("0000", score)
        site = write_site(tmp_path / "site", dataset, store=store, **options).parent
        return next(site.glob("models/*")).read_text("utf-8")

    return write


def units_of(page):
    return [html.unescape(unit) for unit in re.findall("<figcaption>(unit [^<]*)<", page)]


def pictures(page):
    return re.findall(r'<img src="data:image/jpeg;base64,([^"]+)" alt="([^"]*)">', page)


def test_units_with_weights_show_their_lowest_and_highest_stimuli(dataset, model_page):
    page = model_page(stimulus_pictures=True)
    # The unit with the largest weights comes first, and the unit without weights is left out.
    assert units_of(page) == [f"unit dark{HOSTILE}", "unit bright"]
    mean = dataset.stimuli.pixels().mean(axis=(1, 2))
    ids = dataset.stimuli.ids[np.argsort(mean)].tolist()
    of_dark, _, (low, lowest), (high, highest) = pictures(page)
    assert lowest == f"stimuli with the lowest values of unit bright: {', '.join(ids[:4])}"
    assert highest == f"stimuli with the highest values of unit bright: {', '.join(ids[-4:])}"
    assert of_dark[1].endswith(f": {', '.join(ids[::-1][:4])}")
    strips = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(end))).convert("L"), float) for end in (low, high)
    ]
    # Copies of 16 pixels in the middles of squares of 96 pixels, with gaps of 4 pixels.
    lefts = [place * 100 + 40 for place in range(4)]
    drawn = [strip[40:56, left : left + 16] for strip in strips for left in lefts]
    expected = dataset.stimuli.select(ids[:4] + ids[-4:]).pixels() * 255
    assert [picture.mean() for picture in drawn] == pytest.approx(expected.mean(axis=(1, 2)).tolist(), abs=3)
    assert "The 2 of 3 units with the largest weights." in page
    assert HOSTILE not in page


def test_units_without_weights_are_in_the_order_of_the_model(model_page):
    page = model_page(weights=None, stimulus_pictures=True)
    assert units_of(page)[:2] == ["unit bright", f"unit dark{HOSTILE}"]
    assert "in the model’s order" in page


def test_nothing_is_shown_without_permission_or_cached_latents(model_page):
    assert "<img" not in model_page()
    assert "<img" not in model_page(stimulus_pictures=False)
    assert "<img" not in model_page(fingerprint="4567", stimulus_pictures=True)
    assert "<img" not in model_page(fingerprint=None, stimulus_pictures=True)
    assert "<img" not in model_page(fingerprint=["../x"], stimulus_pictures=True)
