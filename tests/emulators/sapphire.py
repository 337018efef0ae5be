"""A Coherent Sapphire at byte level."""

from dataclasses import dataclass

from tests.emulators.cw import CwEmulator

PROMPT = "Sapphire:0-> "


@dataclass
class SapphireEmulator(CwEmulator):
    """An empty line, or with echo on the command, then a value, and the prompt until it is switched off.

    state : as `?sta` tells it while it is off
    """

    end: bytes = b"\r\n"
    head: str = "4711.00"
    state: int = 3
    key: bool = True
    echo: bool = True
    prompt: bool = True
    least_mw: float = 0.2

    def answer(self, command: str) -> bytes:
        command = command.strip().lower()
        told = {
            "?l": int(self.on),
            "?p": f"{self.set_mw * self.on:.3f}",
            "?sp": f"{self.set_mw:.3f}",
            "?sta": 5 if self.on else self.state,
            "?fl": "0: no faults" if self.state != 6 else "12: head temperature\r\n14: interlock",
            "?hid": self.head,
            "?minlp": f"{self.least_mw:.3f}",
            "?maxlp": f"{self.most_mw:.3f}",
            "?hh": "812.50",
            "?k": int(self.key),
            "?t": 1,
        }
        lines = [command if self.echo else ""]
        lines += [str(told[command])] if command in told else self.obey(command)
        return ("".join(f"{one}\r\n" for one in lines) + PROMPT * self.prompt).encode()

    def restart(self):
        self.echo = self.prompt = True

    def obey(self, command: str) -> list[str]:
        word, _, value = command.partition("=")
        if word == ">":
            self.echo = self.prompt = value == "1"
        elif word == "l":
            self.switch(value == "1" and self.key and self.state in (3, 4, 5))
        elif word == "p":
            self.set_power(float(value))
            return [] if self.on else ["warning: laser is not on"]
        else:
            return ["illegal command"]
        return []
