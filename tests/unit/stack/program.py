"""A program for tests of the supervisor's children: `… ready` works until SIGTERM, `… broken` ends at once, `… silent` works
and says only once that it turns.

Told to end, it says that it drains and goes on until the file `let-go` lies in its working folder's `LET_GO`.
"""

import os
import signal
import sys
import time
from pathlib import Path

from app.stack.pulse import VARIABLE, beat


def main() -> None:
    if sys.argv[1] == "broken":
        sys.exit(3)
    ready = Path(os.environ["PILOT_READY_FILE"])
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    ready.write_text("ready")
    _beat()
    while not asked:
        time.sleep(0.005)
        if sys.argv[1] != "silent":
            _beat()
    ready.unlink()
    while not Path(os.environ["LET_GO"]).exists():
        time.sleep(0.005)


def _beat() -> None:
    if VARIABLE in os.environ:
        beat(int(os.environ[VARIABLE]))


if __name__ == "__main__":
    main()
