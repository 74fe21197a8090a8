"""What this machine does not know of a pair: no journal, or somebody at work whom the journal does not know (law 20)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.model.plain import JSON
from orchestrator.model.situation import Stranger
from orchestrator.model.status import Role
from orchestrator.model.words import no_journal, span

from .facts import seconds
from .layout import labelled, shortened
from .styled import Page


def unjournalled_lines(place: str) -> Page:
    """That there is no journal here; nothing where there is one, and `place` is ""."""
    return labelled("journal says", f"nothing: {no_journal(place)}", "warn") if place else ()


def strangers_lines(found: Sequence[Stranger], org: Callable[[Role], str]) -> Page:
    """Whose stamps the orgs carry, and what that means; nothing where there is nobody."""
    return tuple(
        spans for stranger in found for spans in labelled("at work", stranger_words(stranger, org), "bad")
    )


def stranger_words(stranger: Stranger, org: Callable[[Role], str]) -> str:
    """One of them, as a sentence."""
    ago = "of a time that is not told" if stranger.seconds is None else f"of {span(stranger.seconds)} ago"
    return (
        f"{org(stranger.role)} carries the stamp of run {stranger.run} by {shortened(stranger.who, 120)} {ago}, which "
        "this journal does not know: somebody is moving this pair; ask them"
    )


def strangers_fact(found: Sequence[Stranger]) -> list[JSON]:
    """The same for programs."""
    return [
        {
            "org": stranger.role.value,
            "run": stranger.run,
            "by": stranger.who,
            "seconds_ago": None if stranger.seconds is None else seconds(stranger.seconds),
        }
        for stranger in found
    ]
