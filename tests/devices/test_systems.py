"""The product runs on Linux, macOS and Windows: what one has alone stands in two modules, or here with a reason."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
WHERE_SYSTEMS_DIFFER = {"devices/portable.py", "devices/polite.py"}
ALLOWED = {
    "lab/tether.py": ("os.execvp", "asks the kernel of Linux, and is run there alone: `tether.tied`"),
    "analysis/threads.py": ("os.sched_getaffinity", "only where there is one; elsewhere all cores"),
    "devices/iocs/drivers/wires/wire_port.py": (
        "termios",
        "an error that pyserial lets through; not on Windows",
    ),
    "devices/iocs/drivers/timeharp/client.py": ("creationflags", "0 but on Windows: the helper opens no window"),
    "devices/iocs/drivers/timeharp/library.py": ("ctypes.WinDLL", "only on Windows: how that library is called"),
}
PRODUCT = {
    str(path.relative_to(HOUSE).as_posix()): path
    for room in ("analysis", "devices", "plans", "lab", "profile")
    for path in sorted((HOUSE / room).rglob("*.py"))
}
MODULES = {
    *("fcntl", "termios", "tty", "pty", "pwd", "grp", "resource", "posix", "syslog", "readline", "curses", "crypt"),
    *("msvcrt", "winreg", "winsound", "_winapi", "nt"),
}
NAMES = {
    "os": {
        *(
            "fork",
            "forkpty",
            "kill",
            "killpg",
            "getpgid",
            "getpgrp",
            "setsid",
            "setpgid",
            "getuid",
            "geteuid",
            "getgid",
        ),
        *("getegid", "setuid", "chown", "fchown", "fchmod", "lchown", "chroot", "mkfifo", "mknod", "openpty", "uname"),
        *(
            "nice",
            "sync",
            "fdatasync",
            "pread",
            "pwrite",
            "readv",
            "writev",
            "wait",
            "wait3",
            "wait4",
            "waitid",
            "ttyname",
        ),
        *("execv", "execvp", "execve", "execvpe", "execl", "execlp", "posix_spawn", "sched_setaffinity", "getloadavg"),
        *("sched_getaffinity", "sysconf", "statvfs", "set_blocking", "rename", "symlink", "O_NONBLOCK", "O_DIRECTORY"),
        *("O_CLOEXEC", "O_NOFOLLOW", "O_NOCTTY", "O_SYNC", "WNOHANG", "startfile", "O_BINARY"),
    },
    "signal": {
        *("SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGSTOP", "SIGCONT", "SIGQUIT"),
        *("SIGTSTP", "SIGWINCH", "alarm", "setitimer", "pause", "sigwait", "pthread_kill", "pthread_sigmask"),
        *("SIGBREAK", "CTRL_C_EVENT", "CTRL_BREAK_EVENT"),
    },
    "socket": {"AF_UNIX", "SO_REUSEPORT", "socketpair", "SO_EXCLUSIVEADDRUSE", "AF_NETLINK", "AF_PACKET"},
    "select": {"poll", "epoll", "kqueue"},
    "time": {"clock_gettime", "pthread_getcpuclockid", "tzset"},
    "ctypes": {"windll", "WinDLL", "WINFUNCTYPE", "WinError"},
}
METHODS = {
    "add_signal_handler",
    "add_reader",
    "add_writer",
    "create_unix_connection",
    "create_unix_server",
    "symlink_to",
}
WORDS = {"preexec_fn", "start_new_session", "process_group", "pass_fds", "creationflags", "startupinfo"}
FOLDER = re.compile(r"/(proc|dev|tmp|etc|usr|bin|sbin|run|var|sys|home|opt|mnt)(/.*)?|[A-Za-z]:\\.*")

ON_WINDOWS = """
import importlib, sys, types
names = sys.argv[1:]
for name in names:
    importlib.import_module(name)  # and what others wrote, as this system has it
for name in [name for name in sys.modules if name.split(".")[0] in ("devices", "plans", "lab")]:
    del sys.modules[name]
for name in ("fcntl", "termios", "pwd", "grp", "resource", "tty", "pty"):
    sys.modules[name] = None
sys.modules["msvcrt"] = types.ModuleType("msvcrt")
sys.platform = "win32"
for name in names:
    importlib.import_module(name)
from devices import polite, portable
assert portable.WINDOWS and polite.WINDOWS and portable.try_lock.__code__.co_names[0] == "os"
from lab.tether import tied
assert tied(["python", "-m", "lab.night"]) == ["python", "-m", "lab.night"]
"""


def peculiar(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What in a module exists on some systems alone: (line, what)."""
    told = {id(node) for node in documentation(tree)}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, each.name) for each in names if each.name in MODULES)
            case ast.ImportFrom(module=str(module), names=names):
                wrong = [each.name for each in names if module in MODULES or each.name in NAMES.get(module, ())]
                yield from ((node.lineno, f"{module}.{name}") for name in wrong)
            case ast.Attribute(value=ast.Name(id=module), attr=name) if name in NAMES.get(module, ()):
                yield node.lineno, f"{module}.{name}"
            case ast.Attribute(attr=name) if name in METHODS:
                yield node.lineno, name
            case ast.keyword(arg=str(name)) if name in WORDS:
                yield node.value.lineno, name
            case ast.Constant(value=str(text)) if id(node) not in told and FOLDER.fullmatch(text):
                yield node.lineno, text


def documentation(tree: ast.AST) -> Iterator[ast.AST]:
    """Texts that stand alone: docstrings."""
    return (
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def found_in(place: str) -> list[tuple[int, str]]:
    return list(peculiar(ast.parse(PRODUCT[place].read_text(encoding="utf-8"))))


def test_what_only_one_system_has_stands_where_the_systems_differ():
    allowed = {(place, name) for place, (name, _) in ALLOWED.items()}
    found = [(place, line, name) for place in PRODUCT for line, name in found_in(place) if (place, name) not in allowed]
    wrong = [each for each in found if each[0] not in WHERE_SYSTEMS_DIFFER]
    assert wrong == [], "use devices.portable or devices.polite, or what every system has"


def test_every_module_can_be_imported_on_windows():
    rooms = ("devices/", "plans/", "lab/")
    inside = [place.removesuffix(".py") for place in PRODUCT if place.startswith(rooms)]
    names = [name.removesuffix("/__init__").replace("/", ".") for name in inside if not name.endswith("__main__")]
    subprocess.run([sys.executable, "-W", "ignore", "-c", ON_WINDOWS, *names], cwd=HOUSE, check=True)


@pytest.mark.parametrize("place", sorted(ALLOWED))
def test_what_is_allowed_is_needed(place):
    assert ALLOWED[place][0] in [name for _, name in found_in(place)]


@pytest.mark.parametrize(
    "line",
    [
        "import fcntl",
        "from os import fork",
        "os.kill(pid, 0)",
        "signal.signal(signal.SIGHUP, stop)",
        "loop.add_signal_handler(number, stop)",
        "subprocess.Popen(words, start_new_session=True)",
        "Path('/proc/1/cmdline')",
        "os.rename(draft, path)",
        "from fcntl import flock",
        "port = 'C:\\\\lab'",
    ],
)
def test_the_search_finds_what_it_is_for(line):
    assert len(list(peculiar(ast.parse(line)))) == 1


def test_words_about_a_system_are_not_taken_for_it():
    assert list(peculiar(ast.parse('"""/proc"""\nerror = "COM3, or /dev/ttyUSB0"\nos.path.join("a", "b")'))) == []
