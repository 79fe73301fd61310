"""What was tried to make it play better: games in lockstep, comparisons, and their log."""
