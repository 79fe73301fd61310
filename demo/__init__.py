"""A real game in a real window, players for it, and the whole loop in one command: `python -m demo`."""

import os

# Said before anything here imports pygame, which greets on stdout otherwise.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
