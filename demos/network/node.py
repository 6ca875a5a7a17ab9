"""Hosts the classifier for a load generator on another machine, until Ctrl-C."""

import argparse
import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "classification"))

from model import Classifier, prepare
from sut import OnnxRuntime

from mlperf_loadgen import qdl


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bind", nargs="?", default="tcp://127.0.0.1:8001", help="where to listen")
    parser.add_argument("--keys", help="folder of qdl.make_keys; needed beyond this machine")
    arguments = parser.parse_args()

    classifier = Classifier(prepare().model)
    with contextlib.ExitStack() as stack:
        qdl.serve(
            lambda library: stack.enter_context(OnnxRuntime(classifier, library)),
            arguments.bind,
            keys=arguments.keys,
            ready=lambda addresses: print(*addresses, flush=True),
        )


if __name__ == "__main__":
    main()
