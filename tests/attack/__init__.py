"""Attacks from outside: the real command line, real processes and sockets, and servers of another make than the simulator.

region.py serves a pair and keeps the truth, hamr.py plays the operators, laws.py holds one against the other; the tests
know nothing else of the program. No file here imports the package, the simulator or another test's helpers.
Of each kind a few run at every change, and the rest at night: each way that one of them once broke the program is a
kind of attack in tests/incidents, too, where it is drawn by the thousand and waits for nothing.
"""
