"""What `recordings view` shows, and the viewer that shows it: Rerun, which only this room imports."""
