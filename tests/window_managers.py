"""Desktops under several window managers, for tests: a display, two programs with windows on it, a person's hands."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from conftest import PATIENCE_S, ROOT, wait_for
from x11_person import Person
from Xlib import X
from Xlib.ext import xtest

from agent.screen.target import State
from games.window.display import VirtualDisplay

Chord = tuple[str, ...]

# The same for all that have workspaces, or dwm's tags.
GO_TO_THE_FIRST, GO_TO_THE_SECOND, SEND_TO_THE_SECOND = ("alt", "1"), ("alt", "2"), ("alt", "shift", "2")
END_OF_THE_SCREEN = (1279, 799)

OPENBOX = """<?xml version="1.0"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus><focusNew>yes</focusNew><followMouse>no</followMouse></focus>
  <desktops><number>2</number><popupTime>0</popupTime></desktops>
  <keyboard>
    <keybind key="A-m"><action name="Iconify"/></keybind>
    <keybind key="A-1"><action name="GoToDesktop"><to>1</to></action></keybind>
    <keybind key="A-2"><action name="GoToDesktop"><to>2</to></action></keybind>
    <keybind key="A-S-2"><action name="SendToDesktop"><to>2</to><follow>no</follow></action></keybind>
  </keyboard>
  <mouse>
    <context name="Client">
      <mousebind button="Left" action="Press"><action name="Focus"/></mousebind>
      <mousebind button="A-Left" action="Press"><action name="Raise"/></mousebind>
    </context>
  </mouse>
</openbox_config>
"""
# The only font that an X server has of itself. RandomPlacement: no outline that waits for a click.
TWM = """
TitleFont "fixed"
MenuFont "fixed"
IconFont "fixed"
ResizeFont "fixed"
IconManagerFont "fixed"
RandomPlacement
UsePPosition "on"
NoGrabServer
"m" = m : window : f.iconify
Button1 = m : window : f.raise
"""
I3 = """
font fixed
ipc-socket {home}/socket
bindsym Mod1+m move scratchpad
bindsym Mod1+n scratchpad show
bindsym Mod1+w layout tabbed
bindsym Mod1+t layout splith
bindsym Mod1+1 workspace 1
bindsym Mod1+2 workspace 2
bindsym Mod1+Shift+2 move container to workspace 2
floating_modifier Mod1
"""


@dataclass(frozen=True, slots=True)
class WindowManager:
    """One of Debian's, and what a person does with it. `config` is what {config} in the `command` holds."""

    name: str
    command: tuple[str, ...] = ()
    config: str = ""
    put_away: Chord = ()  # the focused window
    away: State = "minimized"  # what a person says of it then
    back: Chord = ()  # without one, its program can bring it back
    has_workspaces: bool = False  # or tags
    pile: Chord = ()  # all windows, one above the other, where it tiles
    tile: Chord = ()
    focus_follows: bool = True  # the pointer

    @property
    def missing(self) -> str | None:
        """Why it cannot be tried here."""
        if not self.command or shutil.which(self.command[0]):
            return None
        return f"found no {self.command[0]}, expected it installed (on Debian and Ubuntu by make setup)"


WINDOW_MANAGERS = (
    WindowManager(
        "openbox",
        ("openbox", "--config-file", "{config}", "--sm-disable"),
        OPENBOX,
        put_away=("alt", "m"),
        has_workspaces=True,
        focus_follows=False,
    ),
    WindowManager("twm", ("twm", "-f", "{config}"), TWM, put_away=("alt", "m")),
    WindowManager(
        "dwm",
        ("dwm",),
        put_away=SEND_TO_THE_SECOND,
        away="unfocused",
        back=GO_TO_THE_SECOND,
        has_workspaces=True,
        pile=("alt", "m"),
        tile=("alt", "t"),
    ),
    WindowManager(
        "i3",
        ("i3", "-c", "{config}"),
        I3,
        put_away=("alt", "m"),
        back=("alt", "n"),
        has_workspaces=True,
        pile=("alt", "w"),
        tile=("alt", "t"),
    ),
    WindowManager("none"),
)


class Window:
    """A window of a `Program`, told what its program shall do with it: see the methods in window_program.py."""

    def __init__(self, program: "Program", number: int) -> None:
        self.program = program
        self.number = number

    def __getattr__(self, what: str) -> Callable[..., Any]:
        return lambda **given: self.program.tell(what, window=self.number, **given)


