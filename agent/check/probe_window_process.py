"""The window of `agent.check.probe_window`: it shows one of two greys, and tells when it did and which keys it got.

On stdin it reads `dark`, `bright` or `focus`, one per line, and ends with the file. On stdout it says `ready ID LEFT
TOP WIDTH HEIGHT` (ID 0 where the system has no number for it), `shown TIME` and `key NAME 0|1 TIME`, autorepeat
included; times are `agent.pacing.clock_ns`. What ends it before goes to stderr, one line.
"""

import os
import select
import sys
import time
from typing import Any

from agent.command_line.terminal import is_gone
from agent.errors import TwoframeError
from agent.pacing import clock_ns

# So little apart that it counts as no flash for people with photosensitive epilepsy (WCAG 2.3.1: luminance by 10 %).
GREYS = {"dark": 112, "bright": 136}
FOCUS_TIMEOUT_S = 5.0
FOCUS_HELD_S = 0.05  # a window manager has its say too


def main(title: str, left: str, top: str, width: str, height: str, *keys: str) -> int:
    """Without a `title` no window manager touches the window. Keys other than `keys` are not told."""
    # stdout is for our words alone: libraries print too (python-xlib about a missing .Xauthority).
    said = os.dup(sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    place = int(left), int(top), int(width), int(height)
    try:
        if sys.platform == "linux":
            _X11Window(said, title, place, keys).run()
        else:
            _TkWindow(said, title, place, keys[0]).run()
    except OSError as error:
        if not is_gone(error):
            raise
        return 0  # whoever asked
    except TwoframeError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0


def _say(said: int, *words: object) -> None:
    os.write(said, (" ".join(map(str, words)) + "\n").encode())


class _X11Window:
    def __init__(self, said: int, title: str, place: tuple[int, int, int, int], keys: tuple[str, ...]) -> None:
        from Xlib import X

        from agent.keyboard.x11 import keycodes, open_keyboard
        from agent.x11 import is_xwayland, x_errors

        self._said = said
        self._display = open_keyboard()
        with x_errors("window"):
            self._name_of = {code: name for name, code in keycodes(self._display, keys).items()}
            screen = self._display.screen()
            self._window = screen.root.create_window(
                *place,
                0,
                screen.root_depth,
                background_pixel=_pixel("dark"),
                override_redirect=not title and not is_xwayland(self._display),  # which gives such a window no focus
                event_mask=X.KeyPressMask | X.KeyReleaseMask | X.StructureNotifyMask,
            )
            self._window.set_wm_name(title)
            self._show()
            self._focus()
            place_now = self._window.get_geometry()
            corner = self._window.translate_coords(screen.root, 0, 0)
        # The answer tells where our corner is seen from the root, with the sign turned.
        _say(said, "ready", self._window.id, -corner.x, -corner.y, place_now.width, place_now.height)

    def run(self) -> None:
        from agent.x11 import close_display, x_errors

        unread = b""
        with x_errors("window"):
            while True:
                self._tell_keys()
                ready, _, _ = select.select([self._display, sys.stdin.fileno()], [], [])
                if sys.stdin.fileno() not in ready:
                    continue
                received = os.read(sys.stdin.fileno(), 4096)
                if not received:
                    break
                *words, unread = (unread + received).split(b"\n")
                for word in words:
                    self._obey(word.decode())
        close_display(self._display)

    def _obey(self, word: str) -> None:
        from Xlib import X

        if word == "focus":
            self._window.set_input_focus(X.RevertToParent, X.CurrentTime)
        else:
            self._window.change_attributes(background_pixel=_pixel(word))
            self._window.clear_area()
        self._display.sync()
        _say(self._said, "shown", clock_ns())

    def _tell_keys(self) -> None:
        from Xlib import X

        while self._display.pending_events():
            event = self._display.next_event()
            if event.type in (X.KeyPress, X.KeyRelease) and event.detail in self._name_of:
                now_ns = clock_ns()
                _say(self._said, "key", self._name_of[event.detail], int(event.type == X.KeyPress), now_ns)

    def _show(self) -> None:
        from Xlib import X

        end_s = time.monotonic() + FOCUS_TIMEOUT_S
        while time.monotonic() < end_s:
            self._window.map()  # again and again: a window manager that is just starting may miss one
            self._display.sync()
            asked_s = time.monotonic()
            while time.monotonic() < asked_s + 0.2:
                while self._display.pending_events():
                    if self._display.next_event().type == X.MapNotify:
                        return
                time.sleep(0.005)
        raise TwoframeError("window: found that ours is not shown, expected to see it; try again in another session")

    def _focus(self) -> None:
        from Xlib import X

        end_s = time.monotonic() + FOCUS_TIMEOUT_S
        since_s: float | None = None
        while since_s is None or time.monotonic() - since_s < FOCUS_HELD_S:
            if time.monotonic() > end_s:
                raise TwoframeError(
                    "window: found that ours does not get the focus, expected it to; close menus and "
                    "programs that hold the keyboard"
                )
            if self._display.get_input_focus().focus != self._window:
                self._window.set_input_focus(X.RevertToParent, X.CurrentTime)
                since_s = None
            elif since_s is None:
                since_s = time.monotonic()
            time.sleep(0.005)


def _pixel(word: str) -> int:
    return GREYS[word] * 0x010101


class _TkWindow:
    """For Windows and macOS; written after the documentation. Any key counts as the one key asked for."""

    def __init__(self, said: int, title: str, place: tuple[int, int, int, int], key: str) -> None:
        try:
            import tkinter
        except ImportError:
            raise TwoframeError(
                "window: found Python without tkinter, expected it; install Python with Tcl/Tk"
            ) from None

        self._said = said
        self._key = key
        self._root: Any = tkinter.Tk()
        self._root.title(title or "twoframe")
        self._root.overrideredirect(not title and sys.platform == "win32")
        self._root.geometry("{2}x{3}+{0}+{1}".format(*place))
        self._root.attributes("-topmost", True)
        self._root.configure(bg=_colour("dark"))
        self._root.bind("<KeyPress>", lambda _: self._tell_key(down=True))
        self._root.bind("<KeyRelease>", lambda _: self._tell_key(down=False))
        self._root.update()
        self._root.focus_force()
        self._root.update()
        window_id = int(self._root.frame(), 16) if sys.platform == "win32" else 0
        corner = self._root.winfo_rootx(), self._root.winfo_rooty()
        _say(said, "ready", window_id, *corner, self._root.winfo_width(), self._root.winfo_height())

    def run(self) -> None:
        import queue
        import threading

        words: queue.SimpleQueue[str | None] = queue.SimpleQueue()

        def pump() -> None:
            for line in sys.stdin:
                words.put(line.strip())
            words.put(None)

        def obey() -> None:
            while not words.empty():
                word = words.get()
                if word is None:
                    self._root.destroy()
                    return
                if word == "focus":
                    self._root.focus_force()
                else:
                    self._root.configure(bg=_colour(word))
                self._root.update_idletasks()
                _say(self._said, "shown", clock_ns())
            self._root.after(1, obey)

        threading.Thread(target=pump, name="words", daemon=True).start()
        self._root.after(1, obey)
        self._root.mainloop()

    def _tell_key(self, *, down: bool) -> None:
        _say(self._said, "key", self._key, int(down), clock_ns())


def _colour(word: str) -> str:
    return f"#{_pixel(word):06x}"
