"""Faults that are more than a signal."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from sqlalchemy import text

from app.domain.routing import FILE_NAME, SWITCH_NAME
from app.store.session import make_engine
from tests.faults.mounts import read_only
from tests.faults.next_release import has_column
from tests.faults.parts import GATEWAY
from tests.faults.site import Site
from tests.running import ROOT

NOTICED_SECONDS = 0.8  # the gateways look four times a second
ROLL_SECONDS = 30.0
WRITTEN_SECONDS = 30.0


def slow_candidate(site: Site) -> None:
    """It takes two seconds for what took twenty milliseconds."""
    site.candidate.start(delay_ms=2000)
    site.wait()
    site.candidate.start()


def redis_full(site: Site) -> None:
    """No memory is left for writes; what it holds stays."""
    with redis.Redis.from_url(site.redis_url) as client:
        client.config_set("maxmemory", 1)
        try:
            site.wait()
        finally:
            client.config_set("maxmemory", 0)


@contextmanager
def _reader(site: Site) -> Iterator[None]:
    """A transaction that has read the exchanges and does not end, as of a long report."""
    engine = make_engine(site.database_url, pool_size=1)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1 FROM exchanges LIMIT 1"))
            yield
    finally:
        engine.dispose()


def _next_release(site: Site, way: str) -> "subprocess.Popen[bytes]":
    folder = site.home.parent / "next"
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.faults.next_release", site.database_url, str(folder), way]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)


def migration(site: Site) -> None:
    """The next release's migration waits for a reader, is killed there, and another finishes it."""
    with _reader(site):
        waiting = _next_release(site, "up")
        time.sleep(site.fault_seconds)
        site.kill("api")
        time.sleep(0.5)
        waiting.kill()
        waiting.wait()
    assert not has_column(site.database_url)
    assert _next_release(site, "up").wait(60) == 0
    assert has_column(site.database_url)
    assert _next_release(site, "down").wait(60) == 0


def rolling(site: Site) -> None:
    """SIGTERM to each gateway process, as soon as the one before has its successor."""
    for pid in site.parts.pids(GATEWAY):
        os.kill(pid, signal.SIGTERM)
        site.parts.ended.add(pid)
        until = time.monotonic() + ROLL_SECONDS
        while pid in site.parts.pids(GATEWAY) or not _all_run(site):
            assert time.monotonic() < until, "the gateway is not replaced"
            time.sleep(0.1)
    site.parts.ended.clear()  # they may still drain


def _all_run(site: Site) -> bool:
    return all(each.state in ("running", "draining") for each in site.parts.status().processes if each.name == GATEWAY)


def kill_switch(site: Site) -> None:
    """Nothing is mirrored while it is on; every request is counted."""
    switch = site.home / SWITCH_NAME
    switch.touch()
    try:
        site.wait()
    finally:
        switch.unlink()


def routing_corrupt(site: Site) -> None:
    """Half a file where the routes were."""
    file = site.home / FILE_NAME
    right = file.read_bytes()
    file.write_bytes(right[: len(right) // 2])
    try:
        site.wait()
    finally:
        file.write_bytes(right)
        time.sleep(NOTICED_SECONDS)


def routing_removed(site: Site) -> None:
    """It comes back with the API's next start at the latest."""
    file = site.home / FILE_NAME
    file.unlink()
    site.wait()
    site.kill("api")
    until = time.monotonic() + WRITTEN_SECONDS
    while not file.exists():
        assert time.monotonic() < until, "nobody wrote the routing file"
        time.sleep(0.1)


def routing_corrupt_and_gateway(site: Site) -> None:
    """A gateway process that starts then has nobody to tell it the routes."""
    file = site.home / FILE_NAME
    right = file.read_bytes()
    file.write_bytes(right[: len(right) // 2])
    try:
        site.kill(GATEWAY)
        site.wait()
    finally:
        file.write_bytes(right)
        time.sleep(NOTICED_SECONDS)


def home_read_only(site: Site) -> None:
    """Neither state nor routes nor ready files can be written."""
    with read_only(site.home):
        site.wait()


def vendor_killed(site: Site) -> None:
    """Nobody listens where the incumbent was."""
    with site.vendor_away():
        site.vendor.kill()
        site.wait()
        site.vendor.start()


def vendor_stopped(site: Site) -> None:
    """The incumbent says nothing for a while, and then answers everything."""
    assert site.vendor.process is not None
    with site.vendor_away():
        os.kill(site.vendor.process.pid, signal.SIGSTOP)
        site.wait()
        os.kill(site.vendor.process.pid, signal.SIGCONT)
        time.sleep(0.2)
