"""A page as a parser sees it: its elements, their attributes, and its text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from msgspec import Struct

VOID = {"meta", "br", "link", "img", "input"}


class Element(Struct):
    tag: str
    attributes: dict[str, str]
    inside: tuple[str, ...]
    text: str = ""
    """Of this element and all within it."""


@dataclass
class Parsed(HTMLParser):
    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside = tuple(element.tag for element in self.open)
        element = Element(tag, {name: value or "" for name, value in attrs}, inside)
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside = tuple(element.tag for element in self.open)
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, inside))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> ends nothing"
        assert self.open[-1].tag == tag, f"</{tag}> ends a <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]

    def one(self, tag: str) -> Element:
        (element,) = self.all(tag)
        return element


def parsed(text: str) -> Parsed:
    """The page; every element that was begun has to be ended, in order."""
    page = Parsed()
    page.feed(text)
    page.close()
    assert [element.tag for element in page.open] == []
    return page
