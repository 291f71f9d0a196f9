"""One image file in any format Pillow knows, read with care: such files are not trusted."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

MAX_PIXELS = 64_000_000  # a larger image is refused before it is decoded: a small file may expand into gigabytes
_GREY = ("1", "L", "LA", "I", "F")
_DEEP = ("I", "F")  # more than 8 bits per pixel; 16-bit modes begin with "I;16"
_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap height and width
_ORIENTATION = 0x0112


class UnreadableImageError(Exception):
    """The file is not a readable image."""


@dataclass(frozen=True, slots=True)
class Header:
    """Height and width in pixels as the image is meant to be seen, and whether it is greyscale."""

    height: int
    width: int
    is_grey: bool


def read_header(path: Path) -> Header:
    """What a file says about its image without decoding it; raises UnreadableImageError."""
    with _open(path) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _TURNED:
            width, height = height, width
        return Header(height, width, image.mode in _GREY or image.mode.startswith("I;16"))


def read_pixels(path: Path, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """The image (height, width, channels), turned upright, transparent parts black, smoothed where it is shrunk.

    An animation gives its first frame. Raises UnreadableImageError.
    """
    with _open(path) as image:
        upright = _to_eight_bits(ImageOps.exif_transpose(image))
        if "A" in upright.mode or "transparency" in upright.info:
            upright = upright.convert("RGBA")
            black = Image.new("RGBA", upright.size, (0, 0, 0, 255))
            upright = Image.alpha_composite(black, upright)
        converted = upright.convert("L" if channels == 1 else "RGB")
        resized = converted.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(resized, np.uint8).reshape(height, width, channels)


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Pillow clips deeper greys at 255; here 16 bits are scaled, and other depths by the image's own range."""
    if not (image.mode in _DEEP or image.mode.startswith("I;16")):
        return image
    values = np.asarray(image).astype(np.float64)
    top = 65_535.0 if image.mode != "F" else max(1.0, float(values.max()))
    return Image.fromarray(np.clip(values / top * 255, 0, 255).astype(np.uint8))


@contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    """The opened file; whatever Pillow throws at a damaged or hostile one becomes UnreadableImageError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata, which does not matter here
            with Image.open(path) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise UnreadableImageError(f"more than {MAX_PIXELS:,} pixels")
                yield image
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, MemoryError) as error:
        raise UnreadableImageError(str(error)) from error
    except (Image.DecompressionBombError, ArithmeticError, AttributeError) as error:
        raise UnreadableImageError(str(error)) from error
