"""The view as a web application: its addresses, and its guard before all of them."""

from collections.abc import Iterable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from lab.view.guard import Door, Guard
from lab.view.pages import Pages


def application(data: Path, door: Door, *, exposed: bool = False, names: Iterable[str] = ()) -> ASGIApp:
    """The view of one data folder.

    door : holds the key that every request needs
    exposed : other computers may ask, by address or by the name of this one; names : by which it may be asked besides
    """
    pages = Pages(data)
    routes = [
        Route("/", pages.now),
        Route("/runs", pages.runs),
        Route("/runs/{uid:str}", pages.run),
        Route("/emitters", pages.emitters),
        Route("/emitters/{name:str}", pages.emitter),
        Route("/nights", pages.nights),
        Route("/nights/{name:str}", pages.report),
        Route("/figures/{name:str}", pages.figure),
        Route("/view.css", pages.style),
        Route("/view.js", pages.script),
    ]
    shown = Starlette(routes=routes, exception_handlers={HTTPException: pages.failed, Exception: pages.failed})
    return Guard(shown, door, exposed=exposed, names=names)  # outside of everything, also of what answers a failure
