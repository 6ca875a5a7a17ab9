"""Trains a classifier with torch from the shards that measure_shards.py measures from."""

import torch
from bars import DIRECTIONS, SIZE, TRAIN, VAL, write_shards
from torch import nn
from torch.utils.data import DataLoader

from mlperf_loadgen.data import WebDataset

BATCH_SIZE = 32
EPOCHS = 8


def loader(stream: WebDataset, workers: int) -> DataLoader:
    """Batches of the stream; each worker reads shards of its own."""
    stream = stream.decode("torchl").to_tuple("png", "cls").batched(BATCH_SIZE)
    return DataLoader(stream.to_torch(), batch_size=None, num_workers=workers)


def accuracy(model: nn.Module, batches: DataLoader) -> float:
    right = count = 0
    with torch.no_grad():
        for images, labels in batches:
            right += (model(images).argmax(1) == torch.as_tensor(labels)).sum().item()
            count += len(labels)
    return right / count


def main() -> None:
    write_shards()
    torch.manual_seed(0)
    train = loader(WebDataset(TRAIN, shardshuffle=100).shuffle(500), workers=2)
    val = loader(WebDataset(VAL), workers=0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(SIZE),
        nn.Flatten(),
        nn.Linear(16, DIRECTIONS),
    )
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for epoch in range(EPOCHS):
        for images, labels in train:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), torch.as_tensor(labels)).backward()
            optimizer.step()
        print(f"epoch {epoch}: {accuracy(model, val):.3f} of the validation images right")


if __name__ == "__main__":
    main()
