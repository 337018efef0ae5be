"""Stored runs as files for other programs: photons, images, tables, and everything; no instrument is asked.

export(db[-1], "A.ome.tif")
export(db["3572736c"], "A.nxs")
export_all(db(sample_name="A"), "for_the_archive")
"""

from lab.export.back import Back, read_back
from lab.export.errors import ExportError
from lab.export.export import export
from lab.export.kinds import KINDS
from lab.export.many import Manifest, export_all

__all__ = ["KINDS", "Back", "ExportError", "Manifest", "export", "export_all", "read_back"]
