"""A recording on disk: its format, its reader, its writer, and the way from a live loop to it."""
