"""Speed over loopback: what the transports carry, beside a thread and an HTTP request a sample, and
beside a plain socket.

    python benchmarks/network.py [--seconds 10] [--only rate single_stream bandwidth peak threads]
        [--transfer off tcp auto]

Load generator and node are two processes. Each measurement but `threads` is made by each transfer:
messages over ZeroMQ ("off"), a lane over TCP, and what is chosen on one machine ("auto"), a lane
over a Unix socket with large payloads in shared memory. `threads` is the pattern of the
reference's network demo, which needs flask and requests: each sample is sent as JSON by a thread of
its own.
"""

import argparse
import contextlib
import multiprocessing
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

import mlperf_loadgen as lg
from mlperf_loadgen import qdl
from mlperf_loadgen.qdl.links.lane_link import Transfer

SAMPLE_BYTES = 1024
TENSOR_BYTES = 1 << 20
BANDWIDTH_SAMPLES = 2000
ANSWER_BYTES = 64  # Of a lane's answer without data.
ROUND_TRIPS = 20_000
BOUND_MS = 100
RATE_QPS = 20_000
TRANSFERS = ("off", "tcp", "auto")


class Samples(lg.QuerySampleLibrary):
    total_sample_count = performance_sample_count = 64

    def __init__(self, payloads: list[Any]) -> None:
        self.payloads = payloads

    def load_samples(self, indices: list[int]) -> None:
        pass

    def unload_samples(self, indices: list[int]) -> None:
        pass

    def __getitem__(self, index: int) -> Any:
        return self.payloads[index]


class Null(lg.SystemUnderTest):
    def issue_query(self, samples: lg.SampleBatch) -> None:
        lg.complete(samples.ids)


class ThreadASample(lg.SystemUnderTest):
    """The reference demo's pattern."""

    def __init__(self, address: str, library: Samples) -> None:
        import requests

        self.post = requests.post
        self.url = f"{address}/predict/"
        self.library = library

    def issue_query(self, samples: lg.SampleBatch) -> None:
        for sample in samples:
            threading.Thread(target=self.ask, args=(sample.id, sample.index)).start()

    def ask(self, response_id: int, index: int) -> None:
        answer = self.post(self.url, json={"query": self.library[index], "id": response_id})
        answer.raise_for_status()
        data = np.frombuffer(str(answer.json()["result"]).encode(), np.uint8)
        response = lg.QuerySampleResponse(response_id, data.ctypes.data, len(data))
        lg.QuerySamplesComplete([response])


# ---- Nodes, each a process -----------------------------------------------------------------------


def serve_binary(ready: Any) -> None:
    qdl.serve(lambda library: Null(), "tcp://127.0.0.1:*", ready=lambda a: ready.send(a[0]))


def serve_flask(ready: Any) -> None:
    import logging

    from flask import Flask, jsonify, request
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = Flask("node")

    @app.post("/predict/")
    def predict() -> Any:
        return jsonify(result=len(request.get_json(force=True)["query"]))

    server = make_server("127.0.0.1", 0, app, threaded=True)
    ready.send(f"http://127.0.0.1:{server.port}")
    server.serve_forever()


