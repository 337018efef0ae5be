"""Text that Fluoracle (and its predecessor F980) exports: scans, and decays over time.

Rows of a key and one value for each curve, in any order; then rows of the axis and one number for each curve. Any of
the usual encodings, delimiters and line ends; layout as found in files of several laboratories.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from analysis.formats._bytes import opened
from analysis.formats._fluoracle_header import (
    COLLECTION,
    ENOUGH_KEYS,
    KEYS,
    NUMBERS,
    Header,
    curve_headers,
    known_keys,
    read_header,
)
from analysis.formats._fluoracle_rows import check_points, read_rows
from analysis.formats._fluoracle_text import encoding, read_text
from analysis.formats.photons import Spectrum

HEAD_BYTES = 1 << 20
WAVELENGTHS = ("Emission Scan", "Excitation Scan", "Synchronous Scan")


def is_fluoracle(path: str | Path) -> bool:
    """Whether a file begins with rows of a Fluoracle header."""
    with opened(Path(path)) as cursor:
        head = cursor.bytes(min(HEAD_BYTES, cursor.size), "the first bytes")
    codec, mark = encoding(head)
    wide = codec if codec.startswith("utf-16") else "latin-1"
    return len(known_keys(head[mark:].decode(wide, "replace"))) >= ENOUGH_KEYS


def read_fluoracle(path: str | Path) -> Spectrum:
    """The curves of an exported text.

    Values of the header are texts, with a point for the decimals; the name of the collection is under "Collection".

    ValueError, with the byte and what was expected there, for a file that is cut, whose rows are not those that Start,
    Stop and Step announce, or that holds anything but rows of keys and rows of numbers.
    """
    text = read_text(Path(path))
    header = read_header(text)
    rows = read_rows(text, header)
    curves = curve_headers(text, header, len(rows.y))
    unit = _unit(curves[0])
    check_points(text, header, rows, curves, unit)
    return Spectrum(rows.x, rows.y, _together(header, curves), unit, tuple(curves))


def write_fluoracle(
    path: str | Path,
    spectrum: Spectrum,
    *,
    separator: str = "\t",
    decimal: str = ".",
    encoding: str = "utf-8",
    line_end: str = "\n",
) -> None:
    """Write curves as Fluoracle exports them; what is missing of Labels, Start, Stop, Step and axes is filled in.

    separator : tab, comma or semicolon; decimal : point or comma; encoding : as Python calls it

    Numbers are written with nine digits. ValueError for curves or texts that such a file cannot hold.
    """
    _check_writable(spectrum, separator, decimal)
    curves = [_complete(spectrum, index) for index in range(len(spectrum))]
    keys = sorted(curves[0], key=_place)
    rows = [[key, *(_written(key, curve.get(key, ""), separator, decimal) for curve in curves)] for key in keys]
    numbers = [
        [_axis(x).replace(".", decimal), *(_value(y).replace(".", decimal) for y in values)]
        for x, values in zip(spectrum.x, spectrum.counts.T, strict=True)
    ]
    title = [str(spectrum.header[COLLECTION]), ""] if COLLECTION in spectrum.header else []
    lines = title + [separator.join([*row, ""]) if row else "" for row in [*rows, [], *numbers]]
    Path(path).write_bytes("".join(line + line_end for line in lines).encode(encoding))


def field(header: Mapping[str, Any], key: str) -> str:
    """What a header says under a key, however it is capitalised; empty if nothing.

    >>> field({"XAxis": "Time(ns)"}, "Xaxis")
    'Time(ns)'
    """
    return str(next((value for name, value in header.items() if name.casefold() == key.casefold()), ""))


def _together(header: Header, curves: list[dict[str, str]]) -> dict[str, Any]:
    """One header for all: a text where the curves agree, else a tuple of theirs."""
    values = {key: tuple(curve[key] for curve in curves) for key in header.values}
    same = {key: each[0] if len(set(each)) == 1 else each for key, each in values.items()}
    return ({COLLECTION: header.collection} if header.collection else {}) | same


def _unit(curve: dict[str, str]) -> str:
    """The unit of the axis: as it says in brackets, nm of a wavelength."""
    axis, kind = field(curve, "Xaxis"), field(curve, "Type")
    if "(" in axis:
        return axis.partition("(")[2].partition(")")[0].strip()
    wavelength = axis.casefold() == "wavelength" or (not axis and kind in WAVELENGTHS)
    return "nm" if wavelength else ""


def _check_writable(spectrum: Spectrum, separator: str, decimal: str) -> None:
    if separator not in ("\t", ",", ";") or decimal not in (".", ",") or separator == decimal:
        raise ValueError(f"separator {separator!r}, decimal {decimal!r}: give tab, comma or semicolon, and another one")
    x, counts = spectrum.x, spectrum.counts
    if counts.ndim != 2 or x.shape != counts.shape[1:] or counts.size == 0:
        raise ValueError(f"x {x.shape}, counts {counts.shape}: give (n,) and (n_curves, n), at least one of each")
    if not (np.isfinite(x).all() and (np.diff(x) > 0).all()):
        raise ValueError("x is not ascending: sort the points, one for each position")


def _complete(spectrum: Spectrum, index: int) -> dict[str, Any]:
    """The header of a curve, with what can be told from its points."""
    own = dict(spectrum.curves[index]) if spectrum.curves else _share(spectrum, index)
    x = spectrum.x[~np.isnan(spectrum.counts[index])]
    usual = {
        "Labels": f"curve {index + 1}",
        "Start": _axis(x[0]) if x.size else "",
        "Stop": _axis(x[-1]) if x.size else "",
        "Step": _axis(np.median(np.diff(x))) if x.size > 1 else "1.00",
        "Xaxis": "Wavelength" if spectrum.x_unit == "nm" else f"Time({spectrum.x_unit})",
        "Yaxis": "Counts",
    }
    return own | {key: value for key, value in usual.items() if not field(own, key)}


def _share(spectrum: Spectrum, index: int) -> dict[str, Any]:
    about = {key: value for key, value in spectrum.header.items() if key != COLLECTION}
    return {key: value[index] if isinstance(value, (tuple, list)) else value for key, value in about.items()}


def _place(key: str) -> int:
    """Where the vendor puts a key; those of others come last."""
    known = [name.casefold() for name in KEYS]
    return known.index(key.casefold()) if key.casefold() in known else len(known)


def _written(key: str, value: Any, separator: str, decimal: str) -> str:
    words = str(value)
    if any(mark in words for mark in (separator, "\n", "\r", "\0")):
        raise ValueError(f"{key} is {words[:40]!r}: take delimiters and line ends out, or choose another separator")
    return words.replace(".", decimal) if key.casefold() in NUMBERS else words


def _axis(x: float) -> str:
    digits = f"{x:.8g}"
    return digits if "e" in digits else f"{x:.{max(2, len(digits.partition('.')[2]))}f}"


def _value(y: float) -> str:
    if not np.isfinite(y):
        return "" if np.isnan(y) else f"{y}"
    mantissa, _, exponent = f"{y:.8E}".partition("E")
    return f"{mantissa}E{int(exponent):+d}"
