"""`./run bench grading`: the old name of `./run bench judge`."""

import sys

from tests.bench.judge import main

if __name__ == "__main__":
    sys.exit(main())
