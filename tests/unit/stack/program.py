"""A program for tests of the supervisor's children: `… ready` works until SIGTERM, `… broken` ends at once.

Told to end, it says that it drains and goes on until the file `let-go` lies in its working folder's `LET_GO`.
"""

import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    if sys.argv[1] == "broken":
        sys.exit(3)
    ready = Path(os.environ["PILOT_READY_FILE"])
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    ready.write_text("ready")
    while not asked:
        time.sleep(0.005)
    ready.unlink()
    while not Path(os.environ["LET_GO"]).exists():
        time.sleep(0.005)


if __name__ == "__main__":
    main()
