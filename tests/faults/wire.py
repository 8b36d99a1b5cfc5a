"""A wire between a stack and its servers: `python -m tests.faults.wire JSON`. It carries bytes, late, not at all, or is torn.

Who is at the near end is found by the port: so one part's wire can be torn while the others' are whole.
"""

import asyncio
import contextlib
import json
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.stack.home import StackHome
from app.stack.status import read_status
from tests.bench.gateway_loads import process_tree

PIECE_BYTES = 65536
WHOLE, TORN, SILENT = "whole", "torn", "silent"
# Closing with it says RST, not FIN: as if the other side had vanished.
AT_ONCE = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class Wire:
    """One connection through us."""

    part: str
    server: str
    near: asyncio.StreamWriter
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    delay_seconds: float = 0.0

    def obey(self, rule: str | float) -> None:
        """Carries on, waits, or ends."""
        self.delay_seconds = rule if isinstance(rule, float | int) else 0.0
        if rule == TORN:
            self.near.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            self.near.transport.abort()
        elif rule == SILENT:
            self.is_open.clear()
        else:
            self.is_open.set()


class Exchange:
    """All wires to all servers.

    Args:
        home: The stack's, to know its processes.
        servers: Where each server is: its Unix socket.
    """

    def __init__(self, home: Path, servers: dict[str, str]) -> None:
        self._home = home
        self._servers = servers
        self._rules: dict[str, Any] = {}
        self._wires: set[Wire] = set()

    def obey(self, rules: dict[str, Any]) -> None:
        """Rules by `part/server`; `*` stands for every part."""
        self._rules = rules
        for wire in list(self._wires):
            wire.obey(self._rule(wire))

    def _rule(self, wire: Wire) -> Any:
        return self._rules.get(f"{wire.part}/{wire.server}", self._rules.get(f"*/{wire.server}", WHOLE))

    def accepting(self, server: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        """What a connection to that server meets."""

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            wire = Wire(await asyncio.to_thread(self._part, writer.get_extra_info("peername")), server, writer)
            wire.is_open.set()
            self._wires.add(wire)
            wire.obey(self._rule(wire))
            with contextlib.suppress(OSError):
                far_reader, far = await asyncio.open_unix_connection(self._servers[server])
                await asyncio.gather(self._pass(wire, reader, far), self._pass(wire, far_reader, writer))
            self._wires.discard(wire)

        return carry

    @staticmethod
    async def _pass(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(PIECE_BYTES):
                await wire.is_open.wait()
                if wire.delay_seconds:
                    await asyncio.sleep(wire.delay_seconds)
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()

    def _part(self, peer: tuple[str, int]) -> str:
        """Whose connection it is; `?` = nobody's of the stack."""
        shown = read_status(StackHome(self._home))
        processes = {each.slot or each.name: (each.name, each.pid) for each in [*shown.processes, shown.supervisor] if each.pid}
        if not processes:
            return "?"
        inode = _inode_of(next(pid for _, pid in processes.values() if pid), peer[1])
        for name, pid in processes.values():
            for each in process_tree(pid) if pid and name != "supervisor" else []:
                if inode and _holds(each, inode):
                    return name
        return "?"


def _inode_of(pid: int, port: int) -> str | None:
    """The socket with that local port in the network of a process."""
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if int(columns[1].rpartition(":")[2], 16) == port and columns[9] != "0":
            return columns[9]
    return None


def _holds(pid: int, inode: str) -> bool:
    with contextlib.suppress(OSError):
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(each.readlink()) == f"socket:[{inode}]":
                    return True
    return False


async def serve(told: dict[str, Any]) -> None:
    """Listens for every server; takes rules from standard input, a line of JSON each, and says that they hold."""
    exchange = Exchange(Path(told["home"]), told["servers"])
    listening = []
    for server, port in told["ports"].items():
        listening.append(await asyncio.start_server(exchange.accepting(server), told["address"], port, backlog=512))
    _say("ready")
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        exchange.obey(json.loads(line))
        _say("done")
    for each in listening:
        each.close()


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
