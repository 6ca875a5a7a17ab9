"""Goal: a C++ and a C user can build against the installed package.

Method: install into an empty prefix, build demos/cpp against it with find_package, run both.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# `make test` has built the library here already.
BUILT = ROOT / "build/dev"
CMAKE = shutil.which("cmake")

# The headers a program written for the reference includes.
HEADERS = [
    "bindings/c_api.h",
    "loadgen.h",
    "query_dispatch_library.h",
    "query_sample.h",
    "query_sample_library.h",
    "system_under_test.h",
    "test_settings.h",
]


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(CMAKE is None, reason="needs cmake on the PATH")
def test_demos_build_against_the_installed_package(tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    build = BUILT
    if not (BUILT / "CMakeCache.txt").is_file():
        build = tmp_path / "build"
        run(CMAKE, "-S", ROOT, "-B", build, cwd=tmp_path)
        run(CMAKE, "--build", build, "-j2", cwd=tmp_path)
    run(CMAKE, "--install", build, "--prefix", prefix, cwd=tmp_path)
    for header in HEADERS:
        assert (prefix / "include" / header).is_file()

    demos = tmp_path / "demos"
    run(CMAKE, "-S", ROOT / "demos/cpp", "-B", demos, f"-DCMAKE_PREFIX_PATH={prefix}", cwd=tmp_path)
    run(CMAKE, "--build", demos, cwd=tmp_path)
    server = run(demos / "server_demo", cwd=demos)
    assert "VALID: " in server
    assert "samples/s" in server
    assert run(demos / "offline_demo", cwd=demos) == "VALID, 0 samples left in memory\n"
    assert (demos / "mlperf_log_summary.txt").is_file()
