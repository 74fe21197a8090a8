"""`python -m orchestrator` is `hamr`."""

from .cli import main

if __name__ == "__main__":
    main()
