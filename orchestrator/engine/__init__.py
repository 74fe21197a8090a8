"""The engine: one table of transitions, one machine that fires them, one protocol for every write.

Knows no HTTP, SQL or YAML: a `World` to read and write, a `Clock`, and an `Observer` that is told what happens.
"""
