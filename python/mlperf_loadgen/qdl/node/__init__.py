"""The other end: nodes, which answer load generators."""
