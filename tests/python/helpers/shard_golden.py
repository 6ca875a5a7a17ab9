"""What right readers make of shards, brace lists, index files, seeds: tests/golden/webdataset."""

import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "golden" / "webdataset"
GOLDEN = json.loads((FOLDER / "expected.json").read_text())
