"""A Cobolt laser at byte level."""

from dataclasses import dataclass

from tests.emulators.cw import CwEmulator


@dataclass
class CoboltEmulator(CwEmulator):
    """One line for each word; `autostart` must be off before it obeys l1."""

    serial: str = "12345"
    autostart: bool = True
    direct: bool = True
    mode: int = 0

    def answer(self, command: str) -> bytes:
        word, _, value = command.strip().partition(" ")
        told = {
            "sn?": self.serial,
            "gfv?": "5.012",
            "glm?": "0561-06-91-0050-100",
            "l?": str(int(self.on)),
            "p?": f"{self.set_mw * 1e-3:.4f}",
            "pa?": f"{self.set_mw * 1e-3 * self.on:.4f}",
            "i?": "612.3",
            "f?": str(self.fault),
            "ilk?": str(int(not self.interlock_closed)),
            "gam?": str(self.mode),
            "gom?": "2" if self.on else "0",
            "hrs?": "312.4",
        }
        return f"{told.get(word) or self.obey(word, value)}\r\n".encode()

    def obey(self, word: str, value: str) -> str:
        if word in ("l1", "@cob1") and (self.fault or (word == "l1" and self.autostart)):
            return "Syntax error: not allowed in this state"
        if word in ("l0", "l1", "@cob0", "@cob1"):
            self.switch(word.endswith("1"))
        elif word == "l":
            self.switch(value == "1")
        elif word == "p":
            if not 0 <= float(value) * 1e3 <= self.most_mw:
                return "Syntax error: out of range"
            self.set_power(float(value) * 1e3)
        elif word in ("@cobas", "@cobasdr"):
            setattr(self, {"@cobas": "autostart", "@cobasdr": "direct"}[word], value == "1")
        elif word in ("cp", "ci"):
            self.mode = int(word == "cp")
        elif word == "cf":
            self.fault = 0
        else:
            return "Syntax error: illegal command"
        return "OK"
