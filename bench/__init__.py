"""Every figure in the README: `python -m bench.NAME [--quick] [--json FILE]` prints one table."""
