"""Which samples go to which node, and together.

Queries are put into a queue, and links that send nothing keep what a dispatcher gives them. What
must come out follows from the rules of docs/network.md: queries stay whole, nodes share what waits,
no node has more than its limits.
"""

import asyncio
import itertools
from types import SimpleNamespace

import pytest

import mlperf_loadgen as lg
from mlperf_loadgen import qdl
from mlperf_loadgen.qdl.dispatch import dispatcher, parcels
from mlperf_loadgen.qdl.dispatch.completions import Completions
from mlperf_loadgen.qdl.dispatch.dispatcher import Dispatcher
from mlperf_loadgen.qdl.dispatch.fleet import Fleet, Limits, Node
from mlperf_loadgen.qdl.dispatch.parcels import Backlog
from mlperf_loadgen.qdl.dispatch.receiver import Receiver
from mlperf_loadgen.qdl.dispatch.slots import SlotTable

MIB = 1 << 20


class Listening(qdl.Link):
    """Sends nothing and keeps what it was given; `queries` has a number a sample."""

    def __init__(self, number, events):
        super().__init__(f"link{number}", events)
        self.batches = []
        self.queries = []

    async def begin(self, run):
        return qdl.NodeInfo("listening")

    async def end(self):
        pass

    def send(self, batch):
        self.batches.append(batch)
        self.queries += batch.queries.tolist()


class Library:
    """Payloads of these sizes, again and again."""

    def __init__(self, *sizes):
        self.sizes = sizes

    def __getitem__(self, index):
        return bytes(self.sizes[index % len(self.sizes)])


def queued(sizes):
    """A queue with queries of as many samples, whose indices count up from 0 in each."""
    queue = lg._core.QueueSut(lambda: None, "queue")
    ids = itertools.count(1)
    for size in sizes:
        queue.push([next(ids) for _ in range(size)], list(range(size)))
    return queue


def dispatching(queue, library, nodes=1, samples=1024, payload_bytes=64 * MIB, **options):
    """A dispatcher, the receiver of its links, and these."""
    fleet = Fleet(Limits(samples, payload_bytes), options.pop("balance", "least_outstanding"))
    slots, test = SlotTable(), Completions()
    sender = Dispatcher(queue, library, fleet, slots, test, lambda on: None)
    receiver = Receiver(fleet, slots, test, False, sender.room_made)
    links = [Listening(i, receiver) for i in range(nodes)]
    info = qdl.NodeInfo("", **options)
    fleet.nodes = [Node(link, i, info) for i, link in enumerate(links)]
    return SimpleNamespace(dispatcher=sender, receiver=receiver, links=links, test=test)


@pytest.mark.parametrize(
    ("nodes", "limit", "sizes", "at_first", "then"),
    [
        # Whole queries, and the next one waits for room.
        (1, 8, [3, 3, 3], [[0, 0, 0, 1, 1, 1]], [2, 2, 2]),
        (1, 4, [3, 3], [[0, 0, 0]], [1, 1, 1]),
        # Shared out.
        (2, 8, [1, 1, 1, 1], [[0, 1], [2, 3]], []),
        (2, 8, [4, 4], [[0, 0, 0, 0], [1, 1, 1, 1]], []),
        (2, 8, [3], [[0, 0, 0], []], []),
        # One that is too large for a node is cut.
        (1, 4, [6], [[0, 0, 0, 0]], [0, 0]),
        (2, 2, [6], [[0, 0], [0, 0]], [0, 0]),
        (2, 1000, [600], [[0] * 300, [0] * 300], []),
        (1, 2, [1, 4], [[0, 1]], [1]),
    ],
)
def test_samples_are_shared_out(nodes, limit, sizes, at_first, then):
    it = dispatching(queued(sizes), Library(1), nodes, limit)
    it.dispatcher.dispatch()
    assert [link.queries for link in it.links] == at_first
    sent = len(it.links[0].queries)
    it.receiver.failed(it.links[0], it.links[0].batches[0].keys, "done with")
    assert it.links[0].queries[sent:] == then


@pytest.mark.parametrize(
    ("balance", "sizes"),
    [("round_robin", [[1], [2, 2], [1]]), ("least_outstanding", [[2], [1, 2], [1]])],
)
def test_whose_turn_it_is(balance, sizes):
    queue = lg._core.QueueSut(lambda: None, "queue")
    it = dispatching(queue, Library(1), nodes=3, balance=balance)
    for size in (2, 1, 1, 2):
        queue.push(list(range(size)), [0] * size)
        it.dispatcher.dispatch()
    assert [[len(batch) for batch in link.batches] for link in it.links] == sizes


