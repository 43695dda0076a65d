"""A person's way through the page, by a real browser. Skipped where there is none, or no extra ``dashboard``."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smalti.scheduler.configuration.config import Config
from smalti.scheduler.configuration.config_io import dump

pytest.importorskip("solara", reason="the extra dashboard is not installed")
client = pytest.importorskip("websockets.sync.client", reason="the extra dashboard is not installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = "chromium", "chromium-browser", "google-chrome"
CHROMIUM = next((path for name in BROWSERS if (path := shutil.which(name))), None)
PATIENCE = 120  # seconds at most for anything; a busy machine is slow
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium; on Debian: apt install chromium"),
]


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    """Address and token of a dashboard in a process of its own, which must end well when it is interrupted."""
    command = [sys.executable, "-m", "smalti.scheduler.cli", "dashboard", *arguments, "--no-open", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    try:
        found = re.match(r"http://127\.0\.0\.1:\d+/\?token=[\w-]+", process.stdout.readline())
        assert found, "the server did not start"
        yield found.group()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, url: str) -> Iterator[Page]:
    """The page; whatever its console calls an error, or is not found, or is asked of others, fails the test."""
    wrong: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    own = url.partition("/?")[0]
    page.on("response", lambda answer: wrong.append(answer.url) if answer.status >= 400 else None)
    page.on(
        "request", lambda asked: wrong.append(asked.url) if not asked.url.startswith((own, "data:", "blob:")) else None
    )
    page.goto(url)
    page.wait_for_selector(".chip svg")
    yield page
    context.close()
    assert wrong == []


def until(question: Callable[[], bool]) -> None:
    """Wait for something to come true."""
    end = time.monotonic() + PATIENCE
    while not question():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def round_of(page: Page) -> str:
    return page.locator(".rounds").inner_text()


def stands_still(page: Page) -> bool:
    before = round_of(page)
    time.sleep(3)
    return round_of(page) == before


def click_tile(page: Page, number: int) -> None:
    page.locator(".cover").nth(number).click(position={"x": 3, "y": 3})


def test_a_simulation_is_driven_and_looked_into(browser: Any, tiny: Callable[..., Config], tmp_path: Path) -> None:
    file = tmp_path / "tiny.toml"
    growth, training = {"enough_loss": 0.0, "until": 1.0}, {"rounds": 40}
    file.write_text(dump(tiny(growth=growth, training=training, network={"engine": "dense"})))
    with served(str(file)) as url, opened(browser, url) as page:
        assert round_of(page) == "before the first round"
        page.get_by_role("button", name="Step").click()
        until(lambda: round_of(page) == "after round 0")
        until(lambda: page.locator(".place-bids tr.marked").count() > 0)

        click_tile(page, 0)
        until(lambda: "tile (0, 0)" in page.locator(".place-selected").inner_text())
        neurons = page.locator(".place-selected .table").first.locator("tbody tr")
        assert neurons.count() > 0
        assert f"{neurons.count()} of 8 slots" in page.locator(".place-selected .facts").inner_text()
        neurons.first.click()
        until(lambda: page.locator(".place-selected h3").inner_text().startswith("neuron "))
        page.locator(".place-selected tr.leads").first.click()
        until(lambda: "route" in page.locator(".place-selected").inner_text())

        price = page.locator(".place-controls .label").first
        before = price.inner_text()
        page.locator(".place-controls [role=slider]").first.focus()
        page.keyboard.press("End")
        until(lambda: price.inner_text() == "slot price: 1 nats")
        assert before == "slot price: 0.0002 nats"
        page.get_by_role("button", name="Step").click()
        until(lambda: round_of(page) == "after round 1")
        until(lambda: "in round 1;" in page.locator(".place-bids .table-title").inner_text())
        assert page.locator(".place-bids tr.marked").count() == 0  # nothing is worth a nat and more

        page.get_by_role("button", name="▶").click()
        until(lambda: int(round_of(page).split()[-1]) >= 3)
        click_tile(page, 1)  # while it plays
        until(lambda: "tile (0, 1)" in page.locator(".place-selected").inner_text())
        page.get_by_role("button", name="❚❚").click()
        page.get_by_role("button", name="▶").wait_for()
        until(lambda: stands_still(page))  # when the round in hand has ended
        assert round_of(page) != "after round 79"
        assert page.locator(".place-trends img").evaluate("image => image.naturalWidth") > 0

        page.get_by_role("button", name="Reset").click()
        until(lambda: round_of(page) == "before the first round")
        page.set_viewport_size({"width": 800, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= 800


def test_a_run_is_played_back(browser: Any, finished_run: Path) -> None:
    with served(str(finished_run)) as url, opened(browser, url) as page:
        assert round_of(page) == "after round 5"
        assert page.locator(".headline").inner_text().endswith(finished_run.name)
        assert str(finished_run.parent) not in page.content()
        page.get_by_role("button", name="▶").click()  # at the end it begins anew
        until(lambda: round_of(page) == "after round 1")
        page.get_by_role("button", name="❚❚").click()
        page.get_by_role("button", name="▶").wait_for()
        time.sleep(1)
        stopped = round_of(page)
        time.sleep(1)
        assert round_of(page) == stopped
        page.get_by_role("button", name="▶").click()
        until(lambda: round_of(page) == "after round 5")
        page.get_by_role("button", name="▶").wait_for()  # stops by itself
        assert page.locator(".place-controls .label").first.inner_text() == "round: 5 of 5"
        page.get_by_role("button", name="Back").click()
        until(lambda: round_of(page) == "after round 4")
        everyone = page.locator(".dot.hidden, .dot.output").count()
        slider = page.locator(".place-controls [role=slider]").first
        slider.focus()
        page.keyboard.press("Home")
        until(lambda: round_of(page) == "after round 0")
        until(lambda: page.locator(".dot.hidden, .dot.output").count() < everyone)
        page.keyboard.press("ArrowRight")
        until(lambda: round_of(page) == "after round 1")
        page.locator("[data-key^='cell:']").first.click()
        until(lambda: "R0" in page.locator(".place-selected h3").inner_text())


def test_no_other_page_and_no_strange_name_reads_a_run(browser: Any, finished_run: Path) -> None:
    with served(str(finished_run)) as url:
        base, _, token = url.partition("/?token=")
        port = int(base.rpartition(":")[2])
        kernel = f"ws://127.0.0.1:{port}/jupyter/api/kernels/1/channels?session_id=1"
        cookie = {"Cookie": f"smalti-{port}={token}"}
        asked: list[tuple[dict[str, str], str | None]] = [
            ({}, None),
            ({}, base),
            (cookie, "http://evil.example"),
            (cookie, "null"),
        ]
        for headers, origin in asked:
            with (
                pytest.raises(client.InvalidStatus, match="403"),
                client.connect(kernel, origin=origin, additional_headers=headers, proxy=None),  # type: ignore[arg-type]
            ):
                pass
        with client.connect(kernel, origin=base, additional_headers=cookie, proxy=None):  # type: ignore[arg-type]
            pass
        for path in ("/", "/static/main-vuetify.js", "/readyz", "/jupyter/api/kernels/1"):
            assert status(port, path) == 403
            assert status(port, path, Host=f"evil.example:{port}", **cookie) == 403
            assert status(port, path, Origin="http://evil.example", **cookie) == 403
        assert status(port, f"/?token={token}") == status(port, "/readyz", **cookie) == 200

        with opened(browser, url) as page:  # other pages of the same browser
            foreign = page.context.new_page()
            foreign.route("http://evil.example/", lambda route: route.fulfill(body="<body></body>"))
            foreign.goto("http://evil.example/")
            script = "address => new Promise(done => { const socket = new WebSocket(address);"
            script += "socket.onopen = () => done('open'); socket.onerror = () => done('refused'); })"
            assert foreign.evaluate(script, kernel) == "refused"
            foreign.evaluate(
                "address => { const frame = document.createElement('iframe'); frame.src = address;"
                "document.body.append(frame); }",
                url,
            )
            time.sleep(3)
            assert not any(frame.query_selector(".chip") for frame in foreign.frames[1:])
            foreign.close()


def status(port: int, path: str, **headers: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path, headers=headers)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_texts_of_a_foreign_run_are_no_code(browser: Any, foreign_run: Path) -> None:
    dialogs: list[str] = []
    with served(str(foreign_run)) as url, opened(browser, url) as page:
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        assert foreign_run.name in page.locator(".headline").inner_text()
        assert page.locator(".place-bids td", has_text=foreign_run.name).count() > 0
        click_tile(page, 0)
        page.locator(".place-selected td", has_text=foreign_run.name).first.wait_for()
        page.locator(".place-selected .table").first.locator("tbody tr").first.click()
        until(lambda: page.locator(".place-selected h3").inner_text().startswith("neuron "))
        assert foreign_run.name in page.locator(".place-selected .facts").inner_text()
        time.sleep(1)
        assert page.locator("img[src=x]").count() == 0
    assert dialogs == []
