"""hamr: a failover orchestrator for Datadog org pairs.

From Python: `orchestrator.open_pair("payments")`, described in docs/reference/python-api.md. The rooms, and which imports
which, stand in docs/explanation/design.md.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # typing has the same, and loading that would cost more than all the rest of this file
if TYPE_CHECKING:
    from .api import *  # noqa: F403 - exactly the names in its __all__


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """The names of the Python API, loaded when they are first used: `import orchestrator` alone stays cheap."""
        if not name.startswith("_"):
            from importlib import import_module  # noqa: PLC0415 - nobody needs it who only runs a command

            api = import_module("orchestrator.api")
            if name in api.__all__:
                found = globals()[name] = getattr(api, name)
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def discover(discover_system: bool = True) -> object:
    """What `chaos discover` calls in the package of a distribution: what the extension for the Chaos Toolkit offers.

    Args:
        discover_system: as the toolkit wants it.
    """
    from importlib import import_module  # noqa: PLC0415 - as above

    return import_module("orchestrator.integrations.chaos").discover(discover_system)
