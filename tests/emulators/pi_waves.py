"""The wave generators, trigger outputs and data recorder of a PI controller."""

import time

import numpy as np

SERVO_S = 50e-6


class WaveGenerators:
    """Generator n plays its table on axis n, at `time_scale` seconds per second, behind by `lag_s` of the servo.

    pulses : (line, point) that were high while a wave was played, in order
    """

    def __init__(self, n_axes, time_scale=1.0, lag_s=0.0):
        self.n_axes, self.time_scale, self.lag_s = n_axes, time_scale, lag_s
        self.clear()

    def clear(self):
        self.tables, self.connected, self.cycles, self.offsets = {}, {}, {}, {}
        self.rate, self.record_rate, self.records = 1, 1, {}
        self.triggers, self.armed, self.pulses = {}, {}, []
        self.playing, self.began_s, self.last = {}, 0.0, {}

    def obey(self, word, arguments):
        """Carry out; an error code, 0 if there is none."""
        if self.running_bits() and word not in ("WGO",):
            return 73
        return getattr(self, word.lower())(*arguments) or 0

    def wav(self, table, mode, kind, *arguments):
        points = {"PNT": self.points, "LIN": self.ramp}[kind](*map(float, arguments))
        if points is None or mode not in ("X", "&", "+"):
            return 17
        before = [] if mode == "X" else self.tables.get(int(table), [])
        if kind == "PNT" and float(arguments[0]) != len(before) + 1:
            return 17
        self.tables[int(table)] = [*before, *points]

    def points(self, first, count, *values):
        return list(values) if count == len(values) else None

    def ramp(self, n, amplitude, offset, length, start, speed):
        return (offset + amplitude * np.linspace(0, 1, int(n))).tolist()

    def wcl(self, *tables):
        for table in tables:
            self.tables.pop(int(table), None)

    def wsl(self, generator, table):
        if not 1 <= int(generator) <= self.n_axes:
            return 17
        self.connected[int(generator)] = int(table)

    def wgc(self, generator, cycles):
        self.cycles[int(generator)] = int(cycles)

    def wos(self, generator, offset):
        self.offsets[int(generator)] = float(offset)

    def wtr(self, generator, rate, interpolation):
        if int(rate) < 1:
            return 17
        self.rate = int(rate)

    def rtr(self, rate):
        self.record_rate = int(rate)

    def drc(self, table, axis, what):
        self.records[int(table)] = (int(axis), int(what))

    def twc(self):
        self.triggers = {}

    def tws(self, *arguments):
        if len(arguments) % 3:
            return 24
        for at in range(0, len(arguments), 3):
            line, point, high = map(int, arguments[at : at + 3])
            self.triggers[line, point] = high

    def cto(self, line, what, value):
        self.armed[int(line)] = (int(what), int(value))

    def wgo(self, *arguments):
        modes = dict(zip(map(int, arguments[::2]), map(int, arguments[1::2]), strict=True))
        for generator, mode in modes.items():
            if not mode:
                at = self.now()
                if self.playing.pop(generator, None) is not None:
                    self.last[generator] = at[generator]
            elif not self.tables.get(self.connected.get(generator, 0)):
                return 17
        if starting := [generator for generator, mode in modes.items() if mode & 1]:
            self.start(starting)

    def start(self, generators):
        self.began_s = time.monotonic()
        for generator in generators:
            wave = np.tile(self.tables[self.connected[generator]], self.cycles.get(generator, 1))
            self.playing[generator] = wave + self.offsets.get(generator, 0.0)
        n = max(map(len, self.playing.values()))
        high = {(line, point) for (line, point), is_high in self.triggers.items() if is_high}
        lines = [line for line, (what, value) in self.armed.items() if (what, value) == (3, 4)]
        self.pulses = [(line, point) for point in range(1, n + 1) for line in lines if (line, point) in high]
        self.recording, self.played_rate = dict(self.playing), self.rate

    def lagging(self, wave):
        """Where the axis is at the end of every servo period of a wave."""
        told = np.repeat(wave, self.played_rate)
        if not self.lag_s:
            return told
        keep = np.exp(-SERVO_S / self.lag_s)
        at, path = told[0], np.empty(len(told))
        for n, target in enumerate(told):
            at = path[n] = target + (at - target) * keep
        return path

    def running_bits(self):
        played = (time.monotonic() - self.began_s) / (SERVO_S * self.rate * self.time_scale)
        return sum(1 << generator - 1 for generator, wave in self.playing.items() if played < len(wave))

    def now(self):
        """Where running and ended waves have the axes, by number of the axis."""
        played = (time.monotonic() - self.began_s) / (SERVO_S * self.rate * self.time_scale)
        return {axis: float(wave[min(int(played), len(wave) - 1)]) for axis, wave in self.playing.items()}

    def ended(self):
        """Final positions of waves that came to their end; each is told once."""
        left, self.last = self.last, {}
        if self.playing and not self.running_bits():
            left |= self.now()
            self.playing = {}
        return left

    def stop(self):
        at, self.playing = self.now(), {}
        return at

    def recorded(self, arguments):
        first, n, *tables = map(int, arguments)
        axes = [self.records[table][0] for table in tables]
        columns = [self.lagging(self.recording[axis])[:: self.record_rate][first - 1 : first - 1 + n] for axis in axes]
        header = [f"# DIM = {len(tables)}", f"# SAMPLE_TIME = {SERVO_S * self.record_rate:.6f}", f"# NDATA = {n}"]
        rows = [" ".join(f"{value:.6f}" for value in row) for row in zip(*columns, strict=True)]
        return " \n".join(["# REM recorder", "# ", *header, "# END_HEADER", *rows]).encode() + b"\n"
