"""A program for tests under Windows: it hears all keys, and presses and releases those that it is told on stdin.

It prints `held KEY...` (at its start), then `KEY down|up person|agent` for each change that it hears. On stdin it takes
`press KEY...` and `release KEY...`, as `play` does: what a person holds is left to them.
"""

import sys

from agent.keyboard.emitter import open_emitter
from agent.keyboard.listener import KeyEvent, KeyListener
from agent.keys import KEYS

WHO = {True: "agent", False: "person", None: "nobody"}


def main() -> int:
    def say(*words: str) -> None:
        sys.stdout.write(f"{' '.join(words)}\n")  # one write: the listener's thread says things too
        sys.stdout.flush()

    def hear(event: KeyEvent) -> None:
        say(event.key, "down" if event.down else "up", WHO[event.injected])

    emitter = open_emitter(KEYS)
    with KeyListener(KEYS, hear) as listener:
        say("held", *sorted(listener.held_at_start))
        for line in sys.stdin:
            what, *keys = line.split()
            if what == "press":
                emitter.press(keys)
            else:
                emitter.person_holds(listener.held_by_person)
                emitter.release(keys)
    return 0


if __name__ == "__main__":
    sys.exit(main())
