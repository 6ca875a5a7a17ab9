"""Latency against load."""
