"""macOS: what it tells of windows, of the focus and of what this program may do; for screen and keyboard alike."""
