"""All providers are listed, usable or not, and what is not on offer is not."""

import dataclasses

import pytest

from mlperf_loadgen import transfer


def test_each_provider_is_there_with_its_reason():
    found = {provider.name: provider for provider in transfer.providers()}
    assert list(found) == ["shm", "cuda", "verbs", "efa", "tcp"]
    for provider in found.values():
        assert provider.usable == (not provider.why), provider
        assert provider.tested in ("on hardware", "in emulation", "never")
    assert found["shm"].usable and found["tcp"].usable
    assert found["shm"].tested == found["tcp"].tested == "on hardware"
    assert found["verbs"].tested == "in emulation"
    assert found["efa"].tested == found["cuda"].tested == "never"


def test_engines_offer_what_is_usable():
    usable = tuple(provider.name for provider in transfer.providers() if provider.usable)
    with transfer.Engine() as engine:
        assert engine.providers == usable


def test_a_provider_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        transfer.providers()[0].usable = False
