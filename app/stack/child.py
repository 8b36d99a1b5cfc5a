"""What a child of the supervisor runs first: `python -m app.stack.child PARENT MODULE [arguments]`.

The child asks the kernel to end it with its supervisor (unless PARENT is `-`), and becomes the module.
"""

import os
import runpy
import signal
import sys

from app.stack.process import die_with_parent

NO_PARENT = "-"


def main() -> None:
    """Runs the module as if by `python -m`."""
    parent, module, *arguments = sys.argv[1:]
    if parent != NO_PARENT:
        die_with_parent(signal.SIGTERM)
        if os.getppid() != int(parent):  # it ended before it could be asked about
            sys.exit("the supervisor is gone")
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
