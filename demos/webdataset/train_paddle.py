"""Trains a classifier with Paddle from the shards that measure_shards.py measures from."""

import paddle
from bars import DIRECTIONS, SIZE, TRAIN, VAL, write_shards
from paddle import nn

from mlperf_loadgen.data import WebDataset

BATCH_SIZE = 32
EPOCHS = 8


def loader(stream: WebDataset) -> paddle.io.DataLoader:
    """Batches of images. Without workers, as Paddle forks them, which may hang once its threads for
    computing run."""
    images = stream.decode("l").to_tuple("png", "cls").map_tuple(lambda image: image[None])
    return paddle.io.DataLoader(images.to_paddle(), batch_size=BATCH_SIZE, num_workers=0)


def accuracy(model: nn.Layer, batches: paddle.io.DataLoader) -> float:
    right = count = 0
    with paddle.no_grad():
        for images, labels in batches:
            right += int((model(images).argmax(1) == labels.flatten()).sum())
            count += len(labels)
    return right / count


def main() -> None:
    write_shards()
    paddle.seed(0)
    train = loader(WebDataset(TRAIN, shardshuffle=100).shuffle(500))
    val = loader(WebDataset(VAL))
    model = nn.Sequential(
        nn.Conv2D(1, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2D(SIZE),
        nn.Flatten(),
        nn.Linear(16, DIRECTIONS),
    )
    optimizer = paddle.optimizer.Adam(0.01, parameters=model.parameters())
    for epoch in range(EPOCHS):
        for images, labels in train:
            nn.functional.cross_entropy(model(images), labels.flatten()).backward()
            optimizer.step()
            optimizer.clear_grad()
        print(f"epoch {epoch}: {accuracy(model, val):.3f} of the validation images right")


if __name__ == "__main__":
    main()
