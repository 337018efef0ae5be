"""The lab's old data: files of the instruments' own software become runs in the catalog, analysed like any other."""

from lab.imports.folder import again, import_folder
from lab.imports.house import House
from lab.imports.result import Imported
from lab.imports.told import ImportRefused, Told

__all__ = ["House", "ImportRefused", "Imported", "Told", "again", "import_folder"]
