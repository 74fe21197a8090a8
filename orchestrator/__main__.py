"""`python -m orchestrator` is `hamr`."""

from orchestrator.cli import main

if __name__ == "__main__":
    main()
