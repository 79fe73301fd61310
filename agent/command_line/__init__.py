"""How a command reads its command line."""
