"""What right readers make of shards, brace lists, index files, seeds: tests/golden/webdataset."""

import hashlib
import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "golden" / "webdataset"
GOLDEN = json.loads((FOLDER / "expected.json").read_text())
ARCHIVES = GOLDEN["archives"]

OPTIONS = [
    (name, option["options"], option["samples"])
    for name, entry in ARCHIVES.items()
    for option in entry.get("options", ())
]
"""An archive, options of readers, and the samples that it has with them."""

STREAM_OPTIONS = [row for row in OPTIONS if "interleaved" not in row[1]]
"""Those of streams, which always split."""


def digests(samples):
    """Samples, (key, {field: bytes}) each, as the golden file describes them."""
    return [
        (
            key,
            {
                field: (len(data), hashlib.sha256(data).hexdigest())
                for field, data in fields.items()
            },
        )
        for key, fields in samples
    ]


def golden_digests(samples):
    """Samples of the golden file, as `digests` has them."""
    return [
        (s["key"], {f: (v["size"], v["sha256"]) for f, v in s["fields"].items()}) for s in samples
    ]
