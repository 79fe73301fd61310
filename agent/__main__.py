"""`python -m agent` is `play`."""

import sys

from agent.play.cli import main

sys.exit(main())
