"""Probes: readings of anything but the HAMR records, which the guards of a playbook go by.

`datadog` asks an org for a metric or a monitor (`metric` and `monitor` know their answers), `page` gets a web page
(`pointer` finds a value in it), `command` runs a program, `taking` bounds and dates them all.
"""

from .taking import Probes

__all__ = ["Probes"]
