"""The torch.distributed backend "loadgen": `import mlperf_loadgen.transfer.torch` registers it.

    import torch.distributed as dist
    import mlperf_loadgen.transfer.torch

    dist.init_process_group("loadgen")

It has send, recv, isend, irecv, batch_isend_irecv, all_gather, all_gather_into_tensor,
all_gather_object and barrier for contiguous tensors in CPU memory. The other collectives raise
NotImplementedError: use gloo for these, in a group beside it.
"""

from __future__ import annotations

import datetime
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist

from .._transfer import Op, Region
from .engine import Engine
from .group import GATHER_TAGS, Group

__all__ = ["LoadgenGroup"]

_SECRET = "mlperf_loadgen.secret"
_ADDRESS = "mlperf_loadgen.address."
_ABSENT = (
    "allgather_coalesced",
    "all_gather_single_coalesced",
    "allreduce",
    "allreduce_coalesced",
    "alltoall",
    "alltoall_base",
    "broadcast",
    "gather",
    "recv_anysource",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_single",
    "reduce_scatter_single_coalesced",
    "reduce_scatter_tensor_coalesced",
    "scatter",
    "_reduce_scatter_base",
)
"""What torch asks other backends for."""


class _Work(dist.Work):  # type: ignore[misc]
    """An operation as torch.distributed sees it; `finish` is called once it is done."""

    def __init__(
        self, op: Op | None, timeout_s: float, finish: Callable[[], object] = lambda: None
    ) -> None:
        super().__init__()
        self._op = op
        self._timeout_s = timeout_s
        self._finish: Callable[[], object] | None = finish

    def wait(self, timeout: datetime.timedelta | None = None) -> bool:
        """Waits until it is done. Raises TimeoutError or TransferError."""
        if self._op is not None:
            asked_s = timeout.total_seconds() if timeout else 0.0
            self._op.wait(asked_s or self._timeout_s)
        finish, self._finish = self._finish, None
        if finish is not None:
            finish()
        return True

    def is_completed(self) -> bool:
        """Whether it is done."""
        return self._op is None or self._op.done

    def is_success(self) -> bool:
        """Whether it is done and did not fail."""
        return self._op is None or (self._op.done and self._op.error is None)


class LoadgenGroup(dist.ProcessGroup):  # type: ignore[misc]
    """The processes of a group, connected by an engine of their own."""

    def __init__(
        self, store: dist.Store, rank: int, size: int, timeout: datetime.timedelta
    ) -> None:
        super().__init__(rank, size)  # The other constructors give no object of Python's.
        self._timeout_s = timeout.total_seconds()
        self._engine = _engine_of(store, rank)
        store.set(f"{_ADDRESS}{rank}", self._engine.address)
        addresses = [store.get(f"{_ADDRESS}{other}").decode() for other in range(size)]
        self._group = Group(self._engine, rank, addresses, self._timeout_s)

    def getBackendName(self) -> str:
        """The name of the backend."""
        return "loadgen"

    def send(self, tensors: Sequence[torch.Tensor], rank: int, tag: int = 0) -> _Work:
        """Sends one tensor to another rank."""
        source = self._region(_only(tensors))
        return self._work(self._group.peer(rank).send(source, tag=_user_tag(tag)))

    def recv(self, tensors: Sequence[torch.Tensor], rank: int, tag: int = 0) -> _Work:
        """Receives one tensor from another rank."""
        target = self._region(_only(tensors))
        return self._work(self._group.peer(rank).recv(target, tag=_user_tag(tag)))

    def allgather(
        self,
        output_tensors: Sequence[Sequence[torch.Tensor]],
        input_tensors: Sequence[torch.Tensor],
        opts: Any = None,
    ) -> _Work:
        """Gathers the ranks' tensors, which have one size, into a list of tensors."""
        outputs, source = list(_only(output_tensors)), _only(input_tensors)
        gathered = torch.empty((len(outputs), source.numel()), dtype=source.dtype)

        def scatter() -> None:
            for row, output in zip(gathered, outputs, strict=True):
                output.copy_(row.view_as(output))

        return self._work(self._gather(gathered, source), scatter)

    def all_gather_single(
        self, output: torch.Tensor, input: torch.Tensor, opts: Any = None
    ) -> _Work:
        """Gathers the ranks' tensors, which have one size, into one tensor."""
        return self._work(self._gather(output, input))

    _allgather_base = all_gather_single  # Its name before torch 2.13.

    def barrier(self, opts: Any = None) -> _Work:
        """Is done once each rank has come to its barrier."""
        arrived = torch.zeros(self.size(), dtype=torch.uint8)
        return self._work(self._gather(arrived, torch.ones(1, dtype=torch.uint8)))

    def shutdown(self) -> None:
        """Closes the connections."""
        self._engine.close()

    abort = shutdown

    def _gather(self, output: torch.Tensor, source: torch.Tensor) -> Op:
        return self._group.all_gather(self._region(source.contiguous()), self._region(output))

    def _region(self, tensor: torch.Tensor) -> Region:
        return self._engine.register(tensor)

    def _work(self, op: Op, finish: Callable[[], object] = lambda: None) -> _Work:
        return _Work(op, self._timeout_s, finish)


def _engine_of(store: dist.Store, rank: int) -> Engine:
    """An engine whose peers know the secret that the first rank put into the store."""
    if rank == 0:
        store.set(_SECRET, secrets.token_hex(32))
    secret = bytes.fromhex(store.get(_SECRET).decode())
    return Engine(f"tcp://{_own_host()}:0", secret=secret)


def _own_host() -> str:
    """The address of this machine that the machine of rank 0 sees."""
    host = os.environ.get("MASTER_ADDR", "127.0.0.1")
    family = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0][0]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))  # Sends nothing: only the route is looked up.
        own = str(probe.getsockname()[0])
    return f"[{own}]" if ":" in own else own


def _only(items: Sequence[Any]) -> Any:
    if len(items) != 1:
        raise ValueError(f"{len(items)} tensors: the backend loadgen takes one a call")
    return items[0]


def _user_tag(tag: int) -> int:
    if not 0 <= tag < GATHER_TAGS:
        raise ValueError(f"tag {tag}: it must be 0 to {GATHER_TAGS - 1}")
    return tag


def _absent(name: str) -> Callable[..., Any]:
    def method(self: LoadgenGroup, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError(
            f"the backend loadgen has no {name}: it has send, recv, all_gather and barrier; "
            f'use a group with the backend "gloo" for it'
        )

    method.__name__ = name
    return method


for _name in _ABSENT:
    setattr(LoadgenGroup, _name, _absent(_name))

dist.Backend.register_backend("loadgen", LoadgenGroup, devices=["cpu"])
