"""`python -m train RECORDING... --out POLICY` is the command `train`."""

import sys

from agent.errors import start


def main() -> int:
    return start("train.cli")


if __name__ == "__main__":
    sys.exit(main())
