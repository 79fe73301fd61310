"""The keyboard: hearing it, pressing keys, and the process that lets go of them; one file a system."""
