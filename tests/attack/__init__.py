"""Attacks from outside: the real command line, real processes and sockets, and servers of another make than the simulator.

region.py serves a pair and keeps the truth, hamr.py plays the operators, laws.py holds one against the other; the tests
know nothing else of the program. No file here imports the package, the simulator or another test's helpers.
"""
