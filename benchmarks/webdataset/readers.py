# mypy: ignore-errors
"""Readers of WebDataset shards side by side: index, reopen, random access, load sets, iteration, memory.

    python readers.py --out result.json --markdown result.md
    python readers.py --rounds 5 --peers loadgen,webdataset,wids,tarfile,raw --tasks load_all,random
    python readers.py --product my_adapter:Mine          # an adapter of your own

How it measures: each measurement is a process of its own; rounds go through the tasks, within a task
through the peers, each round starting with another peer, so that a slow minute of the machine hits
all of them. Reported are medians, the range, and ratios within the same run. Before a cold
measurement no process has the shards open or mapped; they are dropped from the page cache with
posix_fadvise, and mincore must find less than 2 % of them there, or the number is not reported. What
a peer returns is checked after the clock has stopped; a wrong answer is a failure, not a number.

A product is plugged in by subclassing `Adapter`; a task whose method is not overridden is left out.
"""

import argparse
import ctypes
import gc
import importlib
import itertools
import json
import mmap
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib

FIELDS = ("cls", "jpg", "json")


class Adapter:
    """One reader. Every method runs in a fresh process; `scratch` is a folder of its own that stays
    between `build_index` and later processes."""

    name = "?"

    def __init__(self, shards, scratch):
        self.shards = shards  # paths, in order
        self.scratch = scratch

    def build_index(self):
        """From the bare shards to random access, leaving in `scratch` what `open` wants. The number of samples."""
        raise NotImplementedError

    def open(self):
        """As after `build_index`, which another process has done. The number of samples."""
        raise NotImplementedError

    def get(self, index):
        """One sample: {field: bytes-like} of all fields, from disk or page cache."""
        raise NotImplementedError

    def load_samples(self, indices):
        """Holds these samples in memory, so that `loaded` does no I/O."""
        raise NotImplementedError

    def loaded(self, index):
        """One sample of the loaded set: {field: bytes-like}."""
        raise NotImplementedError

    def unload_samples(self, indices):
        """Gives the memory back."""
        raise NotImplementedError

    def iterate(self, decoded):
        """All samples in order: {field: value}; decoded: cls as int, json as object, jpg as it is."""
        raise NotImplementedError

    def close(self):
        pass


