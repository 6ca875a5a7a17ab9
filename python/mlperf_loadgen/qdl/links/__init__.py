"""Connections to nodes, one transport each.

`link` has the interface that a transport implements, `node_timeout` what gives up a silent node.
`zmq`, `http` and `kserve` are the transports; `lane_link` is the lane beside the first of them, and
the last two share `request`, a request for each sample. What they use: `keys`, `clock_sync`,
`http_client`, `server`, `server_kind` and the `kserve_*` files.
"""
