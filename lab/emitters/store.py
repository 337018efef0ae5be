"""The SQLite file behind the registry of emitters."""

from lab.tables import Tables

SCHEMA = """
CREATE TABLE IF NOT EXISTS frames (
    sample TEXT, number INTEGER, x_um REAL, y_um REAL, angle_deg REAL, time_s REAL, used INTEGER,
    PRIMARY KEY (sample, number));
CREATE TABLE IF NOT EXISTS emitters (
    id TEXT PRIMARY KEY, sample TEXT, frame INTEGER, x_um REAL, y_um REAL, err_um REAL, first_seen_s REAL,
    last_seen_s REAL, rate_cps REAL, background_cps REAL, fwhm_um REAL, isolated INTEGER);
CREATE TABLE IF NOT EXISTS sightings (
    uid TEXT, row INTEGER, emitter TEXT, x_um REAL, y_um REAL, err_um REAL, rate_cps REAL, background_cps REAL,
    fwhm_um REAL, isolated INTEGER, PRIMARY KEY (uid, row));
CREATE TABLE IF NOT EXISTS runs (
    uid TEXT PRIMARY KEY, emitter TEXT, kind TEXT, campaign TEXT, time_s REAL, facts TEXT);
CREATE TABLE IF NOT EXISTS campaigns (
    name TEXT PRIMARY KEY, sample TEXT, settings TEXT, started_s REAL, finished_s REAL, facts TEXT);
CREATE TABLE IF NOT EXISTS dots (
    campaign TEXT, emitter TEXT, state TEXT, reason TEXT, time_s REAL, facts TEXT, PRIMARY KEY (campaign, emitter));
CREATE INDEX IF NOT EXISTS runs_of_an_emitter ON runs (emitter);
"""


class RegistryError(RuntimeError):
    """The file of the registry cannot be used; the message names it and says what to do."""


class Store(Tables):
    """Frames, emitters, sightings, runs, campaigns and their dots."""

    what, schema, Error = "registry of emitters", SCHEMA, RegistryError
    advice = "move it away; a new one is made, and replaying the runs of find_emitters fills it again"
