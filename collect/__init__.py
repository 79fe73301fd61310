"""Recording what a person sees and presses, and looking after the recordings."""
