"""What servers send and clients get wrong: situations as bytes, with what is to be read from them.

The groups follow the rules by which bytes become tokens. Each case is read by the tests in one
piece, in reads of 1, 2, 3 and 7 bytes, and over a socket.
"""

from llm_cases import (
    arrivals,
    counting,
    endings,
    errors,
    framing,
    json_forms,
    lines,
    oddities,
)

GROUPS = {
    "HTTP": framing.CASES,
    "lines": lines.CASES,
    "arrivals": arrivals.CASES,
    "counting": counting.CASES,
    "endings": endings.CASES,
    "errors": errors.CASES,
    "oddities": oddities.CASES,
    "JSON": json_forms.CASES,
}

CASES = [case for group in GROUPS.values() for case in group]
