"""The HAMR API client: a pair's orgs, read (`HttpReader`) and written (`HttpWorld`) over HTTP.

`wire` turns bodies into records and back, `answers` turns answers into readings, `connections` and `transport` alone
know httpx, and `probes` reads anything else.
"""

from .answers import retry_after
from .client import HttpReader, HttpWorld
from .wire import decode_record, encode_draft

__all__ = ["HttpReader", "HttpWorld", "decode_record", "encode_draft", "retry_after"]
