"""Small models of four kinds, and inputs for them. Needs torch."""

import torch
from torch import nn


class Recurrent(nn.Module):
    """Two layers of LSTM in both directions, and a linear layer."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(32, 48, num_layers=2, bidirectional=True, batch_first=True)
        self.out = nn.Linear(96, 7)

    def forward(self, x):
        return self.out(self.lstm(x)[0])


class Attention(nn.Module):
    """Token numbers, a layer of a transformer, and an output that is tied to the embedding."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(100, 64)
        self.layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
        self.out = nn.Linear(64, 100, bias=False)
        self.out.weight = self.embedding.weight

    def forward(self, tokens):
        return self.out(self.layer(self.embedding(tokens)))


def mlp():
    return nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 50))


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 24, 5), nn.BatchNorm2d(24), nn.ReLU(), nn.Flatten(), nn.Linear(24 * 16, 10)
    )


MODELS = {
    "mlp": (mlp, lambda n: torch.randn(n, 64)),
    "cnn": (cnn, lambda n: torch.randn(n, 3, 8, 8)),
    "transformer": (Attention, lambda n: torch.randint(0, 100, (n, 6))),
    "lstm": (Recurrent, lambda n: torch.randn(n, 5, 32)),
}
"""(a function that makes the model, a function that makes n inputs) by kind."""


def made(kind, seed=0):
    """A model with weights of this seed, in eval."""
    torch.manual_seed(seed)
    return MODELS[kind][0]().eval()
