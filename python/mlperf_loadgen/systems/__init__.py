"""Ready-made shapes of a system under test."""
