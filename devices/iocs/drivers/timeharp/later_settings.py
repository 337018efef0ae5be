"""Call sequences that the PicoHarp 300 and the TimeHarp 260 share: every function returns an error code, results come
through pointers, and no rate meter is switched. Needs the standard library only, of 3.8 or newer."""

from __future__ import annotations

import ctypes
import time
from typing import Any

if __package__:
    from devices.iocs.drivers.timeharp import thlib
    from devices.iocs.drivers.timeharp.board import Board
    from devices.iocs.drivers.timeharp.errors import CardFault
    from devices.iocs.drivers.timeharp.library import INT, TEXT_BYTES
else:  # run by the path of server.py
    import thlib  # pyright: ignore
    from board import Board  # pyright: ignore
    from errors import CardFault  # pyright: ignore
    from library import INT, TEXT_BYTES  # pyright: ignore

NUMBER, REAL = ctypes.POINTER(INT), ctypes.POINTER(ctypes.c_double)
T3 = 3
GATE_S = 0.11  # of the rate meters


class LaterSettings(Board):
    """One board, by its device index; how it is opened and set.

    version : what the version of the library begins with; n_bins : of the memory of one histogram
    overflow, fifo_full, system_error : its bits among the flags
    """

    version, n_bins = "3.", thlib.N_CHANNELS
    overflow, fifo_full, system_error = 0, 0, 0
    device, tagging, stop_full, settled_s = 0, False, -1, 0.0

    def call(self, name: str, *arguments: Any) -> Any:
        return self.lib.call(self.prefix + name, self.device, *arguments)

    def number(self, name: str, *arguments: Any) -> int:
        """The whole number that a function gives."""
        value = INT()
        self.call(name, *arguments, ctypes.byref(value))
        return value.value

    def real(self, name: str, *arguments: Any) -> float:
        """The number that a function gives."""
        value = ctypes.c_double()
        self.call(name, *arguments, ctypes.byref(value))
        return value.value

    def open(self, mode: int, routing: bool, levels: dict[str, Any], serial: str) -> dict[str, Any]:
        """Open the board for histograms (mode 0) or time tags (1) and set its levels; what it is."""
        with self.idle():
            version = self.lib.text(self.prefix + "GetLibraryVersion")
            if not version.startswith(self.version):
                raise CardFault(
                    self.prefix + "GetLibraryVersion", 0, f"the library is {version!r}, not {self.version}x"
                )
            self.shut_down()
            self.device, self.tagging = levels["device"], mode == thlib.TIME_TAGS
            found_serial = self.lib.text(self.prefix + "OpenDevice", self.device)
            self.opened = True
            if serial and found_serial != serial:
                raise CardFault(self.prefix + "OpenDevice", 0, f"the board is {found_serial!r}, not {serial!r}")
            self.call("Initialize", T3 if self.tagging else 0)
            steps = INT()
            base = ctypes.c_double()
            self.call("GetBaseResolution", ctypes.byref(base), ctypes.byref(steps))
            hardware = [ctypes.create_string_buffer(TEXT_BYTES) for _ in range(3)]
            self.call("GetHardwareInfo", *hardware)
            found = {
                "library": version, "serial": found_serial, "base_resolution_ps": base.value,
                "hardware": " ".join(one.value.decode("latin-1").strip() for one in hardware),
            }  # fmt: skip
            found.update(self.set_up(routing, levels, found))
            self.settled_s = time.monotonic() + GATE_S
            return found

    def set_up(self, routing: bool, levels: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
        """Set levels; how many channels are routed, and by what."""
        raise NotImplementedError

    def shut_down(self) -> None:
        self.stop_full = -1
        if self.opened:
            self.opened = False
            self.call("CloseDevice")

    def calibrate(self) -> dict[str, Any]:
        return {}

    def set_offset(self, offset_ns: int) -> None:
        raise NotImplementedError

    def window(self, range_code: int, offset_ns: int) -> dict[str, Any]:
        """Set range and offset; the offset, and the width of a channel."""
        with self.idle():
            self.call("SetBinning", range_code)
            self.set_offset(offset_ns)
            return {"offset_ns": offset_ns, "bin_width_ns": self.real("GetResolution") / 1000}

    def rate(self, source: str) -> int:
        raise NotImplementedError

    def meter(self, source: str) -> dict[str, Any]:
        """Counts per second at the inputs ("cfd") or at the sync input ("sync")."""
        time.sleep(max(self.settled_s - time.monotonic(), 0.0))
        return {"cps": self.rate(source)}

    def clear(self) -> None:
        raise NotImplementedError

    def block(self, memory: Any, block: int) -> None:
        raise NotImplementedError

    def flags(self) -> int:
        """The flags, as those of a TimeHarp 200."""
        flags = self.number("GetFlags")
        return thlib.OVERFLOW * bool(flags & self.overflow) | thlib.SYSTEM_ERROR * bool(flags & self.system_error)
