"""Games of Atari's console."""
