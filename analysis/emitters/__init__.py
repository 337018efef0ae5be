"""Single emitters in a scanned image."""

from analysis.emitters.spots import Emitters, find

__all__ = ["Emitters", "find"]
