"""Recordings in the formats of others: a module for each way, and what all of them need."""
