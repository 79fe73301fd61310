"""`python -m agent` is `play`."""

import sys

from agent.errors import start


def main() -> int:
    return start("agent.play.cli")


if __name__ == "__main__":
    sys.exit(main())
