"""Which client a test has: the native one, or one in Python where there is no epoll."""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence

from .address import EndpointAddress
from .client import Client, ClientOptions


def make_client(
    addresses: Sequence[EndpointAddress],
    options: ClientOptions,
    count_tokens: Callable[[bytes], int] | None,
) -> Client:
    """A client of the servers. `count_tokens`: the number of tokens of a text, for answers whose
    server does not say it."""
    if hasattr(select, "epoll"):
        from .native import NativeClient

        return NativeClient(addresses, options, count_tokens)
    from .fallback import FallbackClient

    return FallbackClient(addresses, options, count_tokens)
