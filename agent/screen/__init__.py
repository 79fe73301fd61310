"""The screen and the game's window on it."""
