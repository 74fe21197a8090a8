"""Incidents drawn from a seed: the real engine, client and journal against the simulator, on a virtual clock.

loop       virtual time, processes that can be killed or frozen at any step, clocks over it
tape       what everybody saw, in one order
wire       the client's transport: calls the regions, and dies with its process
ledger     the journal of one machine, as one process sees it: it dies, and fills up, with it
team       a team's journal: its server's troubles, and what emergencies keep without it
draw       what an incident is made of, from a seed; twists: what may befall any on top of that
around     what stands around its pair in every third: probes, guards over them, hooks, people
beside     how that goes: gauges, programs, people who answer
playbooks  the shipped ones, with less patience
scene      one machine, one pair, two regions; lives of the program on them
operators  what people do: start, resume, run again, adopt, unlock
incident   plays one incident from its beginning to its end
invariants what must hold, whatever happened; floor_invariants: of what is old; firing, hook_invariants, around_invariants: of what
           stands around;
           team_invariants: of a team's journal
"""