@pytest.mark.parametrize(
    ("queries", "library", "limit_bytes", "batches"),
    [
        # One query stays whole, whatever it weighs; the next one goes by itself.
        ([8], Library(MIB), 64 * MIB, [8]),
        ([8, 8], Library(MIB), 64 * MIB, [8, 8]),
        ([1] * 10, Library(MIB), 64 * MIB, [4, 4, 2]),
        ([3, 3, 3], Library(MIB), 64 * MIB, [6, 3]),
        # No more on its way than may be, though the query is cut.
        ([1] * 10, Library(MIB), 3 * MIB, [3]),
        ([8, 1], Library(MIB), 10 * MIB, [8, 1]),
        ([8, 1], Library(MIB), 3 * MIB, [3]),
        # More samples than go together: it is cut by bytes as well.
        ([600], Library(1), 64 * MIB, [512, 88]),
        ([600], Library(MIB), 10 * MIB, [4, 4, 2]),
        ([2, 600], Library(MIB), 10 * MIB, [2, 4, 4]),
    ],
)
def test_heavy_payloads_are_divided_between_queries(queries, library, limit_bytes, batches):
    it = dispatching(queued(queries), library, payload_bytes=limit_bytes)
    it.dispatcher.dispatch()
    assert [len(batch) for batch in it.links[0].batches] == batches


def test_a_query_stays_whole_though_its_payloads_take_many_turns():
    backlog = Backlog(queued([3, 2]), Limits(1024, MIB))
    assert backlog.refill() == 5
    node = Node(Listening(0, None), 0, qdl.NodeInfo(""))
    parcel = backlog.parcel(node, 1)
    long_ago_ns = 0
    packed = []
    for _ in range(3):
        ready = parcel.pack(Library(1), long_ago_ns)
        packed.append((ready, parcel.count))
    assert packed == [(False, 1), (False, 2), (True, 3)]
    assert backlog.drop(parcel.count)["query"].tolist() == [0, 0, 0]
    assert backlog.rows["query"].tolist() == [1, 1]


class SlowLibrary:
    """Takes longer for each payload than a turn may take; `at_fetch` is called before."""

    def __init__(self, monkeypatch, at_fetch):
        self.now_ns = 0
        clock = SimpleNamespace(monotonic_ns=lambda: self.now_ns)
        monkeypatch.setattr(parcels, "time", clock)
        monkeypatch.setattr(dispatcher, "time", clock)
        self.at_fetch = at_fetch

    def __getitem__(self, index):
        self.at_fetch(index)
        self.now_ns += 10**9
        return b"x"


def dispatch_in_a_loop(it, each_turn):
    """Until something was sent, at most a thousand turns."""

    async def main():
        it.dispatcher.dispatch()
        for _ in range(1000):
            if any(link.batches for link in it.links):
                return
            each_turn()
            await asyncio.sleep(0)

    asyncio.run(main())


def test_the_loop_goes_on_while_payloads_are_fetched(monkeypatch):
    turns, seen = [], []
    library = SlowLibrary(monkeypatch, lambda index: seen.append(len(turns)))
    it = dispatching(queued([4]), library)
    dispatch_in_a_loop(it, lambda: turns.append(1))
    assert [batch.indices.tolist() for batch in it.links[0].batches] == [[0, 1, 2, 3]]
    assert seen == sorted(set(seen))  # Another turn each.


def test_what_is_being_packed_goes_elsewhere_when_its_node_is_lost(monkeypatch):
    fetched = []
    it = dispatching(queued([3]), SlowLibrary(monkeypatch, fetched.append), nodes=2)
    first, second = it.links

    def lose_the_first():
        if len(fetched) == 2:
            it.receiver.lost(first, "gone")

    dispatch_in_a_loop(it, lose_the_first)
    assert (first.queries, second.queries) == ([], [0, 0, 0])
    assert fetched == [0, 1, 0, 1, 2]


def test_samples_that_are_too_large_fail_and_the_others_of_their_query_go_together():
    it = dispatching(queued([4]), Library(10, 11, 10, 12), max_payload_bytes=10)
    it.dispatcher.dispatch()
    assert [batch.indices.tolist() for batch in it.links[0].batches] == [[0, 2]]
    assert sum(it.test.faults.values()) == 2
    assert any("sample 3 has 12 bytes, more than the 10" in text for text in it.test.faults)
