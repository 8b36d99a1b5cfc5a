"""`./run bench fuzz-api`: every operation of the OpenAPI and every page against a real PostgreSQL and Redis.

By an admin, by a viewer and without a key, with values that fit the schema, that do not, and with altered real files. A server
error, a status, content type or body that the OpenAPI does not describe is a finding. The last line is one JSON object; it ends
with 0 if there is none.
"""

import argparse
import json
import logging
import os
import sys
from time import perf_counter
from typing import Any

import structlog

from tests.fuzzing.api import ask, operations_of
from tests.fuzzing.house import a_house
from tests.fuzzing.oddities import Tried
from tests.fuzzing.pages import ask_pages

EXAMPLES = 60
PAGE_REQUESTS = 6000


def main(arguments: list[str]) -> int:
    """Runs the bench."""
    options = _options(arguments)
    os.nice(options.nice)
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began, tried, pages = perf_counter(), Tried(), Tried()
    with a_house() as house:
        operations = [each for each in operations_of(house.web) if options.only in each.label]
        for caller in house.callers:
            for operation in operations:
                ask(operation, caller, tried, examples=options.examples, seed=options.seed)
            sys.stderr.write(f"{caller.name} done: {tried.calls} calls so far\n")
        ask_pages(house.web, house.callers, pages, requests=options.pages, seed=options.seed)
    goals = {
        "no_server_error": not tried.server_errors,
        "no_schema_violation": not tried.violations,
        "no_server_error_of_a_page": not pages.server_errors,
    }
    line = {
        "bench": "fuzz-api", "seed": options.seed, "operations": len(operations), "calls": tried.calls,
        "server_errors": len(tried.server_errors), "violations": len(tried.violations), "statuses": _sorted(tried),
        "page_requests": pages.calls, "page_server_errors": len(pages.server_errors), "page_statuses": _sorted(pages),
        "seconds": round(perf_counter() - began, 1), "goals": goals,
    }  # fmt: skip
    sys.stdout.write(json.dumps(line) + "\n")
    return 0 if all(goals.values()) else 1


def _sorted(tried: Tried) -> dict[str, int]:
    return {str(status): count for status, count in sorted(tried.statuses.items())}


def _options(arguments: list[str]) -> Any:
    parser = argparse.ArgumentParser(prog="./run bench fuzz-api", description=__doc__)
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="of each operation, caller and kind")
    parser.add_argument("--pages", type=int, default=PAGE_REQUESTS, help="requests to pages in all")
    parser.add_argument("--only", default="", help="operations whose name has this in it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nice", type=int, default=10)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
