"""Readers of data sets, a file for each kind."""
