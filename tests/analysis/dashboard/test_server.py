from __future__ import annotations

import socket

import pytest

from smalti.analysis.dashboard import server


def test_it_listens_where_it_was_told() -> None:
    with server.listen("127.0.0.1", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        with socket.create_connection(listener.getsockname(), timeout=5):
            pass


def test_a_busy_port_is_told() -> None:
    with server.listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ValueError, match=rf"port {port} \(Address already in use\): give another --port"):
            server.listen("127.0.0.1", port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_no_port(port: int) -> None:
    with pytest.raises(ValueError, match=f"--port {port} is no port"):
        server.listen("127.0.0.1", port)


def test_an_address_of_another_machine() -> None:
    with pytest.raises(ValueError, match="give another --host"):
        server.listen("192.0.2.1", 0)  # reserved for documentation: nobody has it


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "NEEDED", ("pytest", "nowhere_to_be_found"))
    with pytest.raises(ValueError, match=r'needs nowhere_to_be_found: pip install "smalti\[dashboard\]"'):
        server.require_extra()
