"""Which of several processes this one is: its node among nodes, its worker among a loader's.

Frameworks are asked only if the program has imported them already.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def node_place() -> tuple[int, int]:
    """Rank and number of nodes: RANK and WORLD_SIZE, else the framework's process group."""
    place = _from_environment("RANK", "WORLD_SIZE")
    if place is not None:
        return place
    return _torch_rank() or _paddle_rank() or (0, 1)


def worker_place() -> tuple[int, int]:
    """Number of this worker and how many there are: WORKER and NUM_WORKERS, else the loader's."""
    place = _from_environment("WORKER", "NUM_WORKERS")
    if place is not None:
        return place
    for module in ("torch.utils.data", "paddle.io"):
        loader: Any = sys.modules.get(module)
        info = loader.get_worker_info() if loader is not None else None
        if info is not None:
            return int(info.id), int(info.num_workers)
    return 0, 1


def _from_environment(number: str, count: str) -> tuple[int, int] | None:
    if number not in os.environ or count not in os.environ:
        return None
    texts = os.environ[number], os.environ[count]
    if all(text.isdecimal() for text in texts) and int(texts[0]) < int(texts[1]):
        return int(texts[0]), int(texts[1])
    raise ValueError(
        f"{number}={texts[0]} and {count}={texts[1]}: {number} must be a number from 0 on that is"
        f" below {count}."
    )


def _torch_rank() -> tuple[int, int] | None:
    distributed: Any = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return int(distributed.get_rank()), int(distributed.get_world_size())


def _paddle_rank() -> tuple[int, int] | None:
    distributed: Any = sys.modules.get("paddle.distributed")
    if distributed is None or not distributed.is_initialized():
        return None
    return int(distributed.get_rank()), int(distributed.get_world_size())
