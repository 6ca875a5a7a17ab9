"""How the groups of cases are written down."""

from llm_wire import ANSWER, DONE, Case, Expected, chunked

USUAL = {"arrivals": (1, 2), "done": len(ANSWER) - 1}
"""What is to be read from ANSWER, beside the defaults of `Expected`."""


class Cases(list):
    """The cases of a group. Named arguments that are none of these methods are of `Expected`."""

    def case(self, name, wire, *, ending="open", **expected):
        self.append(Case(name, wire, Expected(**expected), ending))

    def stream(self, name, *parts, ending="open", **expected):
        """A stream in the chunked coding, which is complete at its last part if that is [DONE]."""
        done = {"done": len(parts) - 1} if parts[-1] == DONE else {}
        self.case(name, chunked(parts), ending=ending, **(done | expected))

    def usual(self, name, wire, *, ending="open", **expected):
        """ANSWER in another form."""
        self.case(name, wire, ending=ending, **(USUAL | expected))
