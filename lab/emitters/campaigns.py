"""What a campaign has done, dot by dot, on disk: after any interruption it goes on behind the last finished dot."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.emitters.store import RegistryError, Store
from lab.encoding import decode, encode

DONE, REJECTED, FAILED, BEGUN = "done", "rejected", "failed", "begun"
STATES = (DONE, REJECTED, FAILED, BEGUN)


@dataclass(frozen=True)
class Dot:
    """One dot of a campaign.

    state : done, rejected (not to be measured further; `reason` says why), failed (something went wrong), begun
    facts : the outcomes of its steps by name, each a dictionary of numbers
    """

    emitter: str
    state: str
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    time_s: float = math.nan

    @property
    def finished(self) -> bool:
        """Whether it is not to be measured again."""
        return self.state in (DONE, REJECTED)


@dataclass(frozen=True)
class Campaign:
    """A campaign as it stands: its settings, and the dots it has come to, in the order of their beginning.

    facts : find_uids (uids of its images), boot_id and instrument_s (of the last look at the sample)
    """

    name: str
    sample: str
    settings: dict[str, Any]
    started_s: float
    finished_s: float | None
    facts: dict[str, Any]
    dots: tuple[Dot, ...]

    @property
    def finished(self) -> bool:
        return self.finished_s is not None

    def dot(self, emitter: str) -> Dot | None:
        """What was done on one emitter so far."""
        return next((dot for dot in self.dots if dot.emitter == emitter), None)

    def of_state(self, *states: str) -> tuple[Dot, ...]:
        return tuple(dot for dot in self.dots if dot.state in states)


class Campaigns:
    """The campaigns in the file of the registry.

    Attributes
    ----------
    on_dot : called with the campaign and each dot as it is finished, rejected or failed; None: nobody listens
    """

    store: Store
    clock: Callable[[], float]
    on_dot: Callable[[Campaign, Dot], None] | None = None

    def begin(self, sample: str, settings: Mapping[str, Any], name: str | None = None) -> Campaign:
        """A new campaign; without a name it is called <sample>-<number>. ValueError if the name is taken."""
        with self.store.together():
            taken = {row["name"] for row in self.store.rows("SELECT name FROM campaigns")}
            free = (f"{sample}-{n}" for n in range(1, len(taken) + 2))
            name = next(each for each in free if each not in taken) if name is None else name
            if name in taken:
                raise ValueError(f"campaign={name!r}: there is one of this name already; choose another")
            text = as_text(settings)
            self.store.write(
                "campaigns", name=name, sample=sample, settings=text, started_s=self.clock(), facts=as_text({})
            )
        return self.campaign(name)

    def campaign(self, name: str) -> Campaign:
        """The campaign of this name, as it stands; LookupError if there is none."""
        if not (found := self.store.rows("SELECT * FROM campaigns WHERE name = ?", name)):
            raise LookupError(
                f"campaign={name!r}: there is no such campaign; there are {', '.join(self.names()) or 'none yet'}"
            )
        rows = self.store.rows("SELECT * FROM dots WHERE campaign = ? ORDER BY rowid", name)
        dots = [
            Dot(row["emitter"], row["state"], row["reason"], from_text(row["facts"]), row["time_s"]) for row in rows
        ]
        row = found[0]
        told = {key: row[key] for key in ("name", "sample", "started_s", "finished_s")}
        return Campaign(**told, settings=from_text(row["settings"]), facts=from_text(row["facts"]), dots=tuple(dots))

    def names(self, sample: str | None = None) -> list[str]:
        """All campaigns, or those on one sample, oldest first."""
        rows = self.store.rows("SELECT name, sample FROM campaigns ORDER BY rowid")
        return [row["name"] for row in rows if sample in (None, row["sample"])]

    def unfinished(self, sample: str, settings: Mapping[str, Any]) -> Campaign | None:
        """The newest campaign of a sample with these settings that is not finished, if there is one."""
        query = "SELECT name FROM campaigns WHERE sample = ? AND settings = ? AND finished_s IS NULL ORDER BY rowid"
        found = self.store.rows(query, sample, as_text(settings))
        return self.campaign(found[-1]["name"]) if found else None

    def note(self, name: str, **facts: Any) -> None:
        """Keep facts of a campaign beside those there are."""
        with self.store.together():
            known = self.campaign(name).facts
            self.store.change("UPDATE campaigns SET facts = ? WHERE name = ?", (as_text({**known, **facts}), name))

    def note_dot(self, name: str, emitter: str, state: str, reason: str = "", **facts: Any) -> Dot:
        """Keep what was done on a dot; facts are added to those there are."""
        if state not in STATES:
            raise ValueError(f"state={state!r}: must be one of {', '.join(STATES)}")
        with self.store.together():
            known = self.campaign(name).dot(emitter)
            both = {**(known.facts if known else {}), **facts}
            values = (state, reason, self.clock(), as_text(both))
            where = "WHERE campaign = ? AND emitter = ?"
            change = f"UPDATE dots SET state = ?, reason = ?, time_s = ?, facts = ? {where}"
            if not self.store.change(change, (*values, name, emitter)):
                columns = dict(zip(("state", "reason", "time_s", "facts"), values, strict=True))
                self.store.write("dots", campaign=name, emitter=emitter, **columns)
        dot = Dot(emitter, state, reason, both, values[2])
        if self.on_dot is not None and state != BEGUN:
            self.on_dot(self.campaign(name), dot)
        return dot

    def finish(self, name: str) -> Campaign:
        """Nothing of it is left to do."""
        if not self.store.change("UPDATE campaigns SET finished_s = ? WHERE name = ?", (self.clock(), name)):
            raise LookupError(f"campaign={name!r}: there is no such campaign")
        return self.campaign(name)

    def measured(self, sample: str, settings: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, str]:
        """Emitters that are finished in any campaign of a sample with the same `keys` of settings, with its name."""
        wanted = as_text({key: settings.get(key) for key in keys})
        found: dict[str, str] = {}
        for name in self.names(sample):
            campaign = self.campaign(name)
            if as_text({key: campaign.settings.get(key) for key in keys}) == wanted:
                found.update({dot.emitter: name for dot in campaign.dots if dot.finished})
        return found


def as_text(facts: Mapping[str, Any]) -> str:
    """Facts as text: equal facts, equal text."""
    return json.dumps(encode(dict(facts), "facts"), sort_keys=True)


def from_text(text: str) -> dict[str, Any]:
    """The facts of a text; RegistryError if somebody else has written it."""
    try:
        return decode(json.loads(text))
    except ValueError as why:
        raise RegistryError(f"the registry holds a text that is none of its own ({text[:40]!r}...): {why}") from why