class Raw(Adapter):
    """The limit: read() of the shards, and one copy of everything."""

    name = "raw"

    def load_samples(self, indices):
        self.arena = bytearray(sum(os.path.getsize(path) for path in self.shards))
        view, at = memoryview(self.arena), 0
        for path in self.shards:
            with open(path, "rb", buffering=0) as file:
                while True:
                    count = file.readinto(view[at : at + (4 << 20)])
                    if not count:
                        break
                    at += count

    def unload_samples(self, indices):
        self.arena = None

    def iterate(self, decoded):
        if decoded:
            raise NotImplementedError
        buffer = bytearray(1 << 20)
        for path in self.shards:
            with open(path, "rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass
        return ()


class Tarfile(Adapter):
    name = "tarfile"

    def build_index(self):
        self.files = [open(path, "rb") for path in self.shards]
        self.samples = []
        for number, file in enumerate(self.files):
            with tarfile.open(fileobj=file) as tar:
                last = None
                for info in tar.getmembers():
                    key, field = info.name.split(".", 1)
                    if key != last:
                        self.samples.append((number, {}))
                        last = key
                    self.samples[-1][1][field] = (info.offset_data, info.size)
            file.seek(0)
        return len(self.samples)

    open = build_index

    def get(self, index):
        number, fields = self.samples[index]
        file = self.files[number].fileno()
        return {field: os.pread(file, size, at) for field, (at, size) in fields.items()}

    def load_samples(self, indices):
        self.held = {index: self.get(index) for index in indices}

    def loaded(self, index):
        return self.held[index]

    def unload_samples(self, indices):
        self.held = None

    def iterate(self, decoded):
        for path in self.shards:
            with tarfile.open(path, "r|") as tar:
                last, sample = None, None
                for info in tar:
                    key, field = info.name.split(".", 1)
                    if key != last:
                        if sample:
                            yield decode(sample) if decoded else sample
                        last, sample = key, {}
                    sample[field] = tar.extractfile(info).read()
                    tar.members = []
                yield decode(sample) if decoded else sample


class Minimal(Tarfile):
    """A header walk over a mmap for plain ustar, and views instead of copies: what Python can reach."""

    name = "minimal"

    def build_index(self):
        self.maps, self.samples = [], []
        for number, path in enumerate(self.shards):
            with open(path, "rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self.maps.append(memoryview(data))
            at, end, last = 0, len(data), None
            while at + 512 <= end and data[at]:
                size = int(data[at + 124 : at + 135], 8)
                if data[at + 156] == 48:
                    key, _, field = data[at : at + 100].rstrip(b"\0").decode().partition(".")
                    if key != last:
                        self.samples.append((number, {}))
                        last = key
                    self.samples[-1][1][field] = (at + 512, size)
                at += 512 + (size + 511) // 512 * 512
        return len(self.samples)

    open = build_index

    def get(self, index):
        number, fields = self.samples[index]
        data = self.maps[number]
        return {field: data[at : at + size] for field, (at, size) in fields.items()}

    def load_samples(self, indices):
        self.held = {}
        for index in sorted(indices):
            number, fields = self.samples[index]
            data = self.maps[number]
            self.held[index] = {
                field: bytes(data[at : at + size]) for field, (at, size) in fields.items()
            }

    def iterate(self, decoded):
        self.build_index()
        for index in range(len(self.samples)):
            sample = {field: bytes(view) for field, view in self.get(index).items()}
            yield decode(sample) if decoded else sample


class Webdataset(Adapter):
    name = "webdataset"

    def pipeline(self):
        import webdataset

        return webdataset.DataPipeline(
            webdataset.SimpleShardList(self.shards), webdataset.tarfile_to_samples()
        )

    def load_samples(self, indices):
        wanted = set(indices)
        self.held = {}
        for index, sample in enumerate(self.pipeline()):
            if index in wanted:
                self.held[index] = {field: sample[field] for field in FIELDS}

    def loaded(self, index):
        return self.held[index]

    def unload_samples(self, indices):
        self.held = None

    def iterate(self, decoded):
        import webdataset

        pipeline = self.pipeline()
        if decoded:
            pipeline = pipeline.compose(webdataset.decode(only=["cls", "json"]))
        return iter(pipeline)


class Wids(Adapter):
    """With room for all shards in its LRU, and told that local shards are local (it copies them otherwise)."""

    name = "wids"
    lru = None

    def build_index(self):
        import contextlib
        import io

        import wids

        with open(os.path.join(os.path.dirname(self.shards[0]), "counts.json")) as file:
            counts = json.load(file)
        shards = [{"url": path, "nsamples": counts[os.path.basename(path)]} for path in self.shards]
        with contextlib.redirect_stderr(io.StringIO()):
            self.data = wids.ShardListDataset(
                shards,
                lru_size=self.lru or len(shards),
                localname=lambda path: path,
                transformations=[lambda s: s],
            )
        first = 0
        for shard in shards:
            self.data[first]  # opens and indexes the shard
            first += shard["nsamples"]
        return len(self.data)

    open = build_index

    def get(self, index):
        sample = self.data[index]
        return {field: sample["." + field].getbuffer() for field in FIELDS}

    def load_samples(self, indices):
        self.held = {
            index: {field: bytes(view) for field, view in self.get(index).items()}
            for index in sorted(indices)
        }

    def loaded(self, index):
        return self.held[index]

    def unload_samples(self, indices):
        self.held = None

    def iterate(self, decoded):
        self.build_index()
        for index in range(len(self.data)):
            sample = {field: bytes(view) for field, view in self.get(index).items()}
            yield decode(sample) if decoded else sample


class WidsDefault(Wids):
    """Its default LRU of 10 shards, which fewer slots than shards makes index again and again."""

    name = "wids (lru 10)"
    lru = 10

    def load_samples(self, indices):
        raise NotImplementedError

    def iterate(self, decoded):
        raise NotImplementedError


class Webshart(Adapter):
    name = "webshart"

    def build_index(self):
        import webshart

        webshart.MetadataExtractor().extract_metadata(
            os.path.dirname(self.shards[0]), self.scratch, max_workers=2
        )
        return self.open()

    def open(self):
        import webshart

        self.data = webshart.discover_dataset(
            os.path.dirname(self.shards[0]), metadata=self.scratch
        )
        self.readers, self.samples = [], []
        for number in range(self.data.num_shards):
            reader = self.data.open_shard(number)
            self.readers.append(reader)
            places = {}
            for place, name in enumerate(reader.filenames()):
                key, field = name.split(".", 1)
                places.setdefault(key, {})[field] = place
            self.samples += [(number, places[key]) for key in sorted(places)]
        return len(self.samples)

    def get(self, index):
        number, places = self.samples[index]
        reader = self.readers[number]
        return {field: reader.read_file(place) for field, place in places.items()}

    def load_samples(self, indices):
        self.held = {index: self.get(index) for index in sorted(indices)}

    def loaded(self, index):
        return self.held[index]

    def unload_samples(self, indices):
        self.held = None


class Loadgen(Adapter):
    """mlperf_loadgen.data, by the interface of the specification."""

    name = "loadgen"

    def make(self):
        from mlperf_loadgen.data import WebDatasetQSL

        self.qsl = WebDatasetQSL(self.shards, index_dir=self.scratch)
        return self.qsl.total_sample_count

    build_index = make
    open = make

    def get(self, index):
        return self.qsl.read(index)

    def load_samples(self, indices):
        self.qsl.load_samples(indices)

    def loaded(self, index):
        return self.qsl[index]

    def unload_samples(self, indices):
        self.qsl.unload_samples(indices)

    def iterate(self, decoded):
        from mlperf_loadgen.data import WebDataset

        stream = WebDataset(self.shards)
        return iter(stream.decode(only=["cls", "json"]) if decoded else stream)

    def close(self):
        self.qsl.close()


ADAPTERS = {
    a.name: a for a in (Raw, Tarfile, Minimal, Webdataset, Wids, WidsDefault, Webshart, Loadgen)
}


def decode(sample):
    return {**sample, "cls": int(sample["cls"]), "json": json.loads(sample["json"])}


# --- the data -------------------------------------------------------------------------------------


def jpg(number, size):
    generator = random.Random(number)
    return generator.randbytes(size)


def make_set(folder, shards, samples, size):
    """Plain ustar shards of `samples` in all: {cls, jpg, json} each."""
    if os.path.exists(os.path.join(folder, "counts.json")):
        return sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".tar"))
    os.makedirs(folder, exist_ok=True)
    import io

    counts, number = {}, 0
    for shard in range(shards):
        path = os.path.join(folder, f"set-{shard:06d}.tar")
        upto = samples * (shard + 1) // shards
        counts[os.path.basename(path)] = upto - number
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            while number < upto:
                for field, data in zip(FIELDS, contents(number, size)):
                    info = tarfile.TarInfo(f"{number:08d}.{field}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
                number += 1
    with open(os.path.join(folder, "counts.json"), "w") as file:
        json.dump(counts, file)
    os.sync()
    return sorted(os.path.join(folder, n) for n in counts)


def contents(number, size):
    return str(number % 1000).encode(), jpg(number, size), json.dumps({"id": number}).encode()


def drop(paths):
    """Takes files out of the page cache; what share of them is still there."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    page, resident, total = mmap.PAGESIZE, 0, 0
    for path in paths:
        size = os.path.getsize(path)
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        address = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file, 0)
        pages = (size + page - 1) // page
        states = ctypes.create_string_buffer(pages)
        if libc.mincore(address, size, states) == 0:
            resident += sum(byte & 1 for byte in states.raw)
            total += pages
        libc.munmap(address, size)
        os.close(file)
    return resident / max(1, total)


def warm(paths):
    for path in paths:
        with open(path, "rb") as file:
            while file.read(4 << 20):
                pass


def resident_bytes():
    with open("/proc/self/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss_Anon:"):
                return int(line.split()[1]) * 1024
    return 0


# --- tasks: each runs in a process of its own and returns seconds and a count --------------------------


def check(sample, number, size):
    expected = dict(zip(FIELDS, contents(number, size)))
    for field, data in expected.items():
        if zlib.crc32(bytes(sample[field])) != zlib.crc32(data):
            raise AssertionError(f"sample {number}: wrong {field}")


def task_index(adapter, options):
    start = time.perf_counter()
    count = adapter.build_index()
    elapsed = time.perf_counter() - start
    assert count == options["samples"], count
    check(adapter.get(count - 1), count - 1, options["size"])
    return elapsed, count


def task_reopen(adapter, options):
    start = time.perf_counter()
    count = adapter.open()
    elapsed = time.perf_counter() - start
    assert count == options["samples"], count
    return elapsed, count


def task_random(adapter, options):
    adapter.open()
    order = random.Random(options["round"]).choices(range(options["samples"]), k=options["gets"])
    gc.collect()
    start = time.perf_counter()
    for index in order:
        adapter.get(index)
    elapsed = time.perf_counter() - start
    for index in order[:20]:
        check(adapter.get(index), index, options["size"])
    return elapsed, len(order)


def opened(adapter):
    try:
        adapter.open()
    except NotImplementedError:
        pass  # needs none


def loading(adapter, options, indices):
    """Cold, opening counts: a reader that scans the shards for its index has them in the page cache after."""
    if not options["cold"]:
        opened(adapter)
    gc.collect()
    start = time.perf_counter()
    if options["cold"]:
        opened(adapter)
    adapter.load_samples(indices)
    elapsed = time.perf_counter() - start
    if adapter.name != "raw":
        for index in indices[:20]:
            check(adapter.loaded(index), index, options["size"])
    return elapsed, len(indices)


def task_load_all(adapter, options):
    return loading(adapter, options, list(range(options["samples"])))


def task_load_quarter(adapter, options):
    if adapter.name == "raw":
        raise NotImplementedError
    order = random.Random(options["round"]).sample(
        range(options["samples"]), options["samples"] // 4
    )
    return loading(adapter, options, order)


def task_loaded(adapter, options):
    loading(adapter, options, list(range(options["samples"])))
    order = random.Random(options["round"]).choices(range(options["samples"]), k=options["gets"])
    start = time.perf_counter()
    for index in order:
        adapter.loaded(index)["jpg"]
    return time.perf_counter() - start, len(order)


def task_iterate(adapter, options):
    count, last = 0, None
    start = time.perf_counter()
    for last in adapter.iterate(options["decoded"]):
        count += 1
    elapsed = time.perf_counter() - start
    if adapter.name != "raw":
        assert count == options["samples"], count
        assert bytes(last["jpg"]) == contents(count - 1, options["size"])[1]
    return elapsed, options["samples"]


def task_memory(adapter, options):
    """Bytes held above the payload after loading everything, and what is left after unloading."""
    opened(adapter)
    gc.collect()
    before = resident_bytes()
    indices = list(range(options["samples"]))
    adapter.load_samples(indices)
    gc.collect()
    held = resident_bytes() - before
    adapter.unload_samples(indices)
    gc.collect()
    left = resident_bytes() - before
    return held, left


TASKS = {
    # name: (function, needs an index from an earlier process, cold, decoded, unit)
    "index": (task_index, False, False, False, "samples/s"),
    "index_cold": (task_index, False, True, False, "samples/s"),
    "reopen": (task_reopen, True, False, False, "samples/s"),
    "random": (task_random, True, False, False, "samples/s"),
    "load_all": (task_load_all, True, False, False, "samples/s"),
    "load_all_cold": (task_load_all, True, True, False, "samples/s"),
    "load_quarter_cold": (task_load_quarter, True, True, False, "samples/s"),
    "loaded_get": (task_loaded, True, False, False, "samples/s"),
    "iterate": (task_iterate, False, False, False, "samples/s"),
    "iterate_cold": (task_iterate, False, True, False, "samples/s"),
    "iterate_decoded": (task_iterate, False, False, True, "samples/s"),
    "memory": (task_memory, True, False, False, "bytes"),
}


def adapter_class(name):
    if ":" in name:
        module, attribute = name.split(":")
        sys.path.insert(0, os.getcwd())
        return getattr(importlib.import_module(module), attribute)
    return ADAPTERS[name]


def child(request):
    options = json.loads(request)
    adapter = adapter_class(options["peer"])(options["shards"], options["scratch"])
    function = TASKS[options["task"]][0]
    try:
        if options["warm_up"]:  # the imports are not the task
            for module in options["modules"]:
                importlib.import_module(module)
        first, second = function(adapter, options)
        print(json.dumps({"first": first, "second": second}))
    except NotImplementedError:
        print(json.dumps({"skipped": "not offered"}))
    except ImportError as error:
        print(json.dumps({"skipped": f"not installed: {error}"}))
    sys.stdout.flush()
    os._exit(0)


MODULES = {
    "webdataset": ["webdataset"],
    "wids": ["wids"],
    "wids (lru 10)": ["wids"],
    "webshart": ["webshart"],
    "loadgen": ["mlperf_loadgen.data.library", "mlperf_loadgen.data.stream.fluid"],
}


def run_child(options):
    done = subprocess.run(
        [sys.executable, os.path.abspath(__file__), "--child", json.dumps(options)],
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        return {"failed": (done.stderr.strip().splitlines() or ["died"])[-1][:200]}
    return json.loads(lines[-1])


def machine():
    with open("/proc/stat") as file:
        words = file.readline().split()
    return {"load": os.getloadavg()[0], "steal": int(words[8]), "total": sum(map(int, words[1:9]))}


def table(results, peers, tasks, base):
    lines = [
        "Thousands of samples per second: median (lowest - highest of the rounds); in brackets how many times the first of "
        f"{', '.join(base)} that offers the task.",
        "Not offered by a peer, or failed: -. `raw` reads whole shards and splits nothing: the limit.",
        "",
        "| task | " + " | ".join(peers) + " |",
        "|---|" + "---|" * len(peers),
    ]
    for task in tasks:
        if task == "memory":
            continue
        row = []
        rates = {
            p: [r["second"] / r["first"] for r in results.get((task, p), []) if "first" in r]
            for p in peers
        }
        of = next((p for p in base if rates.get(p)), None)
        for peer in peers:
            if not rates[peer]:
                row.append("-")
                continue
            middle = statistics.median(rates[peer])
            text = (
                f"{middle / 1e3:.3g} ({min(rates[peer]) / 1e3:.3g} - {max(rates[peer]) / 1e3:.3g})"
            )
            if of and peer != of:
                text += f" [{middle / statistics.median(rates[of]):.3g}]"
            row.append(text)
        lines.append(f"| {task} | " + " | ".join(row) + " |")
    if "memory" in tasks:
        row = []
        for peer in peers:
            found = [r for r in results.get(("memory", peer), []) if "first" in r]
            row.append(
                f"{statistics.median(r['first'] for r in found) / 1e6:.0f} MB, then {statistics.median(r['second'] for r in found) / 1e6:.0f} MB"
                if found
                else "-"
            )
        lines.append("| memory: loaded, then unloaded | " + " | ".join(row) + " |")
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--child")
    parser.add_argument("--peers", default="raw,minimal,tarfile,webdataset,wids,webshart,loadgen")
    parser.add_argument(
        "--product", help="module:Class of an adapter of your own, measured beside the peers"
    )
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=4096, help="bytes of a jpg")
    parser.add_argument(
        "--shards",
        default="20",
        help="shard counts, with commas: a table each, of the same samples",
    )
    parser.add_argument("--gets", type=int, default=20_000)
    parser.add_argument(
        "--base",
        default="webdataset,wids",
        help="ratios are of the first of these that offers the task",
    )
    parser.add_argument("--folder", help="where the shards are made, and kept")
    parser.add_argument("--out")
    parser.add_argument("--markdown")
    arguments = parser.parse_args()
    if arguments.child:
        return child(arguments.child)
    folder = arguments.folder or tempfile.mkdtemp(prefix="wds-bench-")
    peers = arguments.peers.split(",") + ([arguments.product] if arguments.product else [])
    tasks = arguments.tasks.split(",")
    text, kept = [], []
    before = machine()
    for count in map(int, arguments.shards.split(",")):
        shards = make_set(
            os.path.join(folder, f"{count}x"), count, arguments.samples, arguments.size
        )
        scratch = {p: os.path.join(folder, f"scratch-{count}-{i}") for i, p in enumerate(peers)}
        results, gone = {}, set()
        common = {
            "shards": shards,
            "samples": arguments.samples,
            "size": arguments.size,
            "gets": arguments.gets,
            "warm_up": True,
        }
        for round_ in range(arguments.rounds):
            for task, (_, needs_index, cold, decoded, _) in ((t, TASKS[t]) for t in tasks):
                turn = (round_ + tasks.index(task)) % len(peers)
                for peer in itertools.chain(peers[turn:], peers[:turn]):
                    if (task, peer) in gone or peer in gone:
                        continue
                    options = {
                        **common,
                        "peer": peer,
                        "task": task,
                        "round": round_,
                        "cold": cold,
                        "decoded": decoded,
                        "scratch": scratch[peer],
                        "modules": MODULES.get(peer, []),
                    }
                    if task.startswith("index"):
                        shutil.rmtree(scratch[peer], ignore_errors=True)
                    fresh = not os.path.exists(scratch[peer])
                    os.makedirs(scratch[peer], exist_ok=True)
                    if needs_index and fresh:
                        run_child({**options, "task": "index"})
                    if cold:
                        share = drop(shards)
                        if share > 0.02:
                            print(
                                f"{task} {peer}: {100 * share:.0f} % of the shards stay in the page cache; left out"
                            )
                            continue
                    else:
                        warm(shards)
                    result = run_child(options)
                    if "skipped" in result:
                        gone.add(peer if "not installed" in result["skipped"] else (task, peer))
                        continue
                    if "failed" in result:
                        print(f"{task} {peer}: FAILED {result['failed']}")
                        gone.add((task, peer))
                    results.setdefault((task, peer), []).append(result)
                    kept.append(
                        {"shards": count, "task": task, "peer": peer, "round": round_, **result}
                    )
        shown = [p for p in peers if any(p == q for _, q in results)]
        total = sum(os.path.getsize(path) for path in shards)
        text += [f"### {arguments.samples:,} samples in {count} shards, {total / 1e6:.0f} MB", ""]
        text += [*table(results, shown, tasks, arguments.base.split(",")), ""]
    after = machine()
    spent = max(1, after["total"] - before["total"])
    text.append(
        f"{os.cpu_count()} CPUs, Python {sys.version.split()[0]}, {arguments.rounds} rounds; load {before['load']:.1f} before and "
        f"{after['load']:.1f} after, {100 * (after['steal'] - before['steal']) / spent:.1f} % of the time stolen by the host."
    )
    print("\n".join(text))
    if arguments.markdown:
        with open(arguments.markdown, "w") as file:
            file.write("\n".join(text) + "\n")
    if arguments.out:
        with open(arguments.out, "w") as file:
            json.dump(kept, file, indent=1)
    if not arguments.folder:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
