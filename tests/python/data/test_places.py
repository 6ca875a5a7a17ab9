"""Which of several processes this is: variables first, then frameworks that are imported already.

Method: modules that stand for the frameworks; test_torch.py and test_paddle.py have the real ones.
"""

import sys
from types import SimpleNamespace

import pytest

from mlperf_loadgen.data.places import node_place, worker_place


@pytest.fixture(autouse=True)
def no_frameworks(monkeypatch):
    for name in ("torch.distributed", "paddle.distributed", "torch.utils.data", "paddle.io"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("RANK", "WORLD_SIZE", "WORKER", "NUM_WORKERS"):
        monkeypatch.delenv(name, raising=False)


def group(rank, size, **more):
    return SimpleNamespace(
        is_initialized=lambda: size > 0,
        get_rank=lambda: rank,
        get_world_size=lambda: size,
        **more,
    )


def loader(number, count):
    info = SimpleNamespace(id=number, num_workers=count) if count else None
    return SimpleNamespace(get_worker_info=lambda: info)


def test_alone():
    assert node_place() == worker_place() == (0, 1)


@pytest.mark.parametrize(("rank", "size"), [("x", "2"), ("2", "2"), ("-1", "2"), ("0", "0")])
def test_variables_that_name_no_place(rank, size, monkeypatch):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", size)
    with pytest.raises(ValueError, match=f"RANK={rank} and WORLD_SIZE={size}: RANK must be"):
        node_place()


@pytest.mark.parametrize("framework", ["torch", "paddle"])
def test_a_framework_that_is_imported(framework, monkeypatch):
    more = {"is_available": lambda: True} if framework == "torch" else {}
    monkeypatch.setitem(sys.modules, f"{framework}.distributed", group(2, 5, **more))
    assert node_place() == (2, 5)
    monkeypatch.setitem(sys.modules, f"{framework}.distributed", group(0, 0, **more))
    assert node_place() == (0, 1)
    module = {"torch": "torch.utils.data", "paddle": "paddle.io"}[framework]
    monkeypatch.setitem(sys.modules, module, loader(1, 3))
    assert worker_place() == (1, 3)
    monkeypatch.setitem(sys.modules, module, loader(0, 0))
    assert worker_place() == (0, 1)


def test_torch_without_its_process_groups(monkeypatch):
    module = SimpleNamespace(is_available=lambda: False)
    monkeypatch.setitem(sys.modules, "torch.distributed", module)
    assert node_place() == (0, 1)


def test_variables_come_first(monkeypatch):
    monkeypatch.setitem(sys.modules, "paddle.distributed", group(2, 5))
    monkeypatch.setitem(sys.modules, "paddle.io", loader(1, 3))
    for name, value in (("RANK", 0), ("WORLD_SIZE", 4), ("WORKER", 1), ("NUM_WORKERS", 2)):
        monkeypatch.setenv(name, str(value))
    assert node_place() == (0, 4)
    assert worker_place() == (1, 2)
