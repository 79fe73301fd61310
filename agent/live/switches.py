"""What the person asks of a live loop, by hotkey or signal; set by other threads, read by the loop."""

from dataclasses import dataclass

from agent.keyboard.listener import KeyEvent
from agent.live.options import Hotkeys


@dataclass(slots=True)
class Switches:
    """Hotkeys count while the game is `focused`: in another window they mean something else."""

    paused: bool = False
    taken_over: bool = False
    ended: bool = False
    focused: bool = False

    def end(self) -> None:
        self.ended = True

    def hear(self, event: KeyEvent, hotkeys: Hotkeys) -> None:
        """One press of a hotkey flips its switch."""
        if not (event.down and self.focused):
            return
        if event.key == hotkeys.pause:
            self.paused = not self.paused
        elif event.key == hotkeys.takeover:
            self.taken_over = not self.taken_over
        elif event.key == hotkeys.quit:
            self.end()
