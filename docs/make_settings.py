"""Prints docs/settings.md, made from the settings table: `python docs/make_settings.py`."""

from typing import Any

from mlperf_loadgen import _core

HEAD = """# Settings

Made from the settings table by `python docs/make_settings.py`; do not edit.

Every setting is an attribute of `TestSettings`. Where a config key is given, `FromConfig` sets it
from a line `model.scenario.key = value`; of the lines that match, the most specific counts:
`model.scenario`, `*.scenario`, `model.*`, `*.*`. A scenario in the key column means that the key is
looked up under this scenario whatever the call names; `*` means the scenario of the call. A factor
is what the value in the file is multiplied by.

| setting | default | unit | used in | config key | meaning |
|---|---|---|---|---|---|
"""

TAIL = """
(b) only the built-in `mlperf.conf` may set it; a user's or audit file may not.
"""


def row(setting: dict[str, Any]) -> str:
    default = setting["default"]
    text = f"{default:g}" if isinstance(default, float) else getattr(default, "name", str(default))
    key = ""
    if setting["config_key"]:
        key = f"`{setting['config_key']}`"
        if setting["factor"] != 1:
            key += f" x {setting['factor']:g}"
        if setting["built_in_only"]:
            key += " (b)"
    cells = [f"`{setting['name']}`", text, setting["unit"], setting["applies_to"], key]
    return "| " + " | ".join([*cells, setting["doc"]]) + " |"


def settings_page() -> str:
    """The text of docs/settings.md."""
    return HEAD + "\n".join(row(setting) for setting in _core.settings_table()) + "\n" + TAIL


if __name__ == "__main__":
    print(settings_page(), end="")
