"""The command line: `mlperf-loadgen`, or `python -m mlperf_loadgen`.

A command is a function that takes options and returns an `Outcome`. `app` starts it, prints what it
came to, and turns what went wrong into one message and an exit status. A command's module is
imported when the command is called, and what the command works with when it works.
"""
