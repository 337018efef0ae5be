"""Labs that live in a process of their own: each has its own Channel Access and its own storage."""

import numpy as np

SMALL = {"sample": "A", "extent_um": 4, "n_pixels": 4, "dwell_ms": 50, "n_scans": 2}


def measure(config: str, other: str = "") -> dict:
    """An instrument response and a small raster; what the catalog knows of them, and of a run of another lab."""
    from lab.session import start
    from plans import flim_raster, irf

    session = start(config)
    try:
        session.RE(irf(session.microscope, min_counts=20_000))
        result = session.RE(flim_raster(session.microscope, **SMALL))
        assert session.ingester.flush(60)
        run, table = session.db[result.uid], session.db[result.uid].table()
        counts = np.concatenate([np.ravel(row) for row in table["scanner_perovskite_counts"]])
        return {
            "uid": result.uid,
            "exit_status": run.exit_status,
            "in_table": int(counts.sum()),
            "in_map": int(result.map.perovskite_counts.sum()),
            "found": [found.uid for found in session.db(sample_name="A", purpose="measurement")],
            "derived": run.derived().start["analysis_of"],
            "refused": session.ingester.status().refused,
            "of_other": of_another_lab(session.db, other) if other else {},
        }
    finally:
        session.close(stop_processes=True)


def of_another_lab(db, uid: str) -> dict:
    """A run that was measured elsewhere: its rows, their counts, and those in its file of histograms."""
    table = db[uid].table()
    counts = np.concatenate([np.ravel(row) for row in table["scanner_perovskite_counts"]])
    cube = db.array(uid, "scanner_histograms")[:]
    return {"lines": len(table), "in_table": int(counts.sum()), "in_file": int(cube[:, :, 0].sum())}


def refit_on_a_cluster(config: str, n_runs: int) -> dict:
    """Rasters analysed by Dask workers, beside their replays here."""
    from distributed import Client, LocalCluster

    from lab.session import start
    from plans import flim_raster, irf

    session = start(config)
    try:
        session.RE(irf(session.microscope, min_counts=20_000))
        uids = [session.RE(flim_raster(session.microscope, **SMALL)).uid for _ in range(n_runs)]
        with (
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster,
            Client(cluster) as client,
        ):
            there = session.refit(uids, client)
            workers = {info["name"] for info in client.scheduler_info()["workers"].values()}
        here = [session.replay(uid) for uid in uids]
        assert session.ingester.flush(60)
        return {
            "order": [result.uid for result in there] == uids,
            "workers": len(workers),
            "equal": all(
                np.array_equal(a.map.fit.tau_ns, b.map.fit.tau_ns, equal_nan=True)
                and np.array_equal(a.map.fit.tau_err_ns, b.map.fit.tau_err_ns, equal_nan=True)
                for a, b in zip(there, here, strict=True)
            ),
            "finite": all(bool(np.isfinite(result.map.fit.tau_ns).any()) for result in there),
            "derived": [session.db[result.derived_uid].start["analysis_of"][0] for result in there] == uids,
            "unknown": refusal(lambda: session.refit(["0" * 36])),
        }
    finally:
        session.close(stop_processes=True)


def refusal(act) -> str:
    try:
        act()
    except LookupError as why:
        return str(why)
    return ""
