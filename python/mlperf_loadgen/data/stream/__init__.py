"""Samples one after the other: stages, each from one iterator to the next, and what joins them."""
