"""Images with pixels that depend on the program that reads them are refused, not guessed."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroalign.datasets.picture_faults import picture_fault
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError

GREY = np.arange(24, dtype=np.uint8).reshape(4, 6)


def transparent(path, *, hidden):
    pixels = np.full((4, 6, 4), (hidden, hidden, hidden, 0), dtype=np.uint8)
    pixels[1:3, 1:3] = 128, 128, 128, 255
    Image.fromarray(pixels).save(path)


def palette(path):
    Image.fromarray(GREY).convert("RGB").quantize(16).save(path, transparency=0)


def turned(path):
    mark = Image.Exif()
    mark[0x0112] = 6
    Image.fromarray(GREY).save(path, exif=mark)


def moving(path):
    frames = [Image.new("L", (6, 4), value) for value in (0, 100, 255)]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:])


def deep(path):
    Image.fromarray(np.full((4, 6), 40_000, dtype=np.uint16)).save(path)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda path: transparent(path, hidden=0),
            "transparent parts; save it on the background that was shown",
        ),
        (lambda path: transparent(path, hidden=255), "transparent parts"),
        (palette, "transparent parts"),
        (turned, "EXIF orientation asks viewers to turn it"),
        (moving, "it has 3 frames; save the one that was shown"),
        (deep, "more than 8 bits a channel"),
    ],
)
def test_ambiguous_pixels_are_never_read(tmp_path, write, message):
    path = tmp_path / "a.png"
    write(path)
    stimuli = StimulusSet("s", pd.DataFrame(index=["a"]), {"a": path})
    with pytest.raises(DatasetError, match=f"cannot read the image of stimulus 'a': .*{message}"):
        stimuli.pixels()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1", "P", "CMYK"])
def test_plain_images_are_read(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.fromarray(GREY).convert(mode).save(path)
    with Image.open(path) as image:
        image.load()
        assert picture_fault(image) is None
