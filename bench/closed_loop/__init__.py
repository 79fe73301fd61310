"""Does it really play? Games in real windows, scripted players with real keys, and policies that learned from them.

`python -m bench.closed_loop` measures live, `python -m experiments.lockstep` searches quickly beside it.
"""

import os

# Said before anything here imports pygame, which greets on stdout otherwise.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
