"""A small byte-level tokenizer, made anew in each folder."""

import pytest


def make_tokenizer(folder):
    """Writes a tokenizer.json: all bytes, some pairs, and one special token. Returns the folder."""
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(
        ["the small words of one text, and the words of the other one"] * 9, trainer
    )
    made.save(str(folder / "tokenizer.json"))
    return folder
