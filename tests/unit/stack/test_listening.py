import socket

import pytest

from app.errors import StackError
from app.stack.listening import begin_shared, listen, unbound, url_of


def test_a_port_in_use_is_named_with_the_setting_that_chooses_another() -> None:
    with listen("127.0.0.1", 0, "PILOT_API_PORT") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=f"port {port} on 127.0.0.1 is in use.*PILOT_API_PORT"):
            listen("127.0.0.1", port, "PILOT_API_PORT")


def test_another_port_is_taken_where_that_is_allowed() -> None:
    with listen("127.0.0.1", 0, "PILOT_API_PORT") as taken:
        port = taken.getsockname()[1]
        with listen("127.0.0.1", port, "PILOT_API_PORT", fall_back=True) as other:
            assert other.getsockname()[1] != port


def test_connections_wait_for_whoever_serves_the_socket() -> None:
    with listen("127.0.0.1", 0, "PILOT_API_PORT") as listening, socket.create_connection(listening.getsockname()) as early:
        early.sendall(b"hello")
        served, _ = listening.accept()
        with served:
            assert served.recv(5) == b"hello"


def test_an_address_of_another_machine_names_the_setting() -> None:
    with pytest.raises(StackError, match="PILOT_BIND"):
        listen("203.0.113.7", 0, "PILOT_API_PORT")


def test_what_listens_everywhere_is_reached_on_this_machine() -> None:
    with listen("0.0.0.0", 0, "PILOT_API_PORT") as listening:
        assert url_of(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_beside_an_orphan_that_shares_its_port_another_listens_and_strangers_do_not() -> None:
    with listen("127.0.0.1", 0, "PILOT_GATEWAY_PORT") as orphan, unbound("127.0.0.1") as successor:
        port = orphan.getsockname()[1]
        assert not begin_shared(successor, "127.0.0.1", port)
        orphan.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        assert begin_shared(successor, "127.0.0.1", port)
        with pytest.raises(StackError, match="in use"):
            listen("127.0.0.1", port, "PILOT_GATEWAY_PORT")
        orphan.close()
        with socket.create_connection(("127.0.0.1", port)) as client:
            served, _ = successor.accept()
            with served:
                assert served.getpeername() == client.getsockname()