class Program:
    """Another process, with windows; a context manager."""

    def __init__(self, name: str, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "window_program.py"), name],
            env={**env, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def open(
        self, title: str, place: Sequence[int], grey: int = 128, over: Window | None = None, **given: Any
    ) -> Window:
        number = self.tell("open", title=title, place=place, grey=grey, over=over.number if over else 0, **given)
        return Window(self, number)

    def tell(self, what: str, **given: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([what, given]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the program ended at {what} {given}"
        return json.loads(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:  # waits, and closes the pipes
            self._process.kill()


class Desktop:
    """A display under `manager`, the `game` and an `other` program on it. A context manager."""

    def __init__(self, manager: WindowManager) -> None:
        self.manager = manager
        self._process: subprocess.Popen[bytes] | None = None
        with ExitStack() as opened:
            self._home = opened.enter_context(tempfile.TemporaryDirectory(prefix="twoframe-desktop-"))
            self.display = opened.enter_context(VirtualDisplay(window_manager=False))
            opened.callback(self.crash_manager)
            self._connection = opened.enter_context(self.display.connection())
            self._keyboard = opened.enter_context(Person(self.display.name))
            self.game = opened.enter_context(Program("game", self.display.env))
            self.other = opened.enter_context(Program("other", self.display.env))
            self.start_manager()
            self._opened = opened.pop_all()

    def hit(self, *keys: str) -> None:
        """A person presses a key chord."""
        for key in keys:
            self._keyboard.press(key)
        for key in reversed(keys):
            self._keyboard.release(key)

    def click(self, window: Window) -> None:
        """A person clicks into a window; returns when it got the click, which a window manager may hold back."""
        before = window.clicks()
        self._point_into(window)
        self._button()
        wait_for(lambda: window.clicks() > before, "the click")

    def focus(self, window: Window) -> None:
        """A person gives it the focus and lets it lie where it lies among the others."""
        self.leave()
        self._point_into(window)
        if not self.manager.focus_follows:
            self._button()

    def to_the_front(self, window: Window) -> None:
        """A person clicks into it with Alt held; without a window manager its program brings it up."""
        if not self.manager.command:
            window.configure(stack_mode=X.Above)
        self._point_into(window)
        self._keyboard.press("alt")
        self._button()
        self._keyboard.release("alt")

    def focus_root(self) -> None:
        self._set_focus(self._connection.screen().root)

    def leave(self) -> None:
        """A person moves the pointer to the corner of the screen."""
        self._point(*END_OF_THE_SCREEN)

    def _set_focus(self, where: Any) -> None:
        self._connection.set_input_focus(where, X.RevertToPointerRoot, X.CurrentTime)
        self._connection.sync()

    def _point_into(self, window: Window) -> None:
        left, top, _, _ = window.place()
        self._point(left + 10, top + 10)

    def _point(self, left: int, top: int) -> None:
        xtest.fake_input(self._connection, X.MotionNotify, x=left, y=top)
        self._connection.sync()

    def _button(self) -> None:
        for kind in (X.ButtonPress, X.ButtonRelease):
            xtest.fake_input(self._connection, kind, 1)
        self._connection.sync()

    def crash_manager(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(PATIENCE_S)
            self._process = None

    def start_manager(self) -> None:
        if self.manager.command and self._process is None:
            self._run_manager()
            self._wait_for_manager()

    def clear(self) -> None:
        """No windows, the first workspace, tiled, the pointer in a corner."""
        for program in (self.game, self.other):
            program.tell("close_all")
        if self.manager.command:
            self.start_manager()
        else:
            self._set_focus(X.PointerRoot)  # as the server begins
        if self.manager.has_workspaces:
            self.hit(*GO_TO_THE_FIRST)
        self.hit(*self.manager.tile)
        self.leave()

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run_manager(self) -> None:
        config = Path(self._home) / "config"
        config.write_text(self.manager.config.replace("{home}", self._home), encoding="utf-8")
        self._process = subprocess.Popen(
            [word.replace("{config}", str(config)) for word in self.manager.command],
            env={**self.display.env, "HOME": self._home, "XDG_RUNTIME_DIR": self._home, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _wait_for_manager(self) -> None:
        """Until it takes care of windows."""
        state = self._connection.intern_atom("WM_STATE")
        first = self.other.open("first", (0, 0, 50, 50))
        window = self._connection.create_resource_object("window", first.number)
        wait_for(lambda: window.get_full_property(state, X.AnyPropertyType), self.manager.name)
        first.close()
