"""The search for the highest rate."""
