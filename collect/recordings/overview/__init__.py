"""`recordings list`: a look at all recordings."""
