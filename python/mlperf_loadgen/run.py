"""Running a test."""

from __future__ import annotations

import atexit

from . import _core
from .handles import is_queued, native_qsl, native_sut
from .interfaces import QuerySampleLibrary, SystemUnderTest

# A daemon thread's test must not outlive the interpreter.
atexit.register(_core.finish_tests)


class ConfigWarning(UserWarning):
    """A config file said something that was refused, ignored or read in an unexpected way, or a
    setting was given that the test does not use.
    """


class LogsOverwrittenWarning(UserWarning):
    """A test wrote over the logs of an earlier one (`log_output.exist_ok`)."""


class LogWriteError(OSError):
    """The test ran to its end, but its log files are incomplete. `result` is its result."""

    def __init__(self, result: _core.TestResult) -> None:
        super().__init__(result.log_failure)
        self.result = result

    def __reduce__(self) -> tuple[type[LogWriteError], tuple[_core.TestResult]]:
        return type(self), (self.result,)


def StartTest(
    sut: SystemUnderTest | int,
    qsl: QuerySampleLibrary | int,
    test_settings: _core.TestSettings,
    audit_config_filename: str = "audit.config",
) -> _core.TestResult:
    """Runs one test with the default log settings and blocks until it ends.

    `sut` and `qsl` are instances of the classes to subclass, or handles. Returns what the test
    means; the logs are in the current directory.

    Before the test: raises SettingsError for settings no test can be run with, TypeError and
    ValueError for wrong handles, OSError if the logs cannot be opened, RuntimeError if a test is
    running already. After it, with the logs complete: whatever a callback raised, and
    KeyboardInterrupt if Ctrl-C or SIGTERM ended it; a second one ends the process at once.
    LogWriteError, which has the result, if the logs could not be written.
    """
    return run_test(sut, qsl, test_settings, _core.LogSettings(), audit_config_filename)


def StartTestWithLogSettings(
    sut: SystemUnderTest | int,
    qsl: QuerySampleLibrary | int,
    test_settings: _core.TestSettings,
    log_settings: _core.LogSettings,
    audit_config_filename: str = "audit.config",
) -> _core.TestResult:
    """`StartTest` with settings of what is logged, and where to."""
    return run_test(sut, qsl, test_settings, log_settings, audit_config_filename)


def run_test(
    sut: SystemUnderTest | int,
    qsl: QuerySampleLibrary | int,
    test_settings: _core.TestSettings,
    log_settings: _core.LogSettings,
    audit_config_filename: str,
    peak: _core._PeakOptions | None = None,
) -> _core.TestResult:
    """Runs a test on behalf of a public function, whose caller a warning is addressed to."""
    if is_queued(sut):
        sut.begin_test()
    result = None
    try:
        result = _core.start_test(
            native_sut(sut),
            native_qsl(qsl),
            test_settings,
            log_settings,
            audit_config_filename,
            peak,
        )
    finally:
        if is_queued(sut):
            sut.end_test(result)
    if result.log_failure:
        raise LogWriteError(result)
    return result
