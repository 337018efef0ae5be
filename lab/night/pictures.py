"""Pictures within a page: as text, no larger than a page needs them. The files they come from keep every pixel."""

import base64
import io
import logging
from pathlib import Path

log = logging.getLogger(__name__)

WIDTH_PX = 1100


def embedded(path: Path | None, alt: str, *, width_px: int = WIDTH_PX) -> str:
    """An image tag that holds the picture itself; a sentence where it cannot be read, nothing without a path.

    width_px : a wider picture is made as wide as that
    """
    from PIL import Image

    from lab.night.html import text

    if path is None:
        return ""
    try:
        with Image.open(path) as image:
            picture = image.convert("RGB")
        if picture.width > width_px:
            picture = picture.resize((width_px, max(1, picture.height * width_px // picture.width)))
        file = io.BytesIO()
        picture.save(file, "PNG", optimize=True)
    except (OSError, ValueError, Image.DecompressionBombError) as why:
        log.warning("the picture %s is left out: %s", path, why)
        return f'<p class="soft small">the picture {text(path.name)} cannot be read</p>'
    coded = base64.b64encode(file.getvalue()).decode("ascii")
    size = f'width="{picture.width}" height="{picture.height}"'
    return f'<img src="data:image/png;base64,{coded}" alt="{text(alt)}" {size}>'
