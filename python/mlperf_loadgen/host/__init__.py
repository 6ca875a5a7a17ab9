"""The process and the machine that this runs in."""
