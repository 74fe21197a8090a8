"""The page of `hamr report` in a real browser: it runs nothing, asks for nothing, fits a phone, and can be read by everybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.report.html import page
from tests.report.hostile import PARTS
from tests.report.test_html import REPORTS

from .browser import Browser, browser

NAMES = (
    "hostile run",
    "hostile drill",
    "hostile drill, begun",
    "whole",
    "owing",
    "refused",
    "resumed",
    "drill",
)

BY_DAY = {"hostile drill", "owing", "drill"}
"""Every part that a page may have stands on one of these; the others are opened by night."""


def pages(*names: str) -> pytest.MarkDecorator:
    """The reports of these names, one after the other."""
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=() if name in BY_DAY else pytest.mark.nightly) for name in names]
    )


CONTRAST = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = colour => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => { for (let at = node; at; at = at.parentElement) {
    const colour = rgb(getComputedStyle(at).backgroundColor); if (colour[3] === 255) return colour; } return [255, 255, 255, 255]; };
  const poor = []; let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode, node = text.parentElement;
    if (!text.data.trim() || !node.getClientRects().length || node.closest('title, desc')) continue;
    const style = getComputedStyle(node), colour = rgb(node.closest('svg') ? style.fill : style.color), under = behind(node);
    const [a, b] = [light(colour), light(under)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    seen += 1;
    if (ratio < 4.5) poor.push([text.data.trim().slice(0, 40), ratio.toFixed(2), style.color]);
  }
  return {seen, poor};
})()
"""
"""Every text that can be seen, with less contrast to what is behind it than WCAG AA wants."""


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pages")
    for name in NAMES:
        (made / f"{name}.html").write_text(page(REPORTS[name]()), "utf-8")
    return made


def test_this_browser_would_notice(chrome: Browser, tmp_path: Path) -> None:
    """What the next tests look for is seen where it happens: without that they could not fail."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        f"<!doctype html><title>ok</title><body><svg><text>x</text></svg>{''.join(PARTS)}<p style='color:#777;background:#888'>pale"
    )
    chrome.open(bad)
    assert chrome.evaluate("document.title") == "RAN"
    assert any(address.endswith("/x") for address in chrome.requested())
    assert chrome.said()
    chrome.look(width=900)
    bad.write_text("<!doctype html><p style='color:#777;background:#888'>pale")
    chrome.open(bad)
    assert [text for text, _, _ in chrome.evaluate(CONTRAST)["poor"]] == ["pale"]


@pages(*(name for name in NAMES if "hostile" in name))
def test_hostile_text_runs_nothing_loads_nothing_and_is_shown_as_text(
    chrome: Browser, folder: Path, name: str
) -> None:
    place = folder / f"{name}.html"
    chrome.look(width=1000)
    chrome.open(place)
    chrome.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    chrome.evaluate(
        "document.querySelectorAll('*').forEach(each => { each.focus?.(); "
        "each.dispatchEvent(new MouseEvent('mouseover', {bubbles: true})); })"
    )
    assert chrome.evaluate("document.title").endswith(("Done, but owing", "Missed", "Not scored"))
    assert chrome.requested() == [place.as_uri()]
    assert chrome.said() == []
    tags = chrome.evaluate("[...new Set([...document.querySelectorAll('*')].map(each => each.localName))]")
    assert not {"script", "img", "iframe", "object", "embed", "link", "base", "form"} & set(tags)
    assert chrome.evaluate("document.querySelectorAll('style').length") == 1
    attributes = chrome.evaluate(
        "[...document.querySelectorAll('*')].flatMap(each => [...each.attributes].map(one => one.name))"
    )
    assert not [each for each in attributes if each.startswith("on") or each in {"style", "src", "autofocus"}]
    shown = chrome.evaluate("document.body.innerText")
    for part in PARTS[:7]:
        assert part in shown
    assert "\\u202edetrever\\u202c \\x1b[31mred" in shown
    assert chrome.evaluate("getComputedStyle(document.body).display") == "block"


@pages(*NAMES)
def test_a_phone_shows_it_without_scrolling_sideways(chrome: Browser, folder: Path, name: str) -> None:
    chrome.look(width=360)
    chrome.open(folder / f"{name}.html")
    chrome.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert chrome.evaluate("document.documentElement.scrollWidth") <= 360
    assert chrome.evaluate("getComputedStyle(document.querySelector('svg.narrow')).display") == "block"
    assert chrome.evaluate("getComputedStyle(document.querySelector('svg.wide')).display") == "none"


@pages("whole", "owing", "drill")
@pytest.mark.parametrize(("dark", "media"), [(False, "screen"), (True, "screen"), (True, "print")])
def test_every_text_can_be_told_from_what_is_behind_it(
    chrome: Browser, folder: Path, name: str, dark: bool, media: str
) -> None:
    chrome.look(width=1000, dark=dark, media=media)
    chrome.open(folder / f"{name}.html")
    found = chrome.evaluate(CONTRAST)
    assert found["seen"] > 100
    assert found["poor"] == []


@pages("whole", "owing", "drill")
def test_what_a_screen_reader_meets_has_a_name(chrome: Browser, folder: Path, name: str) -> None:
    chrome.look(width=1000)
    chrome.open(folder / f"{name}.html")
    nodes = chrome.ask("Accessibility.getFullAXTree")["nodes"]
    roles: dict[str, list[str]] = {}
    for node in nodes:
        if not node["ignored"]:
            roles.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    for role in ("image", "region", "heading", "link", "columnheader", "rowheader", "DisclosureTriangle"):
        assert roles[role], role
        assert all(roles[role]), role
    assert len(roles["main"]) == 1
    assert len([role for role in roles if role in {"banner", "contentinfo"}]) == 2
    assert "Timeline: where both orgs stood, and what was done" in roles["image"]


def test_the_keyboard_reaches_what_is_folded(chrome: Browser, folder: Path) -> None:
    chrome.look(width=1000)
    chrome.open(folder / "whole.html")
    reached = set()
    for _ in range(20):
        chrome.ask(
            "Input.dispatchKeyEvent", type="rawKeyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9
        )
        chrome.ask("Input.dispatchKeyEvent", type="keyUp", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.add(chrome.evaluate("document.activeElement.localName"))
    assert {"a", "summary", "div"} <= reached


def test_paper_shows_what_is_folded_on_a_screen(chrome: Browser, folder: Path) -> None:
    seen = "document.querySelector('section[aria-labelledby=writes-1] details pre').checkVisibility()"
    chrome.look(width=718)
    chrome.open(folder / "whole.html")
    assert chrome.evaluate(seen) is False
    chrome.look(width=718, media="print", dark=True)
    assert chrome.evaluate(seen) is True
    assert chrome.evaluate("document.documentElement.scrollWidth") <= 718
    assert chrome.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    chrome.ask("Emulation.setEmulatedMedia", media="", features=[])
    assert len(chrome.ask("Page.printToPDF", printBackground=False)["data"]) > 10_000


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_painted(chrome: Browser, folder: Path, dark: bool) -> None:
    chrome.look(width=800, dark=dark)
    chrome.open(folder / "whole.html")
    assert chrome.picture().startswith(b"\x89PNG")
    background = chrome.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 24, 27)" if dark else "rgb(251, 251, 249)")
