"""A running test, as it is seen from outside."""
