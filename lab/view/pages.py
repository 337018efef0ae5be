"""The pages: each takes a request, looks into the data folder, and tells what is there."""

import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from lab.night.web import HEADERS as RULES
from lab.night.web import plain_file
from lab.view import guide, house
from lab.view.analysed import ANALYSED, analysis, doubts, headline, quantities
from lab.view.decays import decay_chart
from lab.view.dots import DotsError, names_in, read_dots
from lab.view.entry import Entry
from lab.view.facts import bench, facts, settings, streams, used_by, uses, warnings
from lab.view.growing import Follower, brightness
from lab.view.house import House
from lab.view.images import Mark
from lab.view.index import Index
from lab.view.search import KINDS, found, wish
from lab.view.sights import sights

LAST = 6  # results on the first page
REPORT_RULES = RULES["Content-Security-Policy"]  # its style stands in the page itself
OLD_S = 86400.0


class Pages:
    """All pages of one data folder; any thread may ask for one.

    Parameters
    ----------
    data : the folder; nothing is written into it
    """

    def __init__(self, data):
        self.house = House(data)
        self.index = Index(self.house.folders.journal)
        self.follow = Follower()

    def shown(self, name: str, here: str, code: int = 200, **given: Any) -> HTMLResponse:
        """A template with what every page needs."""
        return HTMLResponse(guide.page(name, here=here, data=self.house.data, now_s=time.time(), **given), code)

    def now(self, request: Request) -> Response:
        """What runs, what was found last, how the night and the processes stand."""
        index = self.index.look()
        running = next((entry for entry in index.running() if not entry.is_analysis), None)
        measured = [entry for entry in index.runs if not entry.is_analysis and entry is not running]
        night = self.house.night()
        return self.shown(
            "now.html",
            "now",
            running=running,
            growing=self.follow(running) if running else None,
            bright=brightness(self.follow(running)) if running else {},
            last=[(entry, headline(index.analysis_of(entry.uid))) for entry in measured[:LAST]],
            analysed=ANALYSED,
            picture=self.picture(running, measured),
            night=night,
            night_over=night is not None and house.is_over(night),
            night_stale=night is not None and house.is_stale(night),
            processes=self.house.processes(),
            free_gb=self.house.free_gb(),
            old=bool(measured) and time.time() - measured[0].began_s > OLD_S and running is None,
        )

    def picture(self, running: Entry | None, measured: list[Entry]) -> house.Picture | None:
        """The growing picture of the run that goes on, else the finished one of the last run that has one."""
        live = self.house.picture("live.png")
        if running is not None:
            return live if live is not None and live.drawn_s >= running.began_s else None
        finished = (self.house.overview(entry.uid) for entry in measured[: 2 * LAST])
        return next((each for each in finished if each is not None), None)

    def runs(self, request: Request) -> Response:
        """All runs that a search wants, newest first."""
        index, wanted = self.index.look(), wish(request.query_params)
        page = found(index.runs, wanted)
        some = [entry for entry in index.runs if not entry.is_analysis] if not wanted.kind else index.runs
        return self.shown(
            "runs.html",
            "runs",
            wish=wanted,
            kinds=KINDS,
            page=page,
            rows=[(entry, self.numbers(entry)) for entry in page.runs],
            samples=sorted({entry.sample for entry in index.runs if entry.sample}),
            plans=sorted({entry.plan_name for entry in some}),
            statuses=sorted({entry.exit_status for entry in index.runs}),
            n_all=len(index.runs),
            unreadable=sorted(index.unreadable),
        )

    def numbers(self, entry: Entry) -> Any:
        """The first numbers of a run, or of an analysis."""
        return headline(entry if entry.is_analysis else self.index.analysis_of(entry.uid))

    def run(self, request: Request) -> Response:
        """Everything about one run."""
        index = self.index.look()
        entry = index.find(request.path_params["uid"])
        if entry is None:
            raise HTTPException(404, "this data folder has no run whose uid begins so, or it has several")
        if entry.uid != request.path_params["uid"]:
            return RedirectResponse(f"/runs/{entry.uid}", 307)
        derived = entry if entry.is_analysis else index.analysis_of(entry.uid)
        of = index.find(entry.of[0]) if entry.is_analysis and entry.of else entry
        told = None if derived is None else analysis(derived)
        start = of.start if of is not None else entry.start
        newer, older = neighbours(entry, index)
        return self.shown(
            "run.html",
            "runs",
            run=entry,
            bench=bench(start),
            growing=self.follow(entry) if entry.exit_status == "running" else None,
            picture=self.picture(entry, []) if entry.exit_status == "running" else self.house.overview(entry.uid),
            analysed=entry.plan_name in ANALYSED,
            facts=facts(entry),
            settings=settings(told.start if entry.is_analysis and told else entry.start),
            derived=derived,
            headline=headline(derived),
            quantities=list(quantities(told)) if told else [],
            warnings=[*warnings(entry.start), *(doubts(told, start) if told else ())],
            sights=sights(told, start, self.marks(of)) if told else [],
            decay=decay_chart(entry, self.house.folders.raw),
            streams=streams(entry),
            uses=uses(entry, index),
            used_by=used_by(entry, index),
            newer=newer,
            older=older,
        )

    def marks(self, run: Entry | None) -> tuple[Mark, ...]:
        """Rings around the emitters of a search image."""
        if run is None or run.plan_name != "find_emitters":
            return ()
        derived = self.index.analysis_of(run.uid)
        told = analysis(derived) if derived else None
        x, y, apart = (told.column("spots", key) if told else None for key in ("x_um", "y_um", "isolated"))
        raster = run.start.get("raster") or {}
        if x is None or y is None or apart is None or "centre_um" not in raster:
            return ()
        left, low = (float(centre) - float(raster["extent_um"]) / 2 for centre in raster["centre_um"])
        names = names_in(self.house.data / "emitters.sqlite", run.uid)
        places = enumerate(zip(x - left, y - low, apart, strict=True))
        return tuple(
            Mark(float(a), float(b), names.get(i, f"row {i}"), f"/emitters/{names[i]}" if i in names else "", bool(c))
            for i, (a, b, c) in places
        )

    def emitters(self, request: Request) -> Response:
        """All emitters of all samples, or of one."""
        dots, problem = self.dots()
        samples = sorted({dot.sample for dot in dots})
        chosen = request.query_params.get("sample", "")
        shown = [name for name in samples if chosen in ("", name)]
        groups = [(name, [dot for dot in dots if dot.sample == name]) for name in shown]
        return self.shown("emitters.html", "emitters", groups=groups, samples=samples, chosen=chosen, problem=problem)

    def emitter(self, request: Request) -> Response:
        """One emitter with everything measured of it."""
        index, (dots, problem) = self.index.look(), self.dots()
        dot = next((each for each in dots if each.id == request.path_params["name"]), None)
        if dot is None:
            raise HTTPException(404, problem or "no emitter of this data folder has this name")
        runs = [(kind, uid, index.find(uid)) for kind, uid in dot.runs]
        rows = [(kind, uid, entry, headline(index.analysis_of(uid))) for kind, uid, entry in runs]
        return self.shown("emitter.html", "emitters", dot=dot, rows=rows)

    def dots(self) -> tuple[list[Any], str]:
        """The emitters, and why they cannot be read."""
        try:
            return read_dots(self.house.data / "emitters.sqlite"), ""
        except DotsError as why:
            return [], str(why)

    def nights(self, request: Request) -> Response:
        """The morning reports, and the night that goes on."""
        night = self.house.night()
        reports = [(path.name, path.stem, path.stat().st_mtime) for path in self.house.reports()]
        over = night is not None and house.is_over(night)
        stale = night is not None and house.is_stale(night)
        return self.shown("nights.html", "nights", reports=reports, night=night, night_over=over, night_stale=stale)

    def report(self, request: Request) -> Response:
        """One report, as it was written."""
        name = request.path_params["name"]
        content = plain_file(self.house.folders.nights / name) if house.REPORT.fullmatch(name) else None
        if content is None:
            raise HTTPException(404, "there is no report of this name")
        return Response(content, media_type="text/html", headers={"Content-Security-Policy": REPORT_RULES})

    def figure(self, request: Request) -> Response:
        """A picture of the folder of figures."""
        name = request.path_params["name"]
        content = plain_file(self.house.figures / name) if house.PICTURE.fullmatch(name) else None
        if content is None:
            raise HTTPException(404, "there is no picture of this name")
        return Response(content, media_type="image/png")

    def style(self, request: Request) -> Response:
        return Response(guide.style(), media_type="text/css")

    def script(self, request: Request) -> Response:
        return Response(guide.script(), media_type="text/javascript")

    def failed(self, request: Request, why: Exception) -> Response:
        """What cannot be shown: a page that says so, without repeating what was asked."""
        code = why.status_code if isinstance(why, HTTPException) else 500
        told = str(why.detail) if isinstance(why, HTTPException) else "the terminal of this view says why"
        if code == 404 and told == "Not Found":
            told = "there is no such page"
        if request.url.path.endswith((".png", ".css", ".js")):
            return PlainTextResponse(f"{told}\n", code)
        return self.shown("failed.html", "", code, number=code, told=told)


def neighbours(entry: Entry, index: Index) -> tuple[Entry | None, Entry | None]:
    """The runs of the same kind before and after in time: newer, older."""
    alike = [each for each in index.runs if each.is_analysis == entry.is_analysis]
    at = alike.index(entry)
    return (alike[at - 1] if at else None), (alike[at + 1] if at + 1 < len(alike) else None)
