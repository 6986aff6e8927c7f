"""``python -m rewardsmith`` is the command ``rewardsmith``."""

from __future__ import annotations

import sys

from rewardsmith.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
