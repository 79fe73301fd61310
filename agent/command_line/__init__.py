"""How a command reads its command line, and writes to the terminal."""
