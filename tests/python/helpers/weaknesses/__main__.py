"""`python -m weaknesses ROW`: does what made the reference fail, in the current directory."""

import faulthandler
import sys

from . import ROWS
from .table import LIMIT_S

faulthandler.dump_traceback_later(LIMIT_S - 5, exit=True)  # Shows where it hangs.
ROWS[sys.argv[1]].check()
