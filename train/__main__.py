"""`python -m train RECORDING... --out POLICY` is the command `train`."""

import sys

from train.cli import main

sys.exit(main())
