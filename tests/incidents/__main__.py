"""Play incidents: `python -m tests.incidents --seeds N [--from SEED] [--about KIND] [--only SEED [--bare]]`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

from msgspec import Struct

from .attacks import Kind
from .draw import Incident, about, bare
from .incident import play
from .invariants import check
from .trace import trace
from .twists import draw


def main() -> int:
    """Exit 0 where every invariant held in every incident."""
    parser = argparse.ArgumentParser(prog="python -m tests.incidents", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many incidents")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--only", type=int, help="play this one alone, and show all of it")
    parser.add_argument("--bare", action="store_true", help="with --only: nothing around the pair")
    parser.add_argument("--most", type=int, default=10, help="stop after so many that fail")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    kinds = [kind.name.lower() for kind in Kind]
    parser.add_argument("--about", choices=kinds, help="attacks of this kind alone, as many of them")
    options = parser.parse_args()
    if options.only is not None:
        return _only(bare(options.only) if options.bare else draw(options.only))
    seeds: Sequence[int] = range(options.first, options.first + options.seeds)
    if options.about is not None:
        seeds = list(islice(about(Kind[options.about.upper()], options.first), options.seeds))
    return _many(seeds, options.most, options.jobs)


def _only(incident: Incident) -> int:
    played = play(incident)
    for line in trace(played):
        print(line)
    broken = check(played)
    for each in broken:
        print(f"BROKEN {each}")
    return 1 if broken else 0


class Told(Struct, frozen=True):
    """What one incident came to."""

    seed: int
    broken: tuple[str, ...]
    ends: tuple[str, ...]
    commands: int


def _tell(seed: int) -> Told:
    played = play(draw(seed))
    ends: list[str] = []
    for _, outcome in played.lives:
        result = getattr(outcome, "result", None)
        ends.append(type(outcome).__name__ if result is None else result.ending.end.value)
    return Told(seed, tuple(str(each) for each in check(played)), tuple(ends), len(played.commands))


def _many(seeds: Sequence[int], most: int, jobs: int) -> int:
    began = time.monotonic()
    failed: list[int] = []
    endings: Counter[str] = Counter()
    commands: Counter[int] = Counter()
    number = 0
    with ProcessPoolExecutor(jobs) as pool:
        for told in pool.map(_tell, seeds, chunksize=10):
            number += 1
            endings.update(told.ends)
            commands[told.commands] += 1
            if told.broken:
                failed.append(told.seed)
                print(f"seed {told.seed}: {'; '.join(told.broken)}"[:600])
                if len(failed) >= most:
                    pool.shutdown(cancel_futures=True)
                    break
    taken = time.monotonic() - began
    print(f"{number} incidents in {taken:.1f} s ({number / taken * 60:.0f} a minute), {len(failed)} failed")
    print("lives ended as " + ", ".join(f"{name} {many}" for name, many in endings.most_common()))
    print(
        "commands to close: "
        + ", ".join(f"{many} with {number}" for number, many in sorted(commands.items()))
    )
    if failed:
        print(f"replay one: python -m tests.incidents --only {failed[0]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
