"""Lines that the controller times itself: wave generators step the stage, a digital output marks every pixel.

Each pixel is a few points of a wave table, each point a whole number of servo periods. The data recorder takes one
position of each axis per point. Unverified: that generator n drives the n-th axis of the controller, that the recorder
starts with the generators, and the bits of the start mode; `python -m devices.iocs --check` tells how to see it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from devices.iocs.drivers.piezo import gcs
from devices.iocs.drivers.piezo.gcs import GcsError
from devices.iocs.drivers.piezo.pi_options import LineOptions
from devices.iocs.drivers.piezo.pi_session import POLL_S, PiSession, StageError
from devices.iocs.drivers.wires.wire import WireError

if TYPE_CHECKING:
    from devices.iocs.drivers.piezo.pi_gcs import PiStage

POINTS_PER_WAV = 27  # and 5 other arguments, of 32
BYTES_PER_SAMPLE, BITS_PER_BYTE = 24, 10
UNEVEN = 1e-3
Command = tuple[object, ...]


@dataclass(frozen=True)
class Line:
    """Where the sensors saw the stage in the mean of each dwell, shape (n,); NaN where nothing was recorded.

    dwell_s : of each pixel, by the clock of the controller
    is_complete : False if the line was stopped
    """

    x_um: np.ndarray
    y_um: np.ndarray
    dwell_s: float
    is_complete: bool


@dataclass(frozen=True)
class Program:
    """A line as the controller plays it.

    xy_um : the path, shape (2, n)
    rate : servo periods of each point of the wave tables
    """

    options: LineOptions
    axes: tuple[str, str]
    xy_um: np.ndarray
    rate: int

    @property
    def n_points(self) -> int:
        return self.xy_um.shape[1] * self.options.points_per_pixel

    @property
    def dwell_s(self) -> float:
        return self.rate * self.options.points_per_pixel * self.options.servo_period_s

    @property
    def duration_s(self) -> float:
        return self.xy_um.shape[1] * self.dwell_s


def run(
    stage: "PiStage", x_um: np.ndarray, y_um: np.ndarray, dwell_s: float, *, z_um: float | None, stop: threading.Event
) -> Line:
    """Move to the first pixel, play the line, read back where the stage was.

    Raises
    ------
    ValueError : a pixel outside the limits, or a dwell that the servo period does not divide; nothing moves.
    GcsError, StageError, WireError : as `PiStage.move`; the generators are stopped.
    """
    program = program_of(stage, x_um, y_um, dwell_s)
    session = stage.session
    nowhere = np.full(program.xy_um.shape[1], np.nan)
    if z_um is None:
        z_um = session.numbers("MOV?", [stage.options.axes["z"]])[0] if "z" in stage.options.axes else 0.0
    (x_0, y_0), (x_end, y_end) = ends_of(program).T.tolist()
    stage.checked(x_0, y_0, z_um)
    stage.checked(x_end, y_end, z_um)
    if not stage.move(x_0, y_0, z_um, stop=stop):
        return Line(nowhere, nowhere, program.dwell_s, is_complete=False)
    done = play(session, program, stop)
    if not (done and program.options.is_recording):
        return Line(nowhere, nowhere, program.dwell_s, is_complete=done)
    x_seen, y_seen = read_back(session, program)
    return Line(x_seen, y_seen, program.dwell_s, is_complete=True)


def program_of(stage: "PiStage", x_um: np.ndarray, y_um: np.ndarray, dwell_s: float) -> Program:
    """The program of a line; ValueError telling what is wrong with it."""
    options, axes = stage.options.lines, stage.options.axes
    if not options.servo_period_s:
        raise ValueError("lines.servo_period_s is not given: no hardware-timed lines; E-727: 50e-6, see its manual")
    xy_um = np.array([x_um, y_um], dtype=float)
    if xy_um.ndim != 2 or not xy_um.size:
        raise ValueError(f"a line of shape {xy_um.shape[1:]}: x and y are two lists of the same length, not empty")
    for letter, places, (low, high) in zip("xy", xy_um, stage.limits_um, strict=False):
        if not (low <= places.min() and places.max() <= high):  # and neither is NaN
            raise ValueError(f"{letter} from {places.min()} to {places.max()} um: allowed {low:g} to {high:g} um")
    step_s = options.servo_period_s * options.points_per_pixel
    if not 0 < dwell_s < np.inf:
        raise ValueError(f"dwell_s = {dwell_s}: above 0")
    rate = max(1, round(dwell_s / step_s))
    if abs(rate * step_s - dwell_s) > 1e-3 * dwell_s:
        raise ValueError(f"dwell_s = {dwell_s:g}: a multiple of {step_s:g} s, such as {rate * step_s:g}")
    if options.sweeps and (xy_um.shape[1] < 2 or not is_even(xy_um)):
        raise ValueError("lines.sweeps = true: only for at least 2 evenly spaced pixels")
    return Program(options, (axes["x"], axes["y"]), xy_um, rate)


def is_even(xy_um: np.ndarray) -> bool:
    steps = np.diff(xy_um, axis=1)
    return bool(np.allclose(steps, steps.mean(axis=1, keepdims=True), atol=UNEVEN * np.abs(steps).max()))


def ends_of(program: Program) -> np.ndarray:
    """Where the line begins and ends, shape (2, 2): a sweep does so half a step outside of its pixels."""
    if not program.options.sweeps:
        return program.xy_um[:, [0, -1]]
    half = np.diff(program.xy_um, axis=1).mean(axis=1) / 2
    return np.stack([program.xy_um[:, 0] - half, program.xy_um[:, -1] + half], axis=1)


def commands(program: Program) -> Iterator[Command]:
    """Everything that is said before the start; tables and recorder carry the numbers of the generators."""
    options, generators = program.options, program.options.generators
    for index, generator in enumerate(generators):
        yield from wave(program, index)
        yield "WSL", generator, generator
        yield "WGC", generator, 1
        yield "WOS", generator, 0.0
    yield "WTR", 0, program.rate, 0
    if options.trigger_output:
        yield from pulses(program)
    if options.is_recording:
        yield "RTR", program.rate
        for generator, axis in zip(generators, program.axes, strict=True):
            yield "DRC", generator, axis, 2


def wave(program: Program, index: int) -> Iterator[Command]:
    """The wave table of one axis."""
    table, n = program.options.generators[index], program.n_points
    if program.options.sweeps:
        start, end = ends_of(program)[index]
        yield "WAV", table, "X", "LIN", n, float(end - start), float(start), n, 0, 0
        return
    points = np.repeat(program.xy_um[index], program.options.points_per_pixel).tolist()
    for first in range(0, n, POINTS_PER_WAV):
        piece = points[first : first + POINTS_PER_WAV]
        yield "WAV", table, "&" if first else "X", "PNT", first + 1, len(piece), *piece


def pulses(program: Program) -> Iterator[Command]:
    """High during the first point of every pixel, low from the second on."""
    line, each, most = (
        program.options.trigger_output,
        program.options.points_per_pixel,
        program.options.switches_per_tws,
    )
    firsts = range(1, program.n_points + 1, each)
    switched = [switch for first in firsts for switch in ((line, first, 1), (line, first + 1, 0))]
    yield ("TWC",)
    for start in range(0, len(switched), most):
        yield "TWS", *(word for switch in switched[start : start + most] for word in switch)
    yield "CTO", line, 3, 4


def play(session: PiSession, program: Program, stop: threading.Event) -> bool:
    """Program the generators, start them and wait for their end; False if stopped. They are free again, however."""
    options = program.options
    modes = [word for generator in options.generators for word in (generator, options.start_mode)]
    try:
        for word, *arguments in commands(program):
            session.set(str(word), *arguments)
        openings = session.wire.openings
        session.set("WGO", *modes)
        done = wait_for_end(session, program, openings, stop)
        if not done:
            session.set("WGO", *off(program))
            session.stop_all()
        for generator in options.generators:
            session.set("WSL", generator, 0)
    except BaseException:
        with suppress(WireError, GcsError):
            session.set("WGO", *off(program))
        with suppress(WireError, GcsError):
            session.stop_all()
        raise
    return done


def off(program: Program) -> list[int]:
    return [word for generator in program.options.generators for word in (generator, 0)]


def wait_for_end(session: PiSession, program: Program, openings: int, stop: threading.Event) -> bool:
    """Until no generator runs; False if stopped. openings : of the wire, when the line began"""
    patience_s = 1.5 * program.duration_s + session.options.move_timeout_s
    until = time.monotonic() + patience_s
    while session.bits(gcs.GENERATING) or session.wire.openings != openings:
        if session.wire.openings != openings:
            raise WireError(f"{session.wire.url}: the wire broke during a line, which is stopped and not trusted")
        if stop.wait(POLL_S):
            return False
        if time.monotonic() > until:
            raise StageError(
                f"{session.wire.url}: a line of {program.duration_s:g} s still runs after {patience_s:g} s, stopped: "
                "look at lines.servo_period_s and lines.start_mode"
            )
    return True


def read_back(session: PiSession, program: Program) -> np.ndarray:
    """Measured positions, shape (2, n): the mean of the samples in each dwell."""
    n, tables = program.n_points, program.options.generators
    patience_s = n * len(tables) * BYTES_PER_SAMPLE * BITS_PER_BYTE / (session.options.baudrate or 1_000_000)
    samples = session.ask(
        gcs.command("DRR?", 1, n, *tables),
        lambda reply: gcs.recording(reply, n_samples=n, n_tables=len(tables)),
        timeout_s=session.options.timeout_s + 2 * patience_s,
    )
    return samples.T.reshape(len(tables), -1, program.options.points_per_pixel).mean(axis=2)
