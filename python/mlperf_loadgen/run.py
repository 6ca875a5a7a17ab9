"""Running a test."""

from __future__ import annotations

import atexit
import warnings

from . import _core
from .handles import is_queued, native_qsl, native_sut
from .interfaces import QuerySampleLibrary, SystemUnderTest

# A daemon thread's test must not outlive the interpreter.
atexit.register(_core.finish_tests)


class ConfigWarning(UserWarning):
    """A line of a config file was refused, ignored or read in an unexpected way, or a setting was
    given that the test does not use."""


class LogsOverwrittenWarning(UserWarning):
    """A test overwrote the logs of an earlier one (`log_output.exist_ok`)."""


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

    `sut` and `qsl` are instances of `SystemUnderTest` and `QuerySampleLibrary`, or handles. Returns
    the result; the logs are in the current directory.

    Before the test: raises SettingsError for settings with which no test can run, TypeError and
    ValueError for wrong handles, OSError if the logs cannot be opened, and RuntimeError if a test
    is already running. After the test, when the logs are complete: raises any exception of a
    callback, and KeyboardInterrupt if Ctrl-C or SIGTERM ended the test; a second signal ends the
    process at once. Raises LogWriteError, which carries the result, if the logs could not be
    written completely.
    """
    return run_test(sut, qsl, test_settings, _core.LogSettings(), audit_config_filename)


def StartTestWithLogSettings(
    sut: SystemUnderTest | int,
    qsl: QuerySampleLibrary | int,
    test_settings: _core.TestSettings,
    log_settings: _core.LogSettings,
    audit_config_filename: str = "audit.config",
) -> _core.TestResult:
    """Runs one test as `StartTest` does, with settings for what is logged and where the logs go."""
    return run_test(sut, qsl, test_settings, log_settings, audit_config_filename)


def warn_of_other_mode(settings: _core.TestSettings, mode: _core.TestMode, what: str) -> None:
    """Warns the caller of a public function that runs tests of one mode, whatever the program has
    set. The default, and what a config file says for other tests, are no mistakes.
    """
    default = _core.TestSettings().mode
    if settings.mode in (mode, default) or "mode" in _core.config_origins(settings):
        return

    text = f"mode = {settings.mode.name} is not used: {what} has {mode.name}; leave it out"
    warnings.warn(text, ConfigWarning, stacklevel=3)


def run_test(
    sut: SystemUnderTest | int,
    qsl: QuerySampleLibrary | int,
    test_settings: _core.TestSettings,
    log_settings: _core.LogSettings,
    audit_config_filename: str,
    peak: _core._PeakOptions | None = None,
) -> _core.TestResult:
    """Runs a test on behalf of a public function, to whose caller a warning points."""
    if is_queued(sut):
        sut.begin_test()
    result = None
    try:
        result = _core.start_test(
            native_sut(sut),
            native_qsl(qsl, sut),
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
