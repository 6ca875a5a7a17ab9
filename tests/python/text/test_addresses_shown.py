"""Addresses are shown without what is secret in them, alone and in a text."""

import pytest

from mlperf_loadgen.text.addresses import shown_address, with_shown_addresses


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("tcp://[::1]:8001", "tcp://[::1]:8001"),
        ("http://user:secret@host:1/path", "http://...@host:1/path"),
        ("http://host:1/path?key=secret&a=b", "http://host:1/path?key=...&a=..."),
        ("http://[::1", "http://[::1"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address, shown):
    assert shown_address(address) == shown
    assert with_shown_addresses(f"curl '{address}' | cat a?b=c") == f"curl '{shown}' | cat a?b=c"
