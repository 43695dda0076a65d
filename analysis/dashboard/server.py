"""Serves the page with Solara's own server, on one address, to whoever has its token; tells nobody else about it."""

from __future__ import annotations

import os
import socket
import threading
import warnings
import webbrowser
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from smalti.analysis.dashboard.guard import LOCAL, Guard

if TYPE_CHECKING:
    from smalti.analysis.dashboard.live import Source
    from smalti.analysis.dashboard.replay import Recorded

__all__ = ["LOCAL", "listen", "require_extra", "serve"]
APP = "smalti.analysis.dashboard.app:Page"
NEEDED = ("altair", "matplotlib", "solara", "uvicorn")  # altair by Mesa's visualization


def require_extra() -> None:
    """Make sure that everything the page needs is installed.

    Raises:
        ValueError: something is missing, naming the extra.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ValueError(f'the page needs {", ".join(missing)}: pip install "smalti[dashboard]"')


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address; port 0 takes any free one.

    Raises:
        ValueError: the port is taken or not allowed, or the address is none of this machine.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"--port {port} is no port; give a number from 1 to 65535")
    try:
        (family, *_, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        cure = "give another --port, or end what uses it" if port else "give another --host"
        reason = str(error.strerror).partition(" (while")[0]
        raise ValueError(f"cannot listen at {host}, port {port} ({reason}): {cure}") from error


def serve(
    source: Source | Recorded,
    listener: socket.socket,
    announce: Callable[[str], None],
    open_browser: bool,
    host: str = "",
) -> None:
    """Serve until interrupted.

    Args:
        source: what the page shows.
        listener: where; from ``listen``.
        announce: called with the address, its token in it, once the page can be opened.
        open_browser: whether to open it, too.
        host: how the address was called that the listener has.
    """
    import uvicorn

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(?s).*rules-of-hooks")  # said of Mesa's own components
        app, shown = _application()

    shown[:] = [source]
    address, port = listener.getsockname()[:2]
    guard = Guard(app, address, port, called=host)
    options: dict[str, Any] = {"proxy_headers": False, "server_header": False, "timeout_graceful_shutdown": 1}
    server = uvicorn.Server(uvicorn.Config(guard, log_level="warning", **options))
    opener = threading.Thread(target=_announce, args=(server, guard.url, announce, open_browser), daemon=True)
    opener.start()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(?s)Cookies with samesite")  # needed in frames of other pages alone
        server.run(sockets=[listener])


def _application() -> tuple[Any, list[Source | Recorded]]:
    """Solara's server with the page, and where the page looks up what it shows."""
    os.environ["SOLARA_APP"] = APP  # read by the server when it is imported
    from solara.server import settings

    settings.telemetry.mixpanel_enable = False
    settings.main.mode = "production"
    settings.theme.show_banner = False
    settings.theme.title = "Smalti"
    from solara.server.starlette import app

    from smalti.analysis.dashboard.app import shown

    return app, shown


def _announce(server: object, url: str, announce: Callable[[str], None], open_browser: bool) -> None:
    pause = threading.Event()
    while not getattr(server, "started", False):
        pause.wait(0.05)
    announce(url)
    if open_browser:
        webbrowser.open(url)
