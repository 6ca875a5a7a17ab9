"""Goal: C++ and C users can build against the installed package, or against the folder loadgen.

Method: the package is installed into an empty prefix; demos/cpp and a client in the C++ standards
that clients of the reference are written in are built against it, and run. The same client is built
by a project that adds the folder loadgen.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# `make test` has built the library here already.
BUILT = ROOT / "build/dev"
CMAKE = shutil.which("cmake")

# The headers that a program written for the reference includes, and those of what is new here.
HEADERS = {
    "bindings/c_api.h",
    "bindings/mlperf_loadgen_c.h",
    "loadgen.h",
    "optional_value.h",
    "progress.h",
    "query_dispatch_library.h",
    "query_sample.h",
    "query_sample_library.h",
    "system_under_test.h",
    "test_result.h",
    "test_settings.h",
}


def run(*command: object, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# A client of plain C++11, which looks at every result that may be absent.
CLIENT = r"""
#include <cstdio>
#include <string>
#include <vector>

#include "bindings/c_api.h"
#include "bindings/mlperf_loadgen_c.h"
#include "loadgen.h"
#include "progress.h"
#include "query_dispatch_library.h"

struct System : mlperf::QueryDispatchLibrary {
  const std::string& Name() override { return name; }
  void IssueQuery(const std::vector<mlperf::QuerySample>& samples) override {
    std::vector<mlperf::QuerySampleResponse> responses;
    for (const mlperf::QuerySample& sample : samples) responses.push_back({sample.id, 0, 0});
    mlperf::QuerySamplesComplete(responses.data(), responses.size());
  }
  void FlushQueries() override {}
  std::string name = "client";
};

struct Library : mlperf::QuerySampleLibrary {
  const std::string& Name() override { return name; }
  size_t TotalSampleCount() override { return 10; }
  size_t PerformanceSampleCount() override { return 10; }
  void LoadSamplesToRam(const std::vector<mlperf::QuerySampleIndex>&) override {}
  void UnloadSamplesFromRam(const std::vector<mlperf::QuerySampleIndex>&) override {}
  std::string name = "library";
};

