"""Messages of the Python interface, in the words of the command line."""

from __future__ import annotations

import re

from ... import _core
from ..show.outcome import Mistake

_WORDS = (
    (r"its own log_output\.outdir or prefix", "its own --output, or --log prefix=NAME_"),
    (r"log_output\.outdir or prefix", "--output, or --log prefix=NAME_"),
    (r"turn log_output\.exist_ok off", "leave out --log exist_ok=true"),
    (r"log_output\.exist_ok is false", "--log exist_ok=false was given"),
    (r"log_output\.outdir", "--output"),
    (r"(?:set )?LogSettings\.(\w+) = True", r"run it with --log \1=true"),
    (r"\boutdir (?=\S* has a table)", "--output "),
    (r", or measure anew$", ", or --force in place of --resume"),
    (r"\bmax_batch is", "--max-batch is"),
    (r"^dtype is", "--dtype is"),
    (r"^(max|warm)_(tokens|connections) must", r"--\1-\2 must"),
    (r"^api must", "--api must"),
    (r"give model=NAME", "give it as ?model=NAME behind the address"),
    (r"as model=NAME", "as ?model=NAME behind the address"),
    (r"give tokenizer\b", "give --tokenizer FOLDER"),
    (r"^threads is", "--threads is"),
    (r"\bconnect_timeout_s\b", "--connect-timeout"),
    (r"\b(?:another )?trial_file\b", "another file to --resume"),
    (r"\btime_budget_s\b", "--time-budget"),
    (r"\buse repeats\b", "use --repeats"),
    (r"insecure=True \(--insecure\)", "--insecure"),
    (r", or give format=.*", ""),
)


def check_option(option: str, name: str, value: float | None) -> None:
    """Raises Mistake for a value that the argument of this name cannot have; None stands for an
    option that was not given."""
    if value is None:
        return
    try:
        _core.checked_option(name, value)
    except _core.SettingsError as error:
        raise Mistake(f"{option} {str(error).removeprefix(f'{name} is ')}") from error


def in_options(text: str) -> str:
    """The text, with options in place of the names of settings and arguments that only programs
    use."""
    for pattern, option in _WORDS:
        text = re.sub(pattern, option, text)
    return text
