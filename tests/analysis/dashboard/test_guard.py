"""Who gets in: asked as a server asks an ASGI application, and over the wire by a client that is no browser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import pytest

from smalti.analysis.dashboard.guard import Guard

PORT = 8765
HERE = f"127.0.0.1:{PORT}"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Lets everybody in."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"kept")]})
    await send({"type": "http.response.body", "body": b"the run"})


def asked(guard: Guard, kind: str = "http", query: str = "", **headers: str | list[str]) -> list[Mapping[str, Any]]:
    """What the guard sends to a request; a list gives a header several times."""
    pairs = [
        (name.encode(), value.encode())
        for name, given in headers.items()
        for value in (given if isinstance(given, list) else [given])
    ]
    scope = {"type": kind, "path": "/", "query_string": query.encode(), "headers": pairs}
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))  # type: ignore[arg-type]
    return sent


def let_in(guard: Guard, kind: str = "http", **request: Any) -> bool:
    first = asked(guard, kind, **request)[0]
    return bool(first["type"] == "websocket.accept" or first.get("status") == 200)


def told(sent: list[Mapping[str, Any]]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


@pytest.fixture
def guard() -> Guard:
    return Guard(app, "127.0.0.1", PORT)


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_the_token_opens_and_nothing_else_does(guard: Guard, kind: str) -> None:
    cookie = f"other=1; smalti-{PORT}={guard.token}"
    assert let_in(guard, kind, host=HERE, query=f"token={guard.token}")
    assert let_in(guard, kind, host=HERE, cookie=cookie)
    assert let_in(guard, kind, host=HERE, cookie=cookie, origin=f"http://{HERE}")
    assert not let_in(guard, kind, host=HERE)
    for wrong in ("", "x", guard.token[:-1], guard.token + "x", "é"):
        assert not let_in(guard, kind, host=HERE, query=f"token={wrong}")
        assert not let_in(guard, kind, host=HERE, cookie=f"smalti-{PORT}={wrong}")
    assert not let_in(guard, kind, host=HERE, cookie=f"smalti-1={guard.token}")


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_another_page_is_kept_out_even_with_the_token(guard: Guard, kind: str) -> None:
    given = {"host": HERE, "query": f"token={guard.token}", "cookie": f"smalti-{PORT}={guard.token}"}
    for origin in (
        "http://evil.example",
        "null",
        "",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        f"https://{HERE}",
        f"http://localhost:{PORT}",  # not the page that asks
        f"http://{HERE}.evil.example",
    ):
        assert not let_in(guard, kind, origin=origin, **given)
    assert not let_in(guard, kind, origin=[f"http://{HERE}", "http://evil.example"], **given)


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_only_names_of_this_server_are_answered(guard: Guard, kind: str) -> None:
    query = f"token={guard.token}"
    for host in (HERE, f"localhost:{PORT}", f"LOCALHOST:{PORT}", f"[::1]:{PORT}"):
        assert let_in(guard, kind, host=host, query=query, origin=f"http://{host}")
    for host in ("", "127.0.0.1", "127.0.0.1:1", f"evil.example:{PORT}", f"127.0.0.1.evil.example:{PORT}"):
        assert not let_in(guard, kind, host=host, query=query)
        assert not let_in(guard, kind, host=host, query=query, origin=f"http://{host}")  # a rebound name
    assert not let_in(guard, kind, query=query)
    assert not let_in(guard, kind, host=[HERE, HERE], query=query)


def test_an_address_of_a_network_is_answered_by_its_number_and_name() -> None:
    guard = Guard(app, "192.0.2.7", PORT, called="lab.example")
    query = f"token={guard.token}"
    for host in ("192.0.2.7", "lab.example", "127.0.0.1"):
        assert let_in(guard, host=f"{host}:{PORT}", query=query)
    assert not let_in(guard, host=f"192.0.2.8:{PORT}", query=query)
    assert guard.url == f"http://192.0.2.7:{PORT}/?token={guard.token}"


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])
def test_all_addresses_are_answered_by_number_but_by_no_strange_name(everywhere: str) -> None:
    guard = Guard(app, everywhere, PORT)
    query = f"token={guard.token}"
    for host in ("192.0.2.7", "[2001:db8::1]", "localhost"):
        assert let_in(guard, host=f"{host}:{PORT}", query=query)
    assert not let_in(guard, host=f"evil.example:{PORT}", query=query)


def test_the_port_of_http_may_be_left_out() -> None:
    guard = Guard(app, "127.0.0.1", 80)
    for host in ("127.0.0.1", "[::1]", "localhost:80"):
        assert let_in(guard, host=host, query=f"token={guard.token}", origin=f"http://{host}")


def test_the_first_answer_leaves_a_cookie_that_opens(guard: Guard) -> None:
    first = told(asked(guard, host=HERE, query=f"token={guard.token}"))
    cookie, *rules = first["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict"} <= set(rules)
    second = asked(guard, host=HERE, cookie=cookie)
    assert second[0]["status"] == 200
    assert "set-cookie" not in told(second)


def test_every_answer_says_that_no_other_page_may_frame_it_or_learn_its_address(guard: Guard) -> None:
    opened = asked(guard, host=HERE, query=f"token={guard.token}")
    for answer in (opened, asked(guard, host=HERE)):
        headers = told(answer)
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["referrer-policy"] == "no-referrer"
    assert told(opened)["x-own"] == "kept"


def test_whoever_is_refused_gets_nothing_but_the_reason(guard: Guard) -> None:
    start, body = asked(guard, host=HERE)
    assert start["status"] == 403
    assert b"token" in body["body"]
    assert guard.token.encode() not in body["body"]
    assert asked(guard, "websocket", host=HERE) == [{"type": "websocket.close", "code": 1008}]


def test_tokens_are_new_for_every_start() -> None:
    tokens = {Guard(app, "127.0.0.1", PORT).token for _ in range(20)}
    assert len(tokens) == 20
    assert all(re.fullmatch(r"[\w-]{43}", token) for token in tokens)


def test_the_start_of_the_server_passes(guard: Guard) -> None:
    seen = []

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    guard.app = lifespan
    assert asked(guard, "lifespan") == []
    assert seen == ["lifespan"]
