"""Whose a window on X11 is: its class, the process that made it, and whether that goes on."""

import os
import platform
from pathlib import Path
from typing import Any

from Xlib import X
from Xlib.ext import res

# Programs that run others: what they were given to run says more than they do.
_INTERPRETERS = ("python", "java", "node", "ruby", "perl", "mono", "lua", "love")


class Owners:
    """Asks the server behind `display`. Lets the errors of Xlib through."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._has_res = bool(display.has_extension(res.extname))
        self._is_local = display.get_display_name().partition(":")[0] in ("", "unix")

    def window_class(self, window: Any) -> str | None:
        """By `WM_CLASS`: the class, else the instance."""
        value = window.get_full_property(self._display.intern_atom("WM_CLASS"), X.AnyPropertyType)
        if value is None or value.format != 8:
            return None
        instance, _, rest = bytes(value.value).decode("latin-1").partition("\0")
        return rest.partition("\0")[0] or instance or None

    def pid(self, window: Any) -> int | None:
        """The process on this machine that made it; None where that is not known for sure."""
        machine = self._text(window, "WM_CLIENT_MACHINE")
        if machine and machine.partition(".")[0] != platform.node().partition(".")[0]:
            return None
        pid = self._pid_by_server(window.id) if self._is_local else None
        if pid is None and machine:
            value = window.get_full_property(self._display.intern_atom("_NET_WM_PID"), X.AnyPropertyType)
            pid = int(value.value[0]) if value is not None and value.format == 32 and len(value.value) else None
        return pid if pid is not None and _is_running(pid) else None

    def has_ended(self, window_id: int, pid: int | None) -> bool:
        """Whether its process has ended; where that is not known, whether its connection to the server has."""
        if pid is not None:
            return not _is_running(pid)
        if not self._has_res:
            return False
        return not self._display.res_query_client_ids([{"client": window_id, "mask": res.ClientXIDMask}]).ids

    def _pid_by_server(self, window_id: int) -> int | None:
        """Of the process at the other end of the connection: also where a program sees other numbers (a container)."""
        if not self._has_res:
            return None
        for answer in self._display.res_query_client_ids([{"client": window_id, "mask": res.LocalClientPIDMask}]).ids:
            if answer.value:
                return int(answer.value[0])
        return None

    def _text(self, window: Any, name: str) -> str:
        value = window.get_full_property(self._display.intern_atom(name), X.AnyPropertyType)
        return bytes(value.value).decode("latin-1").rstrip("\0") if value is not None and value.format == 8 else ""


def program_of(pid: int) -> str | None:
    """The name of its file, and for an interpreter what it runs: `python3.11 racer.py`. None where it is not told."""
    try:
        name = Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
        given = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")[1:]
    except OSError:
        return None
    if name.startswith(_INTERPRETERS):
        runs = next((Path(word).name for word in given if word and not word.startswith("-")), "")
        return f"{name} {runs}".strip()
    return name


def processes_above() -> frozenset[int]:
    """Those that started this one, the terminal among them."""
    found: set[int] = set()
    pid = os.getppid()
    while pid > 1 and pid not in found:
        found.add(pid)
        pid = int((_stat(pid) or ["", "0"])[1])
    return frozenset(found)


def _is_running(pid: int) -> bool:
    stat = _stat(pid)
    return stat is not None and stat[0] not in "ZX"  # a zombie has ended


def _stat(pid: int) -> list[str] | None:
    """State, parent and so on; None where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
