"""What `collect` asks a person at a terminal who did not tell which window the game is, or which keys to learn."""
