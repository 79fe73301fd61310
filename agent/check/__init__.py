"""Can this machine record and play? Every part is tried for real."""
