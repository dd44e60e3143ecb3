"""The sizes of images (docs/_ext/figures.py)."""

from pathlib import Path

import pytest
from figures import css_size
from PIL import Image


def test_an_svg_tells_its_size_in_points(tmp_path: Path) -> None:
    file = tmp_path / "drawn.svg"
    file.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="460.8pt" height="288pt"/>')
    assert css_size(file) == (614, 384)


def test_a_raster_image_has_two_pixels_for_one(tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    Image.new("L", (301, 200)).save(file)
    assert css_size(file) == (150, 100)


@pytest.mark.parametrize("text", ["<svg/>", "no image"])
def test_an_image_without_a_size_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "none.svg"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"width and height .*none\.svg"):
        css_size(file)
    with pytest.raises(ValueError, match=r"missing\.png"):
        css_size(tmp_path / "missing.png")
