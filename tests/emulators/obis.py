"""A Coherent OBIS at byte level."""

from dataclasses import dataclass

from tests.emulators.cw import CwEmulator

ON_OFF = {"ON": True, "OFF": False}


@dataclass
class ObisEmulator(CwEmulator):
    """SCPI words; OK lines while `handshaking`.

    line_end : of its replies; unsupported : words it answers with ERR-100, or with `error` for any other
    """

    end: bytes = b"\r\n"
    line_end: str = "\r\n"
    handshaking: bool = False
    asleep: bool = True
    unsupported: tuple[str, ...] = ()
    error: str = "ERR-100"

    def answer(self, command: str) -> bytes:
        word, _, value = command.strip().partition(" ")
        told = {
            "*IDN?": "Coherent, Inc - OBIS 561nm 50mW C - V1.0.1 - AB1234",
            "SYST:INF:MOD?": "OBIS 561nm 50mW C",
            "SYST:INF:SNUM?": "AB1234",
            "SOUR:AM:STAT?": "ON" if self.on else "OFF",
            "SOUR:POW:LEV?": f"{self.set_mw * 1e-3 * self.on:.5f}",
            "SOUR:POW:LEV:IMM:AMPL?": f"{self.set_mw * 1e-3:.5f}",
            "SYST:FAUL?": f"{self.fault:08X}",
            "SYST:STAT?": "C8000000",
            "SYST:LOCK?": "OK" if self.interlock_closed else "OFF",
            "SYST:CDRH?": "OFF",
        }
        if word in self.unsupported:
            return self.lines(self.error)
        if word in told:
            return self.lines(told[word], *["OK"] * self.handshaking)
        return self.lines(*self.obey(word, value))

    def obey(self, word: str, value: str) -> list[str]:
        if word == "SYST:COMM:HAND":
            self.handshaking = ON_OFF[value]
        elif word == "SOUR:AM:STAT":
            self.switch(ON_OFF[value] and not self.asleep)
        elif word == "SOUR:TEMP:APR":
            self.asleep = not ON_OFF[value]
        elif word == "SOUR:POW:LEV:IMM:AMPL":
            if not 0 <= float(value) * 1e3 <= self.most_mw:
                return ["ERR-220"]
            self.set_power(float(value) * 1e3)
        else:
            return ["ERR-100"]
        return ["OK"] * self.handshaking

    def lines(self, *lines: str) -> bytes:
        return "".join(f"{line}{self.line_end}" for line in lines).encode()
