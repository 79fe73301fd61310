"""A real game, a scripted driver, and the whole loop in one command: `python -m demo`."""
