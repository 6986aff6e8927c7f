"""``python -m rewardsmith`` is the command ``rewardsmith``."""

from __future__ import annotations

import atexit
import os
import sys
import warnings
from typing import NoReturn

from rewardsmith.cli.main import main


def run() -> NoReturn:
    """The command as a process of its own; it ends with the command's exit status.

    What libraries warn of is for those who write programs, and is shown where Python is asked to (``-W``).

    One of several processes (``torchrun``, ``accelerate launch``) ends without the interpreter's last clearing up: a
    thread of communication (gloo) that wakes meanwhile aborts the process, and its launcher calls the run failed.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    status = main()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    run()
