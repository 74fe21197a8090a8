"""Speeds and sizes, as ratios measured in one run: `make bench`. Nothing here is asserted by the tests."""
