"""`python -m collect.recordings` is `recordings`."""

import sys

from agent.errors import start

if __name__ == "__main__":
    sys.exit(start("collect.recordings.cli"))
