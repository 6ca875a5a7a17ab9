"""The command line: `mlperf-loadgen`, or `python -m mlperf_loadgen`.

A command is a function that takes options and returns an `Outcome`. `app` starts the command,
prints its outcome, and turns errors into one message and an exit status. The module of a command is
imported when the command is called, and the modules that it works with when it uses them.
"""
