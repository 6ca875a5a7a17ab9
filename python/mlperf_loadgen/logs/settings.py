"""The settings of a test as its detail log has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import _core

_LOG_NAMES = {  # Of the settings that the detail log names differently.
    "mode": "test_mode",
    "ttft_latency": "server_ttft_latency",
    "tpot_latency": "server_tpot_latency",
}
_SCENARIOS = ("single_stream_", "multi_stream_", "server_")
_WITHOUT_SCENARIO = (
    "target_latency_percentile",
    "samples_per_query",
    "target_qps",
    "target_latency_ns",
    "max_async_queries",
)


def requested_name(name: str) -> str:
    """What the detail log calls a setting where it was asked for, after "requested_"."""
    return _LOG_NAMES.get(name, name)


def effective_name(log_name: str) -> str:
    """What the detail log calls the same where it took effect: without the scenario."""
    for scenario in _SCENARIOS:
        rest = log_name.removeprefix(scenario)
        if rest != log_name and rest in _WITHOUT_SCENARIO:
            return rest
    return log_name


def same_value(a: Any, b: Any) -> bool:
    """Whether two values of logs are the same setting: the log has six digits of a number."""
    if isinstance(a, bool) or isinstance(b, bool):
        return bool(a == b)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        whole = isinstance(a, int) and isinstance(b, int)  # Has all its digits.
        return a == b if whole else abs(a - b) <= 1e-5 * max(abs(a), abs(b))
    return bool(a == b)


def settings_in_effect(
    requested: Mapping[str, Any], effective: Mapping[str, Any]
) -> dict[str, Any]:
    """Every setting that a detail log has: as it took effect and, where the log does not say that,
    as it was asked for."""
    asked = {effective_name(name): value for name, value in requested.items()}
    return asked | dict(effective)


def settings_that_differ(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Name to the values of a and b, of two results of `settings_in_effect`.

    A log leaves out what does not matter in its run, and those of the reference, or of an older
    version, do not have all settings: what only one side has differs unless it is the default.
    """
    defaults = {
        effective_name(requested_name(name)): getattr(value, "name", value)
        for name, value in _core.TestSettings().to_dict().items()
    }
    found = {}
    for name in dict.fromkeys([*a, *b]):
        of_a, of_b = (side.get(name, defaults.get(name)) for side in (a, b))
        if not same_value(of_a, of_b):
            found[name] = (of_a, of_b)
    return found
