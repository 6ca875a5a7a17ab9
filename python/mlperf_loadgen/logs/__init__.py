"""The log files, read back."""
