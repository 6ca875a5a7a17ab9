"""A BERT encoder in plain torch whose parameters have the names of the published files."""

import torch
from torch import nn
from torch.nn import functional as F


class Embeddings(nn.Module):
    """Words, and their places in the text, as vectors."""

    def __init__(self, words: int, places: int, width: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(words, width)
        self.position_embeddings = nn.Embedding(places, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        place = self.position_embeddings.weight[: ids.shape[1]]
        kind = self.token_type_embeddings.weight[0]  # There is one text, and no second one.
        vectors: torch.Tensor = self.LayerNorm(self.word_embeddings(ids) + place + kind)
        return vectors


class Layer(nn.Module):
    """Attention and a network of two linear layers, each added to its input and normalized."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        parts = {name: nn.Linear(width, width) for name in ("query", "key", "value")}
        self.attention = nn.ModuleDict(
            {"self": nn.ModuleDict(parts), "output": self.to_output(width, width)}
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, hidden)})
        self.output = self.to_output(hidden, width)

    @staticmethod
    def to_output(inputs: int, width: int) -> nn.ModuleDict:
        return nn.ModuleDict(
            {"dense": nn.Linear(inputs, width), "LayerNorm": nn.LayerNorm(width, eps=1e-12)}
        )

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        parts = self.attention["self"]
        query, key, value = (
            parts[name](x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        attended = F.scaled_dot_product_attention(query, key, value, mask)
        x = self.add(self.attention["output"], attended.transpose(1, 2).flatten(2), x)
        return self.add(self.output, F.gelu(self.intermediate["dense"](x)), x)

    @staticmethod
    def add(part: nn.ModuleDict, inputs: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        added: torch.Tensor = part["LayerNorm"](part["dense"](inputs) + x)
        return added


class Bert(nn.Module):
    """Texts to vectors: the mean of the last layer over the text.

    `forward(ids)`: int64 [texts, length], padded with 0; returns float32 [texts, width].
    """

    def __init__(
        self, words: int, places: int, width: int, layers: int, heads: int, hidden: int
    ) -> None:
        super().__init__()
        self.embeddings = Embeddings(words, places, width)
        stack = nn.ModuleList(Layer(width, heads, hidden) for _ in range(layers))
        self.encoder = nn.ModuleDict({"layer": stack})

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        mask = ids != 0
        x = self.embeddings(ids)
        for layer in self.encoder["layer"]:
            x = layer(x, mask[:, None, None, :])
        weight = mask[:, :, None].to(x.dtype)
        return (x * weight).sum(1) / weight.sum(1)
