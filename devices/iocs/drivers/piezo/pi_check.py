"""A look at a PI controller for the bench checklist: nothing moves, no servo is switched."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.piezo import gcs
from devices.iocs.drivers.piezo.gcs import GcsError
from devices.iocs.drivers.wires.wire import WireError

if TYPE_CHECKING:
    from devices.iocs.drivers.piezo.pi_gcs import PiStage

POINT_COMMANDS = ("MOV", "ONT?", "POS?", "SVO", "TMN?", "TMX?")
LINE_COMMANDS = ("WAV", "WSL", "WTR", "WGC", "WOS", "WGO")
RECORDER_COMMANDS, TRIGGER_COMMANDS = ("RTR", "DRC", "DRR?"), ("TWC", "TWS", "CTO")


def look(stage: "PiStage") -> list[Finding]:
    """What was found; a controller that does not answer is one line, and nothing else is asked."""
    try:
        stage.session.wire.open()
    except (WireError, GcsError, ValueError) as why:
        return [Finding("identity", "failed", f"{why}", "check power, cable, port and baudrate, then idn")]
    return [found for step in STEPS for found in told(step, stage)]


def told(step: Callable[["PiStage"], Iterator[Finding]], stage: "PiStage") -> list[Finding]:
    try:
        return list(step(stage))
    except (WireError, GcsError, ValueError) as why:
        return [Finding(step.__name__.replace("_", " "), "failed", f"{why}", "try the question in a terminal program")]


def identity(stage: "PiStage") -> Iterator[Finding]:
    options, who = stage.options, stage.session.identity
    if options.idn:
        yield Finding("identity", "ok", who)
    else:
        do = "copy model and serial number from here into idn, so that another controller is refused"
        yield Finding("identity", "unverified", who, do)


def readiness(stage: "PiStage") -> Iterator[Finding]:
    session, what = stage.session, "readiness"
    if not session.seems_ready():
        yield Finding(what, "failed", "busy", "wait for the end of its macro, reference move or autozero")
    elif session.tells_ready:
        yield Finding(what, "ok", "ready")
    else:
        do = "after power-on, wait until the controller is ready before a scan"
        yield Finding(what, "unverified", "it does not answer the byte 7", do)


def errors(stage: "PiStage") -> Iterator[Finding]:
    ask = stage.session.error_code
    if not (first := ask()) or not (second := ask()):
        yield Finding("errors", "ok", "none pending" if not first else f"error {first} was pending, it is cleared")
        return
    do = "ERR? must clear the error it tells, or every command looks refused: switch the controller off and on"
    yield Finding("errors", "failed", f"error {first}, then error {second} though nothing was commanded", do)


def travel(stage: "PiStage") -> Iterator[Finding]:
    for letter, (low, high) in zip("xyz", stage.limits_um, strict=True):
        if letter not in stage.options.axes:
            yield Finding(f"travel of {letter}", "ok", "there is no such axis; it counts as 0")
            continue
        found = f"axis {stage.options.axes[letter]} from {low:g} to {high:g} um"
        do = "move it a little and look at the image: is it this axis, this direction, and are these micrometres?"
        yield Finding(f"travel of {letter}", "unverified", found, do)


def stages(stage: "PiStage") -> Iterator[Finding]:
    names = stage.names
    found = stage.session.ask(gcs.command("CST?", *names), lambda reply: gcs.values(reply, names))
    yield Finding("stages", "ok", ", ".join(f"axis {name}: {kind}" for name, kind in zip(names, found, strict=True)))


def servo(stage: "PiStage") -> Iterator[Finding]:
    on = stage.session.flags("SVO?", stage.names)
    off = ", ".join(name for name, is_on in zip(stage.names, on, strict=True) if not is_on)
    if not off:
        yield Finding("servo", "ok", "on for all axes")
    elif stage.options.switches_servo_on:
        do = "the first move switches it on, the stage may jump: keep the objective away, or switch it on by hand"
        yield Finding("servo", "unverified", f"off for axis {off}", do)
    else:
        yield Finding("servo", "failed", f"off for axis {off}", "switch it on, or set switches_servo_on = true")


def online(stage: "PiStage") -> Iterator[Finding]:
    if stage.options.needs_online:
        channels = stage.options.channels
        do = "channels and axes need not have the same names: compare with the manual, then give online_channels"
        state = "ok" if stage.options.online_channels else "unverified"
        found = f"the first move puts channels {', '.join(map(str, channels))} online"
        yield Finding("online", state, found, "" if state == "ok" else do)


def position(stage: "PiStage") -> Iterator[Finding]:
    x, y, z = stage.position_um()
    on_target = all(stage.session.flags("ONT?", stage.names))
    yield Finding("position", "ok", f"{x:.4f}, {y:.4f}, {z:.4f} um, {'' if on_target else 'not '}on target")


def settling(stage: "PiStage") -> Iterator[Finding]:
    do = "step by 1 um and record the positions: is the stage still within a pixel when on target? else give settle_s"
    yield Finding("settling", "unverified", f"{stage.options.settle_s:g} s after on-target", do)


def command_set(stage: "PiStage") -> Iterator[Finding]:
    told = stage.session.ask("HLP?", gcs.lines, timeout_s=max(5.0, stage.options.timeout_s))
    known = {line.split()[0].upper() for line in told if line.split()}
    lines, needed = stage.options.lines, POINT_COMMANDS
    if lines.servo_period_s:
        needed += LINE_COMMANDS + RECORDER_COMMANDS * lines.is_recording
        needed += TRIGGER_COMMANDS * bool(lines.trigger_output)
    missing = [word for word in needed if word not in known]
    if missing:
        do = "without these it cannot do what is configured; leave out servo_period_s if only lines are concerned"
        yield Finding("command set", "failed", f"it does not know {', '.join(missing)}", do)
    else:
        yield Finding("command set", "ok", f"{len(known)} commands, all that are needed")


def hardware_lines(stage: "PiStage") -> Iterator[Finding]:
    lines = stage.options.lines
    if lines.servo_period_s:
        running = stage.session.bits(gcs.GENERATING)
        found = f"servo period {lines.servo_period_s:g} s, generators {lines.generators}, running now: {running:#x}"
        do = "run one line over a known edge: is its time right, are x and y not swapped, is there a pulse per pixel?"
        yield Finding("hardware-timed lines", "unverified", found, do)


STEPS = (
    identity,
    readiness,
    errors,
    travel,
    stages,
    servo,
    online,
    position,
    settling,
    command_set,
    hardware_lines,
)
