"""Single emitters in a scanned image, and the one in a small patch."""

from analysis.emitters.locate import Place, locate
from analysis.emitters.rows import find_in_rows
from analysis.emitters.spots import Emitters, find

__all__ = ["Emitters", "Place", "find", "find_in_rows", "locate"]
