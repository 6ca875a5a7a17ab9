"""One test over the network."""
