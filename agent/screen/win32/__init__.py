"""Windows on Windows."""
