"""Two engines of this process, connected by each provider of every machine."""

from types import SimpleNamespace

import numpy as np
import pytest
from transfer_node import LIMIT_S, NBYTES

from mlperf_loadgen import transfer


@pytest.fixture(params=["tcp", "shm", "shm registered"])
def way(request):
    """A provider, and whether the peer's memory is the program's and not the engine's."""
    return request.param


@pytest.fixture
def pair(way):
    """A client and the peer that it is connected to: engines, peers of both ends, a region of 1 MiB
    at each, and the node's as the client sees it."""
    providers = (way.split()[0],)
    with (
        transfer.Engine(providers=providers) as node,
        transfer.Engine(providers=providers) as client,
    ):
        there = node.register(np.zeros(NBYTES, np.uint8)) if " " in way else node.allocate(NBYTES)
        there.array()[:] = np.arange(NBYTES) % 251
        peer = client.connect(node.address)
        yield SimpleNamespace(
            node=node,
            client=client,
            peer=peer,
            back=node.accept(LIMIT_S),
            there=there,
            here=client.register(np.zeros(NBYTES, np.uint8)),
            remote=peer.open(there.descriptor),
        )
