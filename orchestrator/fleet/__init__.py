"""Many pairs: which are meant, in which waves they are moved, one of them brought to its goal, and what became of all.

`readiness` folds how ready they were over time, and `metrics` gives it to Prometheus.
"""

from __future__ import annotations
