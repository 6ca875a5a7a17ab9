"""A small classifier in torch with inputs and labels, for the tests of tables of models."""

import numpy as np
import torch

import mlperf_loadgen as lg

COUNT = 300
FEATURES, HIDDEN, CLASSES = 64, 128, 10


def points(seed, count):
    """Points around ten centers, and the centers' numbers."""
    centers = np.random.default_rng(0).normal(size=(CLASSES, FEATURES))
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=count)
    return (centers[labels] + random.normal(scale=2, size=(count, FEATURES))).astype(
        np.float32
    ), labels


class Points(lg.QuerySampleLibrary):
    total_sample_count = performance_sample_count = COUNT

    def __init__(self):
        self.inputs, self.labels = points(1, COUNT)

    def load_samples(self, indices):
        pass

    def unload_samples(self, indices):
        pass

    def __getitem__(self, index):
        return self.inputs[index]


class Net(torch.nn.Module):
    """Its first layer has 8,256 weights, enough to be quantized; a buffer is not in the state."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(FEATURES, HIDDEN)
        self.last = torch.nn.Linear(HIDDEN, CLASSES)
        self.register_buffer("scale", torch.tensor(0.5), persistent=False)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)) * self.scale)


class Made:
    def __init__(self):
        torch.manual_seed(0)
        self.model = Net()
        self.example = (torch.zeros(2, FEATURES),)
        optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.train(self.model, optimizer, lambda: 0.0)

    def train(self, model, optimizer, penalty):
        model.train()
        for step in range(80):
            x, y = map(torch.from_numpy, points(100 + step, 64))
            loss = torch.nn.functional.cross_entropy(model(x), y) + penalty()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()


def make():
    return Made()


def make_untrainable():
    made = Made()
    return made.model, made.example


def make_no_model():
    return "a model"
