"""A policy on disk, and one step of it. No TensorFlow here."""
