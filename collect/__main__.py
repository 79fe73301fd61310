"""`python -m collect` is `collect`."""

import sys

from agent.errors import start


def main() -> int:
    return start("collect.cli")


def recordings() -> int:
    return start("collect.recordings.cli")


if __name__ == "__main__":
    sys.exit(main())
