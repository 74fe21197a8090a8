"""Running programs: hooks, probes and commands that print keys; never through a shell, and never without an end.

`process` runs one and ends all that it started, `capture` keeps what it prints within bounds, `environment` says
what it is told of ours: no keys. `local` runs hooks.
"""

from .environment import environment_without_keys, find_program, key_variables
from .local import LocalPrograms

__all__ = ["LocalPrograms", "environment_without_keys", "find_program", "key_variables"]
