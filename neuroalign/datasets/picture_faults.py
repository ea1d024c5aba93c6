"""Faults of image files that make the pixels of the stimulus uncertain."""

from PIL import Image

_ORIENTATION = 0x0112


def picture_fault(image: Image.Image) -> str | None:
    """Return the reason why a loaded image does not show the pixels of the stimulus; None if it does.

    Parameters
    ----------
    image : PIL.Image.Image
        Loaded image, without any conversion.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return "it has more than 8 bits a channel, which would be cut off; convert it to 8 bits"
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        return f"it has {frames} frames; save the one that was shown"
    if image.getexif().get(_ORIENTATION, 1) not in (0, 1):
        return "its EXIF orientation asks viewers to turn it; save it as it was shown, without that mark"
    if image.has_transparency_data:
        lowest = image.convert("RGBA").getchannel("A").getextrema()[0]
        if isinstance(lowest, int | float) and lowest < 255:
            return "it has transparent parts; save it on the background that was shown"
    return None
