"""Systems beside each other: size, memory, accuracy, latency and rate of each, and which of them no
other one beats."""