int main() {
  System system;
  Library library;
  mlperf::TestSettings settings;
  settings.scenario = mlperf::TestScenario::MultiStream;
  settings.min_duration_ms = 0;
  settings.min_query_count = settings.max_query_count = 1000;
  const mlperf::TestResult result =
      mlperf::StartTest(&system, &library, settings, mlperf::LogSettings());
  if (!result.performance || !result.performance.has_value() || result.peak) return 1;
  const mlperf::PerformanceResult performance = *result.performance;
  if (performance.tokens || performance.query_latency.value().count != 1000) return 2;
  if (result.performance->query_latency->count != performance.query_latency->count) return 3;
  if (!mlperf::ReadProgress() || mlperf::ReadProgress()->remaining_s.value_or(7) < 0) return 4;
  std::printf("%ld: %d queries\n", static_cast<long>(__cplusplus),
              static_cast<int>(performance.query_count));
}
"""
PLUSPLUS = {11: "201103", 14: "201402", 17: "201703"}
needs_cmake = pytest.mark.skipif(CMAKE is None, reason="needs cmake on the PATH")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory) -> Path:
    """Where the package is installed."""
    directory = tmp_path_factory.mktemp("install")
    build = BUILT
    if not (BUILT / "CMakeCache.txt").is_file():
        build = directory / "build"
        run(CMAKE, "-S", ROOT, "-B", build, cwd=directory)
    run(CMAKE, "--build", build, "-j2", "--target", "mlperf_loadgen", cwd=directory)
    folder = build / "loadgen"  # The package alone, not the tests.
    run(CMAKE, "--install", folder, "--prefix", directory / "prefix", cwd=directory)
    return directory / "prefix"


@needs_cmake
def test_only_the_public_headers_are_installed_in_a_folder_of_their_own(prefix: Path) -> None:
    assert [folder.name for folder in (prefix / "include").iterdir()] == ["mlperf_loadgen"]
    folder = prefix / "include" / "mlperf_loadgen"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == HEADERS


@needs_cmake
def test_demos_build_against_the_installed_package(tmp_path: Path, prefix: Path) -> None:
    demos = tmp_path / "demos"
    run(CMAKE, "-S", ROOT / "demos/cpp", "-B", demos, f"-DCMAKE_PREFIX_PATH={prefix}", cwd=tmp_path)
    run(CMAKE, "--build", demos, cwd=tmp_path)
    server = run(demos / "server_demo", cwd=demos)
    assert "VALID: " in server
    assert "samples/s" in server
    assert run(demos / "offline_demo", cwd=demos) == "VALID, 0 samples left in memory\n"
    assert (demos / "mlperf_log_summary.txt").is_file()


@needs_cmake
@pytest.mark.parametrize("standard", PLUSPLUS)
def test_a_client_in_an_older_standard_builds_against_the_installed_package(
    tmp_path: Path, prefix: Path, standard: int
) -> None:
    (tmp_path / "client.cc").write_text(CLIENT)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\n"
        "project(client LANGUAGES CXX)\n"
        "find_package(mlperf_loadgen REQUIRED)\n"
        "add_executable(client client.cc)\n"
        "target_link_libraries(client PRIVATE mlperf::loadgen)\n"
        f"set_target_properties(client PROPERTIES CXX_STANDARD {standard} CXX_EXTENSIONS OFF)\n"
        "target_compile_options(client PRIVATE -Wall -Wextra -Wpedantic -Werror)\n"
    )
    run(CMAKE, "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={prefix}", cwd=tmp_path)
    run(CMAKE, "--build", "build", cwd=tmp_path)
    assert run("build/client", cwd=tmp_path) == f"{PLUSPLUS[standard]}: 1000 queries\n"


@needs_cmake
def test_a_project_in_cpp14_adds_the_folder_loadgen(tmp_path: Path, prefix: Path) -> None:
    """The client is compiled as that project asks, and linked with the library that is built
    already; how it would be built anew is only looked at, which would take minutes."""
    (tmp_path / "client.cc").write_text(CLIENT)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\n"
        "project(client LANGUAGES CXX)\n"
        "set(CMAKE_CXX_STANDARD 14)\n"
        "set(CMAKE_CXX_EXTENSIONS OFF)\n"
        f'add_subdirectory("{ROOT}/loadgen" loadgen)\n'
        "add_executable(client client.cc)\n"
        "target_link_libraries(client mlperf_loadgen)\n"
    )
    run(CMAKE, "-S", ".", "-B", "build", "-G", "Unix Makefiles", cwd=tmp_path)
    run(CMAKE, "--build", "build", "--target", "client.cc.o", cwd=tmp_path)
    library = (CMAKE, "--build", "build", "--target", "mlperf_loadgen")
    steps = run(*library, "--", "--dry-run", "VERBOSE=1", cwd=tmp_path).splitlines()
    compiled = [step for step in steps if "-c " in step]
    assert len(compiled) > 50 and all("-std=c++20" in step for step in compiled)
    (archive,) = prefix.glob("lib*/**/libmlperf_loadgen.a")
    client_object = "build/CMakeFiles/client.dir/client.cc.o"
    run("c++", client_object, archive, "-pthread", "-o", "client", cwd=tmp_path)
    assert run("./client", cwd=tmp_path) == "201402: 1000 queries\n"


@needs_cmake
@pytest.mark.parametrize(("status", "count"), [(" M loadgen/loadgen.cc", 1), ("", 0), ("NA", 0)])
def test_a_build_with_uncommitted_changes_says_so_in_the_words_that_checkers_look_for(
    tmp_path: Path, prefix: Path, status: str, count: int
) -> None:
    """The client has facts of the build of its own, which the linker takes for the library's."""
    facts = {"LOADGEN_GIT_STATUS": status, "LOADGEN_FILE_SHA1_ENTRIES": ""}
    template = (ROOT / "loadgen/write/version.cc.in").read_text()
    version = re.sub(r"@(\w+)@", lambda match: facts.get(match[1], "of a test"), template)
    (tmp_path / "version.cc").write_text(version)
    (tmp_path / "client.cc").write_text(CLIENT)
    (archive,) = prefix.glob("lib*/**/libmlperf_loadgen.a")
    folders = (f"-I{prefix}/include/mlperf_loadgen", f"-I{ROOT}/loadgen")
    sources = ("client.cc", "version.cc", archive)
    run("c++", "-std=c++20", *folders, *sources, "-pthread", "-o", "client", cwd=tmp_path)
    run("./client", cwd=tmp_path)
    lines = (tmp_path / "mlperf_log_detail.txt").read_text().splitlines()
    records = [json.loads(line.removeprefix(":::MLLOG ")) for line in lines]
    found = [r for r in records if r["key"] == "error_uncommitted_loadgen_changes"]
    assert len(found) == count
    for record in found:
        assert record["value"].startswith("Loadgen built with uncommitted changes!")
        assert record["metadata"]["is_error"]


@needs_cmake
def test_the_folder_loadgen_is_a_cmake_project(tmp_path: Path) -> None:
    # Clients of the reference set the standard for all their compilers like this.
    environment = {"CFLAGS": "-std=c++14 -O3", "CXXFLAGS": "-std=c++14 -O3"}
    run(CMAKE, "-S", ROOT / "loadgen", "-B", "build", cwd=tmp_path, **environment)
    steps = run(CMAKE, "--build", "build", "--", "--dry-run", cwd=tmp_path)
    assert " libmlperf_loadgen.a" in steps  # In the build folder itself.
    assert (tmp_path / "build/cmake_install.cmake").is_file()


@needs_cmake
def test_the_folder_loadgen_alone_says_what_it_needs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "loadgen", tmp_path / "loadgen")
    done = subprocess.run(
        [CMAKE, "-S", "loadgen", "-B", "build"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "loadgen was copied out of its repository" in " ".join(done.stderr.split())


def test_pip_builds_the_clone_when_given_the_folder_loadgen(tmp_path: Path) -> None:
    """By the hooks an installer calls in the folder it was given; they compile nothing yet here."""
    settings = [(ROOT / place / "pyproject.toml").read_text() for place in ("", "loadgen")]
    in_clone, in_folder = (re.search(r"^requires = .*$", text, re.MULTILINE) for text in settings)
    assert in_folder.group() == in_clone.group()
    hook = "import sys, build_clone; build_clone.prepare_metadata_for_build_wheel(sys.argv[1])"
    run(sys.executable, "-c", hook, tmp_path, cwd=ROOT / "loadgen")
    (metadata,) = tmp_path.glob("mlperf_loadgen-*.dist-info/METADATA")
    assert "Requires-Dist: numpy" in metadata.read_text()
