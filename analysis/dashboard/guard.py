"""Who may see the page: whoever has the token, by an address of this server, from no other page. Knows ASGI alone.

A page of any web site may ask a server of the machine that it is looked at on; what keeps it out are

- the token, new for every start, in the address that is printed; the first answer leaves it as a cookie, which the
  page's requests and its WebSocket bring along and which no script and no other site gets;
- ``Host``, which must be an address of this server: a name of somebody else's that was made to point here is none;
- ``Origin``, which a browser adds to what a page's script asks: it must be the page's own.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from socket import gethostname
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOCAL = ("127.0.0.1", "localhost", "::1")
HEADERS = (
    (
        "content-security-policy",
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'self'; base-uri 'self'; "
        "form-action 'self'",
    ),
    ("x-frame-options", "SAMEORIGIN"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-resource-policy", "same-origin"),
)
REFUSED = "Open the address that `smalti dashboard` printed, with its token: it is new for every start.\n"


class Guard:
    """Hands to ``app`` what may pass, answers 403 to everything else, and adds ``HEADERS`` to every answer.

    Args:
        app: what is guarded.
        host: address that the server listens at.
        port: its port.
        called: another name of the address, by which it was told where to listen.
    """

    def __init__(self, app: App, host: str, port: int, called: str = "") -> None:
        self.app = app
        self.token = secrets.token_urlsafe(32)
        self.cookie = f"smalti-{port}"  # browsers do not keep the cookies of ports apart
        self.host, self.port = host, port
        self.names = {*LOCAL, host.lower(), called.lower()} - {""}

    @property
    def url(self) -> str:
        """The address that lets in."""
        return f"http://{_bracketed(self.host)}:{self.port}/?token={self.token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI asks it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        asked = self._asked(scope)
        if not (self._addressed(scope) and (asked or self._remembered(scope))):
            await _refuse(scope, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
                own = [*HEADERS, *([("set-cookie", cookie)] if asked else [])]
                message = {**message, "headers": [*message.get("headers", ()), *_encoded(own)]}
            await send(message)

        await self.app(scope, receive, answer)

    def _addressed(self, scope: Scope) -> bool:
        """Whether the request names this server, and comes from no other page."""
        hosts, origins = _header(scope, b"host"), _header(scope, b"origin")
        if len(hosts) != 1 or not self._ours(hosts[0]):
            return False
        return not origins or origins == [f"http://{hosts[0]}"]

    def _ours(self, address: str) -> bool:
        """Whether a ``Host`` is this server's; for one at all addresses any number is, and the machine's name."""
        name, _, port = address.rpartition(":")
        if not port.isdecimal():  # left out where it is that of http
            name, port = address, "80"
        name = name.lower().removeprefix("[").removesuffix("]")
        if port != str(self.port):
            return False
        everywhere = self.host in ("0.0.0.0", "::") and (_is_number(name) or name == gethostname().lower())
        return everywhere or name in self.names

    def _asked(self, scope: Scope) -> bool:
        """Whether the address holds the token."""
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        return any(self._right(given) for given in query.get("token", []))

    def _remembered(self, scope: Scope) -> bool:
        """Whether a cookie holds it."""
        cookies = (part.strip().partition("=") for line in _header(scope, b"cookie") for part in line.split(";"))
        return any(name == self.cookie and self._right(value) for name, _, value in cookies)

    def _right(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})  # before it was accepted: 403
        return
    headers = _encoded([("content-type", "text/plain; charset=utf-8"), *HEADERS])
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": REFUSED.encode()})


def _header(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _encoded(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
