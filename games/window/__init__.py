"""A real window for a game, on a display of its own, with hands that press real keys."""
