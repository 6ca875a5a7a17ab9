"""What is given by --network and --header goes with each request to the server.

Method: a server in this process that notes what it is asked.
"""

import pytest
from cli_commands import QUICK, SYSTEM, document
from demo_server import demo_server

pytest.importorskip("aiohttp", reason="http:// needs aiohttp")

pytest_plugins = ["cli_fixtures"]


def test_headers_and_query_parameters_reach_the_server(folder):
    payloads = "    def __getitem__(self, index): return b'payload'\n\nclass Good("
    (folder / "system.py").write_text(SYSTEM.replace("\nclass Good(", payloads, 1))
    (folder / "token").write_text("X-From-A-File: secret2\n")
    with demo_server() as server:
        found = document(
            *("run", server.address, "system.py:Numbers", *QUICK),
            *("--header", "Authorization: Bearer secret1", "--header", "@token"),
            *("--network", "query.key=secret3", "--network", "concurrency=2"),
        )
    assert found["performance"]["sample_count"] == 100
    assert len(server.asked) > 100
    for path, headers in server.asked:
        assert path.endswith("?key=secret3")
        assert headers["Authorization"] == "Bearer secret1"
        assert headers["X-From-A-File"] == "secret2"
