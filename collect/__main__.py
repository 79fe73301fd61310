"""`python -m collect` is `collect`."""

import sys

from collect.cli import main

sys.exit(main())
