"""A network of the test's own between a stack and its servers: a namespace and a cable, or loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.wire import SILENT, TORN
from tests.running import ROOT, free_port

__all__ = ["SILENT", "TORN", "Network"]
NEAR, FAR = "10.217.43.1", "10.217.43.2"


@dataclass
class Network:
    """The wires, and the cable that they run through.

    Attributes:
        cable: Our end of it; `None` = everything is on loopback.
    """

    address: str
    ports: dict[str, int]
    cable: str | None
    _process: "subprocess.Popen[str]"

    @contextmanager
    def obeying(self, rules: dict[str, Any]) -> Iterator[None]:
        """Wires torn, silent or late, by `part/server`."""
        self._tell(rules)
        try:
            yield
        finally:
            self._tell({})

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """The cable itself: packets go nowhere, and nobody says so."""
        assert self.cable is not None
        _ip("link", "set", self.cable, "down")
        try:
            yield
        finally:
            _ip("link", "set", self.cable, "up")

    def _tell(self, rules: dict[str, Any]) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: PT018
        self._process.stdin.write(json.dumps(rules) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"


@contextmanager
def network(home: Path, servers: dict[str, str]) -> Iterator[Network]:
    """Wires from TCP ports to the servers' Unix sockets."""
    with _cable() as (address, cable, before):
        ports = {server: free_port() for server in servers}
        told = {"home": str(home), "servers": servers, "address": address, "ports": ports}
        command = [*before, sys.executable, "-m", "tests.faults.wire", json.dumps(told)]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield Network(address, ports, cable, process)
        finally:
            process.kill()
            process.communicate()


@contextmanager
def _cable() -> Iterator[tuple[str, str | None, list[str]]]:
    """Address of the far end, our end of the cable, and how a program is started at the far end."""
    if os.geteuid() != 0 or not _can_make_namespaces():
        yield "127.0.0.1", None, []
        return
    name, near, far = f"pp-{os.getpid()}", f"pn{os.getpid()}", f"pf{os.getpid()}"
    _ip("netns", "add", name)
    try:
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        _ip("addr", "add", f"{NEAR}/30", "dev", near)
        _ip("link", "set", near, "up")
        for words in (("addr", "add", f"{FAR}/30", "dev", far), ("link", "set", far, "up"), ("link", "set", "lo", "up")):
            _ip("netns", "exec", name, "ip", *words)
        yield FAR, near, ["ip", "netns", "exec", name]
    finally:
        _ip("netns", "del", name)  # the cable ends with it


def _can_make_namespaces() -> bool:
    name = f"pp-probe-{os.getpid()}"
    try:
        made = subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
    if made:
        _ip("netns", "del", name)
    return made


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
