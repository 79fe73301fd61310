"""What the loops of `collect` and `play` stand on while a game runs: hotkeys, the focus gate, the devices."""