def drain_socket(ready: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ready.send(server.getsockname()[1])
        connection, _ = server.accept()
        buffer = bytearray(TENSOR_BYTES)
        with connection:
            while connection.recv_into(buffer):
                pass
            connection.sendall(b"done")


def echo_socket(ready: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ready.send(server.getsockname()[1])
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = bytearray(SAMPLE_BYTES)
        with connection:
            while connection.recv_into(buffer, SAMPLE_BYTES, socket.MSG_WAITALL):
                connection.sendall(buffer[:ANSWER_BYTES])


@contextlib.contextmanager
def node(target: Any) -> Iterator[Any]:
    """Runs a node, and gives where it listens."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(there,))
    process.start()
    try:
        if not here.poll(60):
            raise TimeoutError(f"{target.__name__} does not come up")
        yield here.recv()
    finally:
        process.terminate()
        process.join()


# ---- What is measured ----------------------------------------------------------------------------


def settings(seconds: float, **values: Any) -> lg.TestSettings:
    return lg.TestSettings(
        scenario=lg.TestScenario.Server,
        server_target_latency_ns=BOUND_MS * 1_000_000,
        min_duration_ms=int(seconds * 1000),
        min_query_count=100,
        **values,
    )


@contextlib.contextmanager
def passing_logs() -> Iterator[lg.LogSettings]:
    """Log settings for a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        log = lg.LogSettings()
        log.enable_trace = False
        log.log_output.outdir = folder
        yield log


def highest_rate(sut: lg.SystemUnderTest, library: Samples, seconds: float) -> float:
    """The highest VALID Server rate: that of the search's confirming run, or the highest that is
    VALID somewhat below what the search found."""
    with passing_logs() as log:
        peak = lg.find_peak(sut, library, settings(seconds), log, progress=True)
    if peak.valid_qps is not None:
        return peak.valid_qps
    for share in (0.95, 0.9, 0.85, 0.8, 0.7):
        rate_qps = share * peak.estimate_qps
        if run(sut, library, settings(seconds, server_target_qps=rate_qps)).valid:
            return rate_qps
    raise RuntimeError(f"no VALID rate near {peak.estimate_qps:.0f} queries/s")


def run(sut: lg.SystemUnderTest, library: Samples, asked: lg.TestSettings) -> lg.TestResult:
    with passing_logs() as log:
        return lg.StartTestWithLogSettings(sut, library, asked, log)


def small_samples() -> Samples:
    return Samples(["x" * SAMPLE_BYTES] * 64)


def compare_with_threads(seconds: float, transfers: list[Transfer]) -> None:
    library = small_samples()
    with node(serve_flask) as address:
        rate_qps = highest_rate(ThreadASample(address, library), library, seconds)
    print(f"highest VALID Server rate of a thread and a POST a sample: {rate_qps:,.0f}/s")


def find_highest_rates(seconds: float, transfers: list[Transfer]) -> None:
    print(f"highest VALID Server rate, {SAMPLE_BYTES} B a sample, p99 within {BOUND_MS} ms:")
    for transfer in transfers:
        library = small_samples()
        with node(serve_binary) as address:
            sut = qdl.NetworkQDL(address, library, transfer=transfer)
            print(f"  {transfer}: {highest_rate(sut, library, seconds):,.0f}/s")


def measure_rate(seconds: float, transfers: list[Transfer]) -> None:
    for transfer in transfers:
        with node(serve_binary) as address:
            sut = qdl.NetworkQDL(address, small_samples(), transfer=transfer)
            result = run(sut, small_samples(), settings(seconds, server_target_qps=RATE_QPS))
        performance = result.performance
        assert performance is not None
        p50_us, p99_us = latencies_us(result)
        rate = performance.completed_samples_per_second
        print(f"{transfer} at {RATE_QPS:,}/s of {SAMPLE_BYTES} B: completed {rate:,.0f}/s")
        print(f"  p50 {p50_us:.0f} us, p99 {p99_us:.0f} us")
        print(sut.report)


def latencies_us(result: lg.TestResult) -> tuple[float, float]:
    """The median, and the 99th percentile."""
    assert result.performance is not None
    percentiles_ns = result.performance.sample_latency.percentiles_ns
    return percentiles_ns[0.50] / 1e3, percentiles_ns[0.99] / 1e3


def measure_single_stream(seconds: float, transfers: list[Transfer]) -> None:
    print(f"SingleStream, {SAMPLE_BYTES} B a sample:")
    print(f"  there and back on a plain blocking socket: median {round_trip_us():.1f} us")
    for transfer in transfers:
        with node(serve_binary) as address:
            sut = qdl.NetworkQDL(address, small_samples(), transfer=transfer)
            asked = lg.TestSettings(
                scenario=lg.TestScenario.SingleStream,
                min_duration_ms=int(seconds * 1000),
                min_query_count=100,
            )
            p50_us, p99_us = latencies_us(run(sut, small_samples(), asked))
        print(f"  {transfer}: p50 {p50_us:.1f} us, p99 {p99_us:.1f} us")


def round_trip_us() -> float:
    data, times_ns = bytes(SAMPLE_BYTES), []
    with node(echo_socket) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(ROUND_TRIPS):
            start_ns = time.perf_counter_ns()
            connection.sendall(data)
            connection.recv(ANSWER_BYTES, socket.MSG_WAITALL)
            times_ns.append(time.perf_counter_ns() - start_ns)
    return float(np.median(times_ns)) / 1e3


def tensors() -> list[npt.NDArray[np.float32]]:
    """Different ones, as samples are: all of them are not in a processor's cache."""
    return [np.full(TENSOR_BYTES // 4, i, np.float32) for i in range(64)]


def measure_bandwidth(seconds: float, transfers: list[Transfer]) -> None:
    rounds = [
        (plain_socket_rate(), {transfer: tensor_rate(transfer) for transfer in transfers})
        for _ in range(3)
    ]
    print("1 MiB tensors, MB/s:")
    for plain, rates in rounds:
        texts = [f"{transfer} {rate / 1e6:,.0f}" for transfer, rate in rates.items()]
        print(f"  plain socket {plain / 1e6:,.0f}, {', '.join(texts)}")
    for transfer in transfers:
        ratio = np.median([rates[transfer] / plain for plain, rates in rounds])
        print(f"  median ratio of {transfer} {ratio:.2f}")


def plain_socket_rate() -> float:
    data = [tensor.data for tensor in tensors()]
    with node(drain_socket) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        start_s = time.perf_counter()
        for i in range(BANDWIDTH_SAMPLES):
            connection.sendall(data[i % len(data)])
        connection.shutdown(socket.SHUT_WR)
        connection.recv(4)
        return BANDWIDTH_SAMPLES * TENSOR_BYTES / (time.perf_counter() - start_s)


def tensor_rate(transfer: Transfer) -> float:
    library = Samples(tensors())
    with node(serve_binary) as address:
        asked = lg.TestSettings(
            scenario=lg.TestScenario.Offline,
            min_duration_ms=0,
            min_query_count=BANDWIDTH_SAMPLES,
            offline_expected_qps=1,
        )
        result = run(qdl.NetworkQDL(address, library, transfer=transfer), library, asked)
    assert result.performance is not None
    return result.performance.samples_per_second * TENSOR_BYTES


MEASUREMENTS = {
    "rate": measure_rate,
    "single_stream": measure_single_stream,
    "bandwidth": measure_bandwidth,
    "peak": find_highest_rates,
    "threads": compare_with_threads,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS))
    parser.add_argument("--transfer", nargs="+", choices=TRANSFERS, default=list(TRANSFERS))
    arguments = parser.parse_args()
    for name in arguments.only:
        MEASUREMENTS[name](arguments.seconds, arguments.transfer)


if __name__ == "__main__":
    main()
