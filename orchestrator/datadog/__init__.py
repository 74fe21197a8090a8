"""The HAMR API client: a pair's orgs, read (`HttpReader`) and written (`HttpWorld`) over HTTP.

`wire` turns bodies into records and back, `answers` turns answers into readings, `connections` and `transport` alone
know httpx, and `probes` reads anything else.
"""

from .client import HttpReader, HttpWorld

__all__ = ["HttpReader", "HttpWorld"]
