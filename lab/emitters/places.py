"""Where the emitters are: found in images, followed from one sighting to the next."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.emitters import Emitters
from lab.emitters.frames import Frame
from lab.emitters.placing import SAME_UM, Known, Placing, identify, named
from lab.emitters.store import Store
from lab.emitters.tables import EmitterHere

Array = NDArray[np.float64]
LEAST_ERR_UM = 1e-3


WHEREABOUTS = ("frame", "x_um", "y_um", "err_um", "last_seen_s", "rate_cps", "background_cps", "fwhm_um", "isolated")


class Places:
    """Names and places of emitters, in the coordinates of their sample."""

    store: Store
    clock: Callable[[], float]
    mounted: Callable[[], str] | None

    def place(
        self,
        sample: str,
        spots: Emitters,
        *,
        uid: str,
        time_s: float | None = None,
        extent_um: ArrayLike | None = None,
    ) -> Placing:
        """Name the emitters found in an image: known ones again, the others anew; the frame follows the sample.

        Parameters
        ----------
        spots : in stage coordinates; uid : of their run: placed once, however often it is replayed
        extent_um : ((x_low, x_high), (y_low, y_high)) of the image; None: the box around the spots
        """
        time_s = self.clock() if time_s is None else time_s
        at_um = np.stack([spots.x_um, spots.y_um], axis=1)
        err_um = np.maximum(np.hypot(spots.x_err_um, spots.y_err_um) / np.sqrt(2), LEAST_ERR_UM)
        with self.store.together():
            if before := self.store.rows("SELECT * FROM sightings WHERE uid = ? ORDER BY row", uid):
                return replayed(before, at_um)
            known = [self._known(frame) for frame in self.frames(sample)]
            placing = identify(known, at_um, err_um, extent_of(extent_um, at_um), time_s)
            frame = placing.frame or Frame(sample, len(known) + 1, np.zeros(2), 0.0, time_s)
            ids = write_spots(self.store, frame, placing.ids, spots, err_um, uid, time_s)
            self._hold(frame)
        return Placing(ids, frame, placing.match, placing.warnings)

    def in_run(self, uid: str) -> list[EmitterHere]:
        """The emitters that were found in a run, where they are now; LookupError if the run was never placed."""
        rows = self.store.rows("SELECT * FROM sightings WHERE uid = ? ORDER BY row", uid)
        if not rows and not self.store.rows("SELECT uid FROM runs WHERE uid = ?", uid):
            raise LookupError(f"run {uid[:8]} is not in the registry: it takes runs of find_emitters, when they end")
        return [here(row, self.where(row["emitter"])) for row in rows]

    def where(self, emitter: str) -> tuple[float, float]:
        """Stage coordinates (x, y) in um where it should be now: where it was, and what others have moved since."""
        row = self._row(emitter)
        mounted = self.mounted() if self.mounted is not None else row["sample"]
        if mounted != row["sample"]:
            raise LookupError(
                f"emitter {emitter} lies on the sample {row['sample']!r}, but {mounted!r} is mounted: mount it first"
            )
        present = self.frames(row["sample"])[0]
        if row["frame"] != present.number:
            raise LookupError(
                f"emitter {emitter} was not recognised since {row['sample']!r} was mounted again: "
                f"RE(find_emitters(microscope, sample={row['sample']!r})) where it should be"
            )
        x_um, y_um = present.to_stage([row["x_um"], row["y_um"]])
        return float(x_um), float(y_um)

    def near(self, sample: str, at_um: ArrayLike, within_um: float = SAME_UM) -> str:
        """The emitter nearest to a place on the stage, "" if none is within reach."""
        if not (frames := self.frames(sample)):
            return ""
        known = self._known(frames[0])
        apart = np.hypot(*(known.stage_um - np.asarray(at_um, dtype=float)).T)
        return known.ids[int(np.argmin(apart))] if apart.size and apart.min() <= within_um else ""

    def seen(
        self,
        emitter: str,
        x_um: float,
        y_um: float,
        err_um: float,
        *,
        rate_cps: float = math.nan,
        background_cps: float = math.nan,
        time_s: float | None = None,
    ) -> None:
        """It was found at a place on the stage: all emitters of its sample have moved as it has."""
        if not np.isfinite([x_um, y_um, err_um]).all():
            raise ValueError(f"({x_um}, {y_um}) +- {err_um} um is no place: give finite numbers")
        time_s = self.clock() if time_s is None else time_s
        with self.store.together():
            row, expected = self._row(emitter), self.where(emitter)
            present = self.frames(row["sample"])[0]
            self._hold(present.drifted(np.subtract((x_um, y_um), expected), time_s))
            self.store.change("UPDATE emitters SET last_seen_s = ? WHERE id = ?", (time_s, emitter))
            for key, value in (("rate_cps", rate_cps), ("background_cps", background_cps)):
                if math.isfinite(value):
                    self.store.change(f"UPDATE emitters SET {key} = ? WHERE id = ?", (value, emitter))

    def frames(self, sample: str) -> list[Frame]:
        """The mountings of a sample, the present one first."""
        rows = self.store.rows("SELECT * FROM frames WHERE sample = ? ORDER BY used DESC", sample)
        return [
            Frame(sample, row["number"], np.array([row["x_um"], row["y_um"]]), row["angle_deg"], row["time_s"])
            for row in rows
        ]

    def whereabouts(self, sample: str) -> dict[str, Any]:
        """Where the sample lies and its emitters are, as it is known now; see `put_back`."""
        frames = self.store.rows("SELECT * FROM frames WHERE sample = ? ORDER BY used", sample)
        columns = ", ".join(("id", *WHEREABOUTS))
        emitters = self.store.rows(f"SELECT {columns} FROM emitters WHERE sample = ?", sample)
        return {"frames": [dict(row) for row in frames], "emitters": [dict(row) for row in emitters]}

    def put_back(self, sample: str, known: Mapping[str, Any]) -> None:
        """Know of a sample what was known before: it lies as it did then. Emitters that were found since stay."""
        changes = ", ".join(f"{column} = ?" for column in WHEREABOUTS)
        with self.store.together():
            last = self.store.rows("SELECT MAX(used) AS used FROM frames")[0]["used"] or 0
            for n, row in enumerate(known["frames"], 1):  # the last of them holds now
                self.store.write("frames", **{**row, "used": last + n})
            for row in known["emitters"]:
                values = (*(row[column] for column in WHEREABOUTS), row["id"])
                self.store.change(f"UPDATE emitters SET {changes} WHERE id = ?", values)

    def _row(self, emitter: str) -> dict[str, Any]:
        """What is kept of an emitter itself."""
        if not (found := self.store.rows("SELECT * FROM emitters WHERE id = ?", emitter)):
            raise LookupError(f"emitter={emitter!r}: there is no such emitter; `emitters` shows all")
        return found[0]

    def _known(self, frame: Frame) -> Known:
        """The emitters of one mounting."""
        query = "SELECT * FROM emitters WHERE sample = ? AND frame = ? ORDER BY length(id), id"
        rows = self.store.rows(query, frame.sample, frame.number)
        places = np.array([[row["x_um"], row["y_um"]] for row in rows]).reshape(-1, 2)
        return Known([row["id"] for row in rows], places, np.array([row["err_um"] for row in rows]), frame)

    def _hold(self, frame: Frame) -> None:
        """From now on this is where the sample lies."""
        used = self.store.rows("SELECT MAX(used) AS used FROM frames")[0]["used"] or 0
        (x_um, y_um), angle_deg = frame.shift_um, frame.angle_deg
        where = {"x_um": float(x_um), "y_um": float(y_um), "angle_deg": float(angle_deg), "time_s": frame.time_s}
        self.store.write("frames", sample=frame.sample, number=frame.number, used=used + 1, **where)


def write_spots(
    store: Store, frame: Frame, ids: Sequence[str], spots: Emitters, err_um: Array, uid: str, time_s: float
) -> list[str]:
    """Keep the spots of a run; those without a name get the next ones of their sample. Returns all names."""
    count = store.rows("SELECT COUNT(*) AS n FROM emitters WHERE sample = ?", frame.sample)[0]["n"]
    store.write("runs", uid=uid, emitter="", kind="find_emitters", campaign="", time_s=time_s, facts="{}")
    names: list[str] = []
    for k, known_as in enumerate(ids):
        seen = {
            "rate_cps": float(spots.rate_cps[k]),
            "background_cps": float(spots.background_cps[k]),
            "fwhm_um": float(spots.fwhm_um[k]),
            "isolated": int(spots.isolated[k]),
            "err_um": float(err_um[k]),
        }
        at_um = np.array([spots.x_um[k], spots.y_um[k]])
        count += not known_as
        name = known_as or f"{frame.sample}-{count:03d}"
        first = store.rows("SELECT first_seen_s FROM emitters WHERE id = ?", name)
        x_um, y_um = frame.to_sample(at_um)
        own = {"sample": frame.sample, "frame": frame.number, "x_um": float(x_um), "y_um": float(y_um)}
        times = {"first_seen_s": first[0]["first_seen_s"] if first else time_s, "last_seen_s": time_s}
        store.write("emitters", id=name, **own, **times, **seen)
        store.write("sightings", uid=uid, row=k, emitter=name, x_um=at_um[0], y_um=at_um[1], **seen)
        names.append(name)
    return names


def replayed(sightings: Sequence[Mapping[str, Any]], at_um: Array) -> Placing:
    """The names that the spots of a run have already: a replay finds no emitters that are new."""
    places = np.array([[row["x_um"], row["y_um"]] for row in sightings])
    before = Known([row["emitter"] for row in sightings], places, np.ones(len(places)), Frame("", 0, np.zeros(2), 0, 0))
    ids = named(before, at_um)
    n_strange = ids.count("")
    warning = f"{n_strange} spots were not found when the run was measured: they have no names; measure the image again"
    return Placing(ids, None, None, (warning,) if n_strange else ())


def extent_of(extent_um: ArrayLike | None, at_um: Array) -> Array:
    """The image, or the box around its spots."""
    if extent_um is not None:
        return np.sort(np.asarray(extent_um, dtype=float).reshape(2, 2), axis=1)
    return np.stack([at_um.min(axis=0), at_um.max(axis=0)], axis=1) if len(at_um) else np.zeros((2, 2))


def here(row: Mapping[str, Any], at_um: tuple[float, float]) -> EmitterHere:
    """An emitter as it was seen in an image, where it is now."""
    return EmitterHere(
        id=row["emitter"],
        x_um=at_um[0],
        y_um=at_um[1],
        err_um=row["err_um"],
        rate_cps=row["rate_cps"],
        background_cps=row["background_cps"],
        fwhm_um=row["fwhm_um"],
        isolated=bool(row["isolated"]),
    )
