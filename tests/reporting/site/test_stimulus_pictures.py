"""Pictures of stimuli on the pages of a site."""

import base64
import html
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, PngImagePlugin

from neuroalign.cli import run
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.reporting.site import write_board_site, write_site
from neuroalign.reporting.site.stimulus_pictures import MOST, SIDE, show_stimuli
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_dataset, make_score

HOSTILE = "\"'><script>document.title='owned'</script>"


def of_images(images, *, rendered=False):
    """Return a dataset with one response of one neuron to each image."""
    made = make_dataset(n_stimuli=len(images), n_neurons=3, n_repetitions=1, images=False)
    ids = np.array(list(images))
    recording = made.recording.assign_coords(stimulus_id=("presentation", ids))
    stimuli = StimulusSet("images", pd.DataFrame(index=pd.Index(ids)), images)
    metadata = {"renderer_version": 2} if rendered else {}
    return Dataset("pictured", recording, stimuli, simulated=rendered, metadata=metadata)


def grey(value, height=40, width=60):
    return np.full((height, width), value, dtype=np.uint8)


def decode(address):
    kind, _, content = address.partition(";base64,")
    assert kind == "data:image/jpeg"
    return Image.open(io.BytesIO(base64.b64decode(content, validate=True)), formats=("JPEG",))


def test_rendered_stimuli_are_shown_from_the_first_to_the_last():
    shown = show_stimuli(of_images({f"s{place:02}": grey(8 * place) for place in range(29)}, rendered=True))
    names = [picture["name"] for picture in shown["pictures"]]
    assert names == ["s00", "s04", "s08", "s12", "s16", "s20", "s24", "s28"]
    assert shown["note"] == "8 of 29 stimuli, chosen evenly by name; rendered by neuroalign."
    for picture in shown["pictures"]:
        pixels = np.asarray(decode(picture["address"]))
        assert pixels.shape == (40, 60, 3)
        assert np.abs(pixels.astype(int) - 8 * int(picture["name"][1:])).max() <= 2


def test_only_stimuli_that_the_neurons_saw_are_shown():
    dataset = of_images({name: grey(9) for name in "abc"}, rendered=True)
    seen = dataset.recording["stimulus_id"].values == "b"
    shown = show_stimuli(replace(dataset, recording=dataset.recording[seen]))
    assert [picture["name"] for picture in shown["pictures"]] == ["b"]
    assert shown["note"] == "All stimuli; rendered by neuroalign."


def test_photographs_are_shown_only_on_request():
    photographs = of_images({"a": grey(9)})
    by_default = show_stimuli(photographs)
    assert by_default["pictures"] == []
    assert "photographs may not be published without the permission of their owners" in by_default["note"]
    assert len(show_stimuli(photographs, wanted=True)["pictures"]) == 1
    assert show_stimuli(photographs, wanted=False) is None
    # Simulated neurons over photographs, and a recording that claims to be rendered.
    assert show_stimuli(replace(photographs, simulated=True))["pictures"] == []
    assert show_stimuli(replace(photographs, metadata={"renderer_version": 2}))["pictures"] == []


def test_a_dataset_without_images_has_no_pictures():
    assert show_stimuli(make_dataset(n_stimuli=8, images=False), wanted=True) is None


def test_copies_are_small_and_hold_nothing_but_pixels(tmp_path):
    secret = b"NAME OF A PERSON"
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", secret.decode())
    exif = Image.Exif()
    exif[0x010E] = secret.decode()
    picture = Image.fromarray(grey(100, 900, 300))
    picture.save(tmp_path / "a.png", pnginfo=info, exif=exif, icc_profile=secret)
    picture.save(tmp_path / "b.jpg", comment=secret, exif=exif, icc_profile=secret)
    for name in ("a.png", "b.jpg"):
        assert secret in (tmp_path / name).read_bytes()
        (shown,) = show_stimuli(of_images({name: tmp_path / name}), wanted=True)["pictures"]
        copy = decode(shown["address"])
        assert copy.size == (SIDE // 3, SIDE)
        assert set(copy.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert secret not in base64.b64decode(shown["address"].partition(",")[2])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_images_of_every_kind_are_shown(mode, tmp_path):
    file = tmp_path / "a.tif"
    Image.fromarray(grey(255)).convert("RGB").convert(mode).save(file)
    (shown,) = show_stimuli(of_images({"a": file}), wanted=True)["pictures"]
    assert np.asarray(decode(shown["address"])).min() >= 250


def test_a_file_that_is_no_image_is_named_and_its_content_is_not_shown(tmp_path):
    file = tmp_path / "secret.png"
    file.write_text("password", encoding="utf-8")
    shown = show_stimuli(of_images({"a": file}), wanted=True)
    assert shown["pictures"] == []
    assert shown["note"].startswith(
        "Pictures of the stimuli are left out: cannot read the image of stimulus 'a'"
    )
    assert "password" not in shown["note"]


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A dataset with a name of a stimulus that would do harm, and scores of it."""
    dataset = of_images(
        {f"s{place}": grey(20 * place) for place in range(3)} | {HOSTILE: grey(200)}, rendered=True
    )
    store = ResultsStore(tmp_path_factory.mktemp("scored") / "results")
    for place, family in enumerate(("pca", "ica")):
        score = make_score(
            0.1 * place,
            model=f"{family}[n=5]",
            dataset=dataset,
            benchmark=load_benchmark("variance_explained"),
        )
        store.save(f"{place:04x}", score)
    return dataset, store


def test_the_page_of_the_dataset_has_the_pictures(scored, tmp_path):
    dataset, store = scored
    write_site(tmp_path / "site", dataset, store=store)
    (page,) = (tmp_path / "site" / "datasets").iterdir()
    expect_pictures(page)
    write_site(tmp_path / "site", dataset, store=store, stimulus_pictures=False)
    assert "<img" not in page.read_text("utf-8")


def test_the_card_of_the_dataset_on_a_board_has_the_pictures(scored, tmp_path):
    dataset, store = scored
    write_board_site(tmp_path / "site", [dataset], store=store, over="neurons", n_resamples=50)
    (page,) = (tmp_path / "site" / "cards" / "datasets").iterdir()
    expect_pictures(page)


def expect_pictures(page: Path) -> None:
    text = page.read_text("utf-8")
    images = re.findall(r'<img src="data:image/jpeg;base64,[A-Za-z0-9+/=]+" alt="([^"]*)">', text)
    assert len(images) == text.count("<img") == 4 <= MOST
    assert html.unescape(images[0]) == f"stimulus {HOSTILE}"
    assert HOSTILE not in text


def test_the_option_goes_with_a_site(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path))
    assert run(["leaderboard", "AM-faces-sim", "--stimulus-pictures"]) == 2
    assert "must go with --html DIR" in capsys.readouterr().err
