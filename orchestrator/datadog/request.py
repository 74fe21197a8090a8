"""A draft as the request that carries it."""

from __future__ import annotations

from orchestrator.model.org import Pair
from orchestrator.model.reading import Draft, Request

from .wire import encode_draft

PATH = "/api/v2/hamr"
"""The one resource, once per org [doc]."""


def request_of(pair: Pair, draft: Draft) -> Request:
    """The POST that a draft becomes, without its key headers."""
    return Request("POST", pair[draft.role].base_url + PATH, encode_draft(draft))
