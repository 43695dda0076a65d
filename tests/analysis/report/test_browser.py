"""The report in a real browser: nothing is fetched, nothing complains, every picture is drawn, everything fits."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smalti.analysis.report import missing_packages, write_report
from smalti.analysis.runs import load_run, load_runs

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PHONE, DESK = 375, 1200
Opened = Callable[..., "Page"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync = pytest.importorskip("playwright.sync_api", reason="the report is looked at with playwright")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium is installed (Debian and Ubuntu: apt install chromium)")
    with sync.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def opener(browser: Browser) -> Iterator[tuple[Opened, list[str]]]:
    """Opens pages, each only once, and a list of what they fetched and complained of."""
    complaints: list[str] = []
    pages: dict[tuple[Path, int, str], Page] = {}

    def fetched(url: str) -> None:
        if not url.startswith(("file:", "data:", "blob:")):
            complaints.append(url)

    def open_page(file: Path, width: int = DESK, scheme: Any = "light") -> Page:
        key = (file, width, scheme)
        if key not in pages:
            context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
            page = pages[key] = context.new_page()
            page.set_default_timeout(120_000)  # milliseconds; busy machines draw slowly
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda request: fetched(request.url))
            page.goto(file.as_uri())
            page.wait_for_selector(".plot[data-drawn]")
        return pages[key]

    yield open_page, complaints
    for page in pages.values():
        page.context.close()


@pytest.fixture
def opened(opener: tuple[Opened, list[str]]) -> Iterator[Opened]:
    """``opened(file, width, scheme)``: the page, drawn; nothing may have been fetched or complained of in the end."""
    yield opener[0]
    assert opener[1] == []


def write(folders: list[Path], out: Path) -> Path:
    if missing_packages():
        pytest.skip(f"reports need {' and '.join(missing_packages())}")
    write_report(load_runs(folders, keep=True), out)
    return out


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    return page.eval_on_selector_all(selector, "all => all.map(one => one.getBoundingClientRect().toJSON())")


def wait_for_three_plots(page: Page) -> None:
    """Until the third plot of the run that was opened is drawn; by selector, for the page forbids evaluated strings."""
    page.locator("details.run[open] .plot .main-svg:first-child").nth(2).wait_for(state="attached")


def colour(page: Page, selector: str, of: str) -> str:
    return str(page.eval_on_selector(selector, f"one => getComputedStyle(one).{of}"))


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_every_picture_is_drawn_and_nothing_sticks_out(opened: Opened, page: Path, width: int) -> None:
    shown = opened(page, width)
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    plots = boxes(shown, ".plot .main-svg:first-child")
    assert len(plots) == 3
    assert all(box["width"] > 0.8 * min(width, 700) and box["height"] > 150 for box in plots)
    assert all(len(boxes(shown, f".plot[data-figure=run1-{k}] :is(.points path, .lines path)")) > 3 for k in (1, 2, 3))
    pictures = boxes(shown, "figure.drawing > .wide > svg")
    assert len(pictures) >= 3
    assert all(box["width"] > 250 and box["height"] > 100 for box in pictures)


def test_letters_and_paper_follow_the_colour_scheme(opened: Opened, page: Path) -> None:
    light, dark = opened(page), opened(page, scheme="dark")
    for selector in ("body", ".plot text", "figure.drawing > .wide svg text"):
        of = "color" if selector == "body" else "fill"
        assert brightness(colour(light, selector, of)) < 128
        assert brightness(colour(dark, selector, of)) > 128
    assert brightness(colour(light, "body", "backgroundColor")) == 255
    assert brightness(colour(dark, "body", "backgroundColor")) < 50


def brightness(rgb: str) -> float:
    """Mean of red, green and blue, 0..255, of ``rgb(1, 2, 3)`` or ``color(srgb 0.1 0.2 0.3)``."""
    if rgb.startswith("color(srgb"):
        return 255 * sum(float(part) for part in rgb.removeprefix("color(srgb").strip(" )").split()[:3]) / 3
    return sum(float(part) for part in rgb[rgb.index("(") + 1 : -1].split(",")[:3]) / 3


def test_paper_is_white_in_print_whatever_the_scheme(opened: Opened, page: Path) -> None:
    dark = opened(page, scheme="dark")
    dark.emulate_media(media="print")
    assert brightness(colour(dark, "body", "backgroundColor")) == 255
    assert brightness(colour(dark, ".plot text", "fill")) == 0
    dark.emulate_media(media="screen")


def test_a_plot_answers_to_the_pointer(opened: Opened, page: Path) -> None:
    shown = opened(page)
    shown.locator(".plot").first.scroll_into_view_if_needed()
    box = shown.locator(".plot .points path").nth(1).bounding_box()
    assert box is not None
    shown.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shown.wait_for_selector(".plot .hovertext")
    assert "training loss" in str(shown.locator(".plot .hoverlayer").first.text_content())


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("tasks", [5, 13, 50])
def test_matrices_fit_and_what_does_not_says_so(
    opened: Opened, finished_run: Path, tmp_path_factory: pytest.TempPathFactory, tasks: int, width: int
) -> None:
    run = shutil.copytree(finished_run, tmp_path_factory.mktemp("many") / "run")
    table = load_run(finished_run).table("evaluations")
    kept = table[table["setting"] == "class"].iloc[:1]
    shutil.rmtree(run / "tables" / "evaluations")
    (run / "tables" / "evaluations").mkdir()
    cells = [
        (after, on, split) for split in ("test", "validation") for after in range(tasks) for on in range(after + 1)
    ]
    after, on, split = zip(*cells, strict=True)
    rows = kept.loc[kept.index.repeat(len(cells))].assign(after=after, on=on, split=split, accuracy=0.987)
    rows.astype(table.dtypes.to_dict()).to_parquet(run / "tables" / "evaluations" / "part-00000.parquet")
    shown = opened(write([run], run.parent / "report.html"), width)
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    (matrix,) = boxes(shown, "table.matrix")
    (around,) = boxes(shown, ".wide:has(table.matrix)")
    assert around["left"] <= matrix["left"] <= matrix["right"] <= around["right"] + 1
    last = boxes(shown, "table.matrix tbody tr:last-child td")
    assert len(last) == tasks + 1
    assert all(box["width"] >= 5 and box["right"] <= around["right"] + 1 for box in last)
    written = shown.locator("table.matrix tbody tr:last-child td").all_inner_texts()[:-1]
    assert set(written) == ({"98.7"} if tasks == 5 else {"99"} if tasks == 13 else {""})
    letters = shown.eval_on_selector_all(
        "table.matrix td", "all => all.some(one => one.innerText && one.scrollWidth > one.clientWidth + 1)"
    )
    assert not letters
    chip = next(box for box in boxes(shown, "figure.drawing > .wide > svg"))
    assert chip["right"] <= width
    scrolled = "all => all.filter(one => one.scrollWidth > one.clientWidth + 4).map(one => one.className)"
    assert all("scrolls" in name for name in shown.eval_on_selector_all(".wide", scrolled))


def test_texts_of_a_foreign_run_are_no_code(opened: Opened, foreign_run: Path, tmp_path_factory: Any) -> None:
    out = tmp_path_factory.mktemp("foreign") / "report.html"
    shown = opened(write([foreign_run, shutil.copytree(foreign_run, out.parent / foreign_run.name)], out))
    dialogs: list[str] = []
    shown.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    shown.locator("details.run > summary").first.click()
    wait_for_three_plots(shown)
    assert shown.locator("img[src=x]").count() == 0
    legends = shown.locator(".plot .legendtext").all_text_contents()
    assert any(foreign_run.name in text for text in legends)
    assert dialogs == []


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_runs_are_folded_and_drawn_when_opened(opened: Opened, comparison: Path, width: int) -> None:
    shown = opened(comparison, width)
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    assert boxes(shown, "details.run[open]") == []
    drawn = "details.run .plot .main-svg:first-child"
    assert boxes(shown, drawn) == []
    shown.locator("details.run > summary").nth(1).click()
    wait_for_three_plots(shown)
    assert all(box["width"] > 0.7 * min(width, 700) for box in boxes(shown, drawn))
    assert shown.evaluate("document.documentElement.scrollWidth") == width


def test_all_runs_are_open_in_print(opened: Opened, comparison: Path) -> None:
    shown = opened(comparison)
    shown.pdf()
    assert len(boxes(shown, "details.run[open]")) == 3
    assert len(boxes(shown, "details.run .plot .main-svg:first-child")) == 9
