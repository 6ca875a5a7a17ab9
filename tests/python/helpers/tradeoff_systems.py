"""Systems with known answers and known ratios of their speeds, for the tests of tables of systems.

A variant says what its system does. Each system that is made writes a line to the file that the
environment variable MADE names: the variant and the process.
"""

import os
import signal
import time
from pathlib import Path

import numpy as np

import mlperf_loadgen as lg

COUNT = 200
BLOCK_BYTES = 64 << 20


class Numbers(lg.QuerySampleLibrary):
    """Sample i is of class i % 10."""

    total_sample_count = performance_sample_count = COUNT
    labels = np.arange(COUNT) % 10

    def load_samples(self, indices):
        pass

    def unload_samples(self, indices):
        pass


class Unlabelled(Numbers):
    labels = None


class Scored(Unlabelled):
    """Judges by a function of its own, which says it of each record."""

    def score(self, log):
        return log.payloads.as_array("int64")[:, 0] == log.indices.astype(np.int64) % 10


class Valued(Unlabelled):
    """Judges by a number."""

    def score(self, log):
        return 12.5


class Undefined(Unlabelled):
    """Judges by a number that these answers have none of."""

    def score(self, log):
        return float("nan")


class MoreLabels(Numbers):
    labels = np.arange(2 * COUNT) % 10


class OtherLabels(Numbers):
    """No sample is of a class that is answered."""

    labels = np.arange(COUNT) % 10 - 100


class System(lg.SystemUnderTest):
    """Takes `sleep_s` a sample. Answers wrongly where the index is a multiple of `wrong_every`."""

    response_dtype = "int64"

    def __init__(self, sleep_s=0.0, wrong_every=None):
        self.sleep_s = sleep_s
        self.wrong_every = wrong_every

    def issue_query(self, samples):
        if self.sleep_s:
            time.sleep(self.sleep_s * len(samples.ids))
        answers = (samples.indices % 10).astype(np.int64)
        if self.wrong_every:
            answers[samples.indices % self.wrong_every == 0] += 1
        lg.complete(samples.ids, answers)


class Constant(System):
    """Takes as long for one sample as for many, so that every probe is too slow."""

    def issue_query(self, samples):
        time.sleep(0.01)
        super().issue_query(samples)


class Wordy(System):
    def issue_query(self, samples):
        raise RuntimeError("too many\nlines of text")


class Raises(System):
    def issue_query(self, samples):
        raise KeyError("no such sample")


class Aborts(System):
    def issue_query(self, samples):
        lg.AbortTest()


class Silent(System):
    """Its answers hold no bytes."""

    def issue_query(self, samples):
        lg.complete(samples.ids)


class Scores(System):
    """Answers with a score for each class."""

    response_dtype = "float32"

    def issue_query(self, samples):
        lg.complete(samples.ids, np.eye(10, dtype=np.float32)[samples.indices % 10])


class Sized(System):
    """Has a file of 3,000 bytes for 1,500 weights."""

    kind = "kernels"
    weight_count = 1500

    def __init__(self, path):
        super().__init__()
        self.model_files = [path]


class NoFiles(System):
    model_files = ()


class Large(System):
    """Keeps a block of memory, and frees another one."""

    def __init__(self):
        super().__init__()
        self.kept = np.ones(BLOCK_BYTES, np.uint8)
        np.ones(2 * BLOCK_BYTES, np.uint8)


def note(variant):
    if "MADE" in os.environ:
        with Path(os.environ["MADE"]).open("a") as file:
            file.write(f"{variant} {os.getpid()}\n")


def made():
    """The variants that were made, and their processes."""
    lines = [line.split() for line in Path(os.environ["MADE"]).read_text().splitlines()]
    return [(variant, int(process)) for variant, process in lines]


def make(variant):
    """The system of a variant, such as "fast"; "wrong:7" answers each seventh sample wrongly."""
    note(variant)
    word, _, number = str(variant).partition(":")
    if word == "wrong":
        return System(wrong_every=int(number))
    if word == "sized":
        return Sized(os.environ["MODEL_FILE"])
    if word == "waits":  # Until somebody ends it.
        while True:
            time.sleep(0.01)
    if word == "exits":
        os._exit(7)
    if word == "leaves":  # A process that lives on, with the files that this one has open.
        left = os.fork()
        if left == 0:
            time.sleep(60)
            os._exit(0)
        Path(os.environ["LEFT"]).write_text(str(left))
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "refused":
        raise ValueError("there is no accelerator")
    systems = {
        "fast": lambda: System(0.0005),
        "slow": lambda: System(0.004),
        "raises": Raises,
        "aborts": Aborts,
        "wordy": Wordy,
        "constant": Constant,
        "large": Large,
        "silent": Silent,
        "scores": Scores,
        "no_files": NoFiles,
        "no_system": lambda: 3.5,
    }
    return systems[word]()


def make_with_library(variant, library):
    assert isinstance(library, Numbers)
    return make(variant)
