"""A vendor's library of C functions, called one at a time. Needs the standard library only, of 3.8 or newer."""

from __future__ import annotations

import ctypes
import struct
import sys
import threading
from typing import Any

if __package__:
    from devices.iocs.drivers.timeharp.errors import CardFault
else:  # run by the path of server.py, where nothing else is installed
    from errors import CardFault  # pyright: ignore

INT = ctypes.c_int32
TEXT = ctypes.c_char_p
WORDS = ctypes.POINTER(ctypes.c_uint32)
TEXT_BYTES = 256  # more than any text needs that a library writes


class Library:
    """Functions of a shared library by name; none is ever called while another one runs.

    functions : argument types by name; floats : the names that return a float instead of an int
    errors : the function that puts a code into words, (text, code)
    turn : held during every call; hold it over calls that nothing may come between
    """

    def __init__(self, path: str, functions: dict[str, tuple[Any, ...]], floats: tuple[str, ...], errors: str) -> None:
        load = ctypes.WinDLL if sys.platform == "win32" else ctypes.CDLL  # the functions are stdcall on Windows
        try:
            library = load(path)
        except OSError as why:
            bits = 8 * struct.calcsize("P")
            raise CardFault(
                path, 0, f"cannot be loaded by this {bits}-bit Python ({why}); give a Python of the library's width"
            ) from why
        self.turn, self.errors, self.functions = threading.RLock(), errors, {}
        for name, arguments in functions.items():
            try:
                function = getattr(library, name)
            except AttributeError as why:
                raise CardFault(path, 0, f"has no function {name}: it is not the library that is expected") from why
            function.argtypes = arguments
            function.restype = ctypes.c_float if name in floats else INT
            self.functions[name] = function

    def call(self, name: str, *arguments: Any) -> Any:
        """What the function returns; CardFault if that is negative."""
        with self.turn:
            value = self.functions[name](*arguments)
            if value < 0:
                raise CardFault(name, int(value), self.in_words(int(value)))
        return value

    def text(self, name: str, *before: Any) -> str:
        """The text that the function writes into its last argument; CardFault if it returns less than 0."""
        buffer = ctypes.create_string_buffer(TEXT_BYTES)
        self.call(name, *before, buffer)
        return buffer.value.decode("latin-1").strip()

    def in_words(self, code: int) -> str:
        """What the library calls a code; "" if it does not know it."""
        buffer = ctypes.create_string_buffer(TEXT_BYTES)
        known = self.functions[self.errors](buffer, code)
        return buffer.value.decode("latin-1").strip() if known >= 0 else ""


def words(n: int) -> Any:
    """Memory for n unsigned 32-bit numbers."""
    return (ctypes.c_uint32 * n)()


def words_at(memory: Any, first: int) -> Any:
    """A pointer to one of them."""
    return ctypes.cast(ctypes.byref(memory, 4 * first), WORDS)
