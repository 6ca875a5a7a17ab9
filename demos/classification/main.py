"""Measures a classifier of handwritten digits: is it right, and how fast is it?"""

import sys
from pathlib import Path

import numpy as np
from model import Classifier, Files, prepare
from performance import RUNS, describe
from sut import OnnxRuntime, open_images

import mlperf_loadgen as lg
from mlperf_loadgen.data import WebDatasetQSL

LOGS = Path("demo_logs")
REQUIRED_ACCURACY = 0.95


def run(
    name: str, sut: lg.SystemUnderTest, images: WebDatasetQSL, settings: lg.TestSettings
) -> lg.TestResult:
    """One test, with its logs in a folder of its own."""
    folder = LOGS / name
    folder.mkdir(parents=True, exist_ok=True)
    log_settings = lg.LogSettings()
    log_settings.log_output.outdir = str(folder)
    return lg.StartTestWithLogSettings(sut, images, settings, log_settings)


def print_row(name: str, verdict: str, found: str) -> None:
    print(f"{name:<20} {verdict:<8} {found}", flush=True)


def check_accuracy(
    name: str,
    sut: lg.SystemUnderTest,
    images: WebDatasetQSL,
    classifier: Classifier,
    files: Files,
) -> bool:
    """Scores what the system answered, and compares it with asking the model directly, with images
    that were never in a shard."""
    result = run(name, sut, images, lg.TestSettings(mode=lg.TestMode.AccuracyOnly))
    log = lg.read_accuracy(result.logs.accuracy)
    answers = log.payloads.as_array(np.int64)[:, 0]
    labels = np.load(files.labels)
    accuracy = np.mean(answers == labels[log.indices])

    direct_answers = classifier.classify(np.load(files.images))
    all_asked = np.array_equal(np.sort(log.indices), np.arange(len(labels)))
    equal = all_asked and np.array_equal(answers, direct_answers[log.indices])

    passed = bool(result.valid and equal and accuracy > REQUIRED_ACCURACY)
    how = "equal to" if equal else "DIFFERENT FROM"
    asked = f"{len(log)} images of {len(images.shards)} shards"
    found = f"{accuracy:.4f} on {asked}, {how} the model asked directly"
    print_row(name, "PASSED" if passed else "FAILED", found)
    return passed


def main() -> int:
    files = prepare()
    classifier = Classifier(files.model)
    with open_images(files.shards) as images, OnnxRuntime(classifier, images) as sut:
        print_row("run", "result", "found")
        passed = check_accuracy("accuracy", sut, images, classifier, files)
        for name, settings in RUNS.items():
            result = run(name, sut, images, settings)
            print_row(name, "VALID" if result.valid else "INVALID", describe(result))
    print(f"The logs are in {LOGS.resolve()}, a folder for each run.")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
