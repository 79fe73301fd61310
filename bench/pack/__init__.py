"""Which way to pack frames: size and speed of several, beside plain arrays."""
