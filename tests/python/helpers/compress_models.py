"""Models to quantize, and quantizers for them."""

import torch
from torch import nn

from mlperf_loadgen.compress import DiffQuantizer, LSQQuantizer, UniformQuantizer


class Tied(nn.Module):
    """An output layer that has the weights of the embedding."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(80, 48)
        self.hidden = nn.Linear(48, 48)
        self.output = nn.Linear(48, 80, bias=False)
        self.output.weight = self.embedding.weight

    def forward(self, tokens):
        return self.output(torch.tanh(self.hidden(self.embedding(tokens))))


class Recurrent(nn.Module):
    """A recurrent layer and a linear one on its last output."""

    def __init__(self, kind):
        super().__init__()
        self.layers = kind(32, 48, num_layers=2, batch_first=True, bidirectional=True)
        self.output = nn.Linear(96, 10)

    def forward(self, x):
        return self.output(self.layers(x)[0][:, -1])


def mlp():
    return nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 48))


def convolution():
    layers = [
        nn.Conv2d(3, 32, 3),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3),
        nn.Flatten(),
    ]
    return nn.Sequential(*layers, nn.Linear(512, 10))


def transformer():
    layer = nn.TransformerEncoderLayer(48, 4, 64, dropout=0.0, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


MODELS = {
    "mlp": (mlp, lambda: torch.randn(4, 64)),
    "convolution": (convolution, lambda: torch.randn(2, 3, 8, 8)),
    "transformer": (transformer, lambda: torch.randn(2, 5, 48)),
    "lstm": (lambda: Recurrent(nn.LSTM), lambda: torch.randn(2, 5, 32)),
    "gru": (lambda: Recurrent(nn.GRU), lambda: torch.randn(2, 5, 32)),
    "tied": (Tied, lambda: torch.randint(80, (2, 5))),
}
"""What makes a model, and an input of it."""

QUANTIZERS = {
    "uniform": lambda model: UniformQuantizer(model, 4),
    "qat": lambda model: UniformQuantizer(model, 4, qat=True),
    "qat channel": lambda model: UniformQuantizer(model, 4, qat=True, range="channel"),
    "qat zero": lambda model: UniformQuantizer(model, 4, qat=True, range=32, zero=True),
    "lsq": lambda model: LSQQuantizer(model, 4),
    "diffq": lambda model: DiffQuantizer(model, 8),
    "diffq uniform": lambda model: DiffQuantizer(model, 0, noise="uniform"),
}
"""What attaches a quantizer."""


def made(model, seed=0):
    """A model of MODELS, and an input, always the same."""
    make, make_input = MODELS[model]
    torch.manual_seed(seed)
    return make(), make_input()


def train(model, quantizer, x, steps=3):
    """Trains a model for a few steps; returns the losses."""
    optimizer = torch.optim.SGD(
        [p for n, p in model.named_parameters() if "_compress" not in n], 0.05
    )
    quantizer.setup_optimizer(optimizer)
    losses = []
    for _ in range(steps):
        with torch.enable_grad():
            optimizer.zero_grad()
            loss = model(x).square().mean() + 1e-3 * quantizer.model_size()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    return losses
