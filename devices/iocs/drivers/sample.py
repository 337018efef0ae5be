"""The sample on a real stage: what the operator says it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.memory import BenchMemory
from devices.iocs.drivers.wires.wire_log import WireLog


@dataclass(frozen=True)
class SampleOptions:
    """names : what can be mounted; empty: any name is taken."""

    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not all(name.strip() == name != "" and name.isprintable() for name in self.names):
            raise ValueError(f"names = {list(self.names)}: names of samples, without empty ones")


class DeclaredSample:
    """No sensor knows what lies on the stage: the operator says it, and it is remembered."""

    def __init__(self, options: SampleOptions, *, memory: BenchMemory, log: WireLog | None = None) -> None:
        self.options, self.memory, self.log = options, memory, log

    @property
    def samples(self) -> Sequence[str]:
        """What can be mounted; empty: any."""
        return self.options.names

    @property
    def mounted(self) -> str:
        """As the operator said last; empty if nobody has."""
        return self.memory.get("mounted")

    def mount(self, name: str) -> None:
        """ValueError for a name that is none."""
        if not (name.strip() == name and name.isprintable()):
            raise ValueError(f"sample = {name!r}: a name in printable letters, without spaces around it")
        if self.samples and name not in self.samples:
            raise ValueError(f"sample = {name!r}: there are {', '.join(self.samples)}")
        self.memory.keep("mounted", name)

    def check(self) -> list[Finding]:
        """What is believed to be mounted."""
        to_do = "look at the holder; if it is another one, say so: RE(bps.mv(microscope.sample.mounted, ...))"
        return [Finding("mounted sample", "unverified", self.mounted or "nobody has said", to_do)]
