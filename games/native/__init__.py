"""Games of the system, started as they are: played and judged through the screen and the keyboard."""
