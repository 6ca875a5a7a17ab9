"""Draws the classifier's latency-throughput curve: how fast may images arrive?"""

import sys

import numpy as np
from main import LOGS
from model import Classifier, prepare
from performance import BOUND_MS
from sut import OnnxRuntime, open_images

import mlperf_loadgen as lg

SETTINGS = lg.TestSettings(
    scenario=lg.TestScenario.Server,
    min_duration_ms=1000,
    min_query_count=1000,
    server_target_latency_ns=BOUND_MS * 1_000_000,
    warmup_query_count=100,
)
RATES = np.geomspace(1000, 64_000, 13).round()  # In queries a second.
REPEATS = 3


def main() -> int:
    files = prepare()
    classifier = Classifier(files.model)
    with open_images(files.shards) as images, OnnxRuntime(classifier, images) as sut:
        curve = lg.sweep(
            sut, images, SETTINGS, RATES, repeats=REPEATS, outdir=LOGS / "sweep", progress=print
        )
    print(curve)
    try:
        curve.plot(LOGS / "sweep" / "sweep.png")
    except ImportError as error:
        print(f"No picture: {error}")
    print(f"The table, the picture and the logs are in {(LOGS / 'sweep').resolve()}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
