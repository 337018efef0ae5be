"""A plan that is cut at one message: what it was answered before is played back, what it says after is collected."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bluesky.utils import Msg

Answers = list[tuple[Msg, Any]]


class InjectedError(RuntimeError):
    """What a test makes a message fail with."""


@dataclass
class Light:
    """What the messages of a plan have made of shutter, lasers and staged instruments."""

    shutter: str = "closed"
    lasers: dict[str, str] = field(default_factory=dict)
    staged: list[str] = field(default_factory=list)

    def heed(self, msg: Msg):
        name = getattr(msg.obj, "name", "")
        if msg.command == "set" and name == "shutter":
            self.shutter = msg.args[0]
        elif msg.command == "set" and name in ("pulsed_emission", "cw_emission"):
            self.lasers[name] = msg.args[0]
        elif msg.command == "stage":
            self.staged.append(name)
        elif msg.command == "unstage" and name in self.staged:
            self.staged.remove(name)

    @property
    def shining(self) -> list[str]:
        return [name for name, state in self.lasers.items() if state == "on"]

    @property
    def dark(self) -> bool:
        return self.shutter == "closed" or not self.shining


def recorded(plan: Any, answers: Answers) -> Iterator[Any]:
    """The same plan; each message with its answer is appended to `answers`."""
    messages, answer = iter(plan), None
    try:
        msg = next(messages)
        while True:
            try:
                answer = yield msg
            except GeneratorExit:
                messages.close()
                raise
            except BaseException as why:
                msg = messages.throw(why)
                continue
            answers.append((msg, answer))
            msg = messages.send(answer)
    except StopIteration as end:
        return end.value


def cut(plan: Any, answers: Answers, index: int, *, again: int | None = None) -> tuple[Light, BaseException | None]:
    """Play a plan back, let message `index` fail, and see what its clean-up leaves.

    The message that fails has done its work: that is the worst case. With `again`, that message of the clean-up fails
    as well. Returns the light as it is left, and the exception that came out.
    """
    light, messages = Light(), iter(plan)
    latest: dict[tuple[str, str], Any] = {}
    msg = next(messages)
    for expected, answer in answers[:index]:
        assert (msg.command, msg.obj) == (expected.command, expected.obj), "the plan said something else this time"
        light.heed(msg)
        latest[msg.command, getattr(msg.obj, "name", "")] = answer
        msg = messages.send(answer)
    light.heed(msg)
    return light, finish(messages, light, lambda said: latest.get((said.command, getattr(said.obj, "name", ""))), again)


def finish(
    messages: Any, light: Light, answer: Callable[[Msg], Any], again: int | None, most: int = 2000
) -> BaseException | None:
    """Throw an error into a plan and follow it to its end; None if it ended as if nothing had happened."""
    try:
        msg = messages.throw(InjectedError("injected"))
        for number in range(most):
            if number == again:
                msg = messages.throw(InjectedError("injected again"))
                continue
            light.heed(msg)
            msg = messages.send(answer(msg))
    except StopIteration:
        return None
    except Exception as why:
        return why
    raise AssertionError("the plan does not come to an end")
