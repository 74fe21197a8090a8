"""One request to one org, what an endpoint makes of it, and who is let in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from orchestrator.model.plain import JSON
from orchestrator.model.reading import HamrRecord
from orchestrator.model.status import Role

from .effects import Incoming, Moment
from .state import PairState
from .wire import ERROR_TYPE, WireError, error_objects, error_strings


class Call(Struct, frozen=True):
    """One request to one org of one pair, at a moment."""

    state: PairState
    role: Role
    incoming: Incoming
    now: Moment
    shown: HamrRecord | None
    """The record that a GET shows: the present one, or a stale one."""

    @property
    def region_time(self) -> float:
        """The time by the region's own clock, in seconds since 1970."""
        return self.now.wall.timestamp() + self.state.config.skew[self.role]


class Handled(Struct, frozen=True):
    """An endpoint's answer: status, body, and whether the org's record was changed."""

    status: int
    body: JSON
    """A text goes out as it stands, anything else as JSON."""
    applied: bool = False
    content_type: str = ERROR_TYPE


class Endpoint(Struct, frozen=True):
    """Who is let in, and what each method does."""

    admit: Callable[[Call], Handled | None]
    """None where the caller may go on, else the refusal."""
    methods: Mapping[str, Callable[[Call], Handled]]
    limited: bool = True
    """Whether the pair's rate limit counts it."""


def nobody_asks(_call: Call) -> Handled | None:
    """Everybody is let in."""
    return None


def both_keys(call: Call) -> Handled | None:
    """Both keys of this org; refused as HAMR's own endpoint does."""
    denied = strings_both_keys(call)
    if denied is not None and denied.status == 403:  # noqa: PLR2004 - Forbidden
        # A key of another site looks just like one that nobody knows.
        return Handled(403, error_objects(WireError(403, "the keys are not known here")))
    return denied


def strings_both_keys(call: Call) -> Handled | None:
    """Both keys of this org; refused as the first version of the API does."""
    api_key = call.incoming.headers.get("dd-api-key", "")
    app_key = call.incoming.headers.get("dd-application-key", "")
    if not api_key or not app_key:
        return Handled(401, error_strings("Unauthorized"))
    org = call.state.org(call.role)
    known = (api_key, app_key) == (org.api_key, org.app_key)
    return None if known else Handled(403, error_strings("Forbidden"))


def api_key(call: Call) -> Handled | None:
    """This org's API key alone."""
    key = call.incoming.headers.get("dd-api-key", "")
    if not key:
        return Handled(401, error_strings("Unauthorized"))
    return None if key == call.state.org(call.role).api_key else Handled(403, error_strings("Forbidden"))


def api_key_or_403(call: Call) -> Handled | None:
    """This org's API key alone; a missing one is refused like a wrong one."""
    return Handled(403, error_strings("Forbidden")) if api_key(call) else None
