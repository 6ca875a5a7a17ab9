"""Files that `mlperf-loadgen init` copies, for a newcomer to change."""
