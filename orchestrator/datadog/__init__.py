"""The HAMR API client: a pair's orgs, read (`HttpReader`) and written (`HttpWorld`) over HTTP.

`wire` turns bodies into records and back, `answers` turns answers into readings, `pool` and `transport` alone know httpx.
"""

from .client import HttpReader, HttpWorld
from .curl import curl
from .rate_limit import retry_after
from .wire import decode_record, encode_draft

__all__ = ["HttpReader", "HttpWorld", "curl", "decode_record", "encode_draft", "retry_after"]
