"""`python -m agent` is `play`."""

import sys

from agent.cli import main

sys.exit(main())
