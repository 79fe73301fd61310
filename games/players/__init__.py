"""Who plays a game from inside its process: scripts, random keys, nobody."""
