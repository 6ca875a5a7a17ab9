"""Measures the classifier over the network: is it as right as in this process, and how fast?"""

import argparse
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "classification"))

from main import LOGS, check_accuracy, print_row, run
from model import Classifier, prepare
from performance import RUNS, describe
from sut import open_images

from mlperf_loadgen import qdl

NODE = Path(__file__).with_name("node.py")


@contextlib.contextmanager
def node_here() -> Iterator[str]:
    """A node in a second process on this machine; its address."""
    command = [sys.executable, str(NODE), "tcp://127.0.0.1:0"]  # Port 0: one that is free.
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as node:
        try:
            assert node.stdout is not None
            yield node.stdout.readline().strip()
        finally:
            node.terminate()


def measure(addresses: list[str], **options: Any) -> bool:
    files = prepare()
    images = open_images(files.shards)
    sut = qdl.NetworkQDL(addresses, images, **options)
    passed = check_accuracy("network_accuracy", sut, images, Classifier(files.model), files)
    result = run("network_server", sut, images, RUNS["server"])
    print_row("network_server", "VALID" if result.valid else "INVALID", describe(result))
    print(f"\nWhere the time of network_server went:\n{sut.report}")
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("addresses", nargs="*", help="of nodes; without, one is started here")
    parser.add_argument("--keys", help="folder of qdl.make_keys")
    arguments = parser.parse_args()
    options = {"keys": arguments.keys} if arguments.keys else {}
    prepare()  # Before a node does the same.
    with contextlib.ExitStack() as stack:
        passed = measure(arguments.addresses or [stack.enter_context(node_here())], **options)
    print(f"The logs are in {LOGS.resolve()}, a folder for each run.")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
