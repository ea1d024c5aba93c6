"""Stimuli on a grey screen, at the size at which an animal saw them and at which a network sees."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import UsageError

#: Grey level of the screen, of 255.
GREY = 128

_LARGEST_RATIO = 64.0


@dataclass(frozen=True)
class Screen:
    """Size of a network's input and of the stimuli, in degrees of visual angle.

    Parameters
    ----------
    visual_degrees : float
        Width of the screen, which is the input of the network's preprocessing.
    stimulus_degrees : float
        Width of the stimuli when the animal saw them.
    """

    visual_degrees: float
    stimulus_degrees: float

    @property
    def note(self) -> str:
        """Sentence for scores."""
        return (
            f"stimuli of {self.stimulus_degrees:g}° are placed on a grey screen of {self.visual_degrees:g}°"
            if self.visual_degrees >= self.stimulus_degrees
            else f"stimuli of {self.stimulus_degrees:g}° are cropped to their central {self.visual_degrees:g}°"
        )

    def place(self, stimuli: StimulusSet) -> StimulusSet:
        """Return the stimuli on the screen; their images are made when they are read."""
        if self.visual_degrees == self.stimulus_degrees:
            return stimuli
        ratio = self.visual_degrees / self.stimulus_degrees
        return StimulusSet(stimuli.identifier, stimuli.table, _Placed(stimuli, ratio))


def screen(owner: str, visual_degrees: float | None, stimulus_degrees: float | None) -> Screen | None:
    """Make a screen from the options of a model; None without these options.

    Parameters
    ----------
    owner : str
        Name of the model, for messages.
    visual_degrees, stimulus_degrees : float, optional
        See :class:`Screen`.

    Raises
    ------
    UsageError
        If one of the two is missing or is not a size, or the ratio is above 64.
    """
    if visual_degrees is None and stimulus_degrees is None:
        return None
    if visual_degrees is None or stimulus_degrees is None:
        missing, meaning = (
            ("visual_degrees", "at which the network sees")
            if visual_degrees is None
            else ("stimulus_degrees", "at which the animal saw the stimuli")
        )
        raise UsageError(f"{owner}: {missing}= is missing, the width {meaning} in degrees; give both")
    for option, value in (("visual_degrees", visual_degrees), ("stimulus_degrees", stimulus_degrees)):
        if not (np.isfinite(value) and 0 < value <= 360):
            raise UsageError(
                f"{owner}: {option} must be a width in degrees from above 0 to 360, got {value:g}"
            )
    ratio = visual_degrees / stimulus_degrees
    if not 1 / _LARGEST_RATIO <= ratio <= _LARGEST_RATIO:
        raise UsageError(
            f"{owner}: visual_degrees and stimulus_degrees must differ by a factor of at most {_LARGEST_RATIO:g}, got "
            f"{visual_degrees:g} and {stimulus_degrees:g}"
        )
    return Screen(float(visual_degrees), float(stimulus_degrees))


def place_on_screen(image: Image.Image, ratio: float) -> Image.Image:
    """Place an image in the centre of a grey screen, or crop it, without resampling.

    Parameters
    ----------
    image : PIL.Image.Image
    ratio : float
        Width of the screen divided by the width of the image.

    Returns
    -------
    PIL.Image.Image
        Grey for grey images, RGB for all others. Width and height are multiplied by `ratio` and rounded to
        whole pixels; with 2, the image covers a quarter of the pixels, and with 1 it is unchanged.

    Examples
    --------
    >>> from PIL import Image
    >>> place_on_screen(Image.new("RGB", (40, 30)), 2.0).size
    (80, 60)
    """
    image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    width, height = (max(1, round(ratio * length)) for length in image.size)
    placed = Image.new(image.mode, (width, height), GREY if image.mode == "L" else (GREY, GREY, GREY))
    # A negative corner crops the image.
    placed.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return placed


class _Placed(Mapping[str, NDArray[np.uint8]]):
    """Images of a set on a screen, made when they are read."""

    def __init__(self, stimuli: StimulusSet, ratio: float) -> None:
        self._stimuli, self._ratio = stimuli, ratio
        self._names = dict.fromkeys(stimuli.ids.tolist())

    def __getitem__(self, stimulus_id: str) -> NDArray[np.uint8]:
        return np.asarray(place_on_screen(self._stimuli.open(stimulus_id), self._ratio))

    def __contains__(self, stimulus_id: Any) -> bool:
        return stimulus_id in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
