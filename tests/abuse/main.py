"""Attacks the service as the chart starts it, from the good client's address and from another, and says what was held.

    main.py                 every attack, from both addresses
    main.py a "k sessions"  those whose names begin so
    main.py --ci            what a change must pass: less of them, and shorter

`WAGROUPS_BIN` is the program. Needs Linux, for /proc and for 127.0.0.2, and a quiet machine: where the good client had
to wait before the attack, what it waited for meanwhile says little.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import List

import closed_windows
import empty_strings
import foreign_content
import greedy_key
import oversized_lists
import picture_bomb
import rapid_resets
import silent_connections
import unfinished_bodies
import unfinished_heads
import unread_answers
import unread_pongs
import unsigned_webhooks
from measure import MIB
from service import Service
from trial import MEMORY_ABOVE_IDLE, ONE_DECODE, Attack, Row, try_attack

# The good client's, and one that is only the attacker's.
SOURCES = ("127.0.0.1", "127.0.0.2")

ATTACKS = [
    Attack("a unfinished heads", unfinished_heads.attack, 15, 5),
    Attack("b unfinished bodies", unfinished_bodies.attack, 20),
    Attack("c silent connections", silent_connections.attack, 15, 3),
    Attack("d few descriptors", silent_connections.few_descriptors, 20, under=("prlimit", "--nofile=1024:1024")),
    Attack("d raisable descriptors", silent_connections.raisable_descriptors, 20, under=("prlimit", "--nofile=1024:")),
    Attack("e oversized lists", oversized_lists.attack, 10),
    Attack("f picture bombs", picture_bomb.attack, 15, memory_above_idle=MEMORY_ABOVE_IDLE + ONE_DECODE),
    Attack("g unread pongs", unread_pongs.attack, 20),
    Attack("h closed windows", closed_windows.attack, 15, 5),
    Attack("h stalled watches", closed_windows.stalled_watches, 15, more="newcomer"),
    Attack("h unread answers", unread_answers.attack, 15),
    Attack("i empty strings", empty_strings.attack, 10, 5),
    Attack("j unsigned webhooks", unsigned_webhooks.attack, 20),
    Attack("k webhooks", greedy_key.webhooks, 15, more="newcomer"),
    Attack("k event streams", greedy_key.event_streams, 15, more="newcomer"),
    Attack("k watches", greedy_key.watches, 30, more="newcomer"),
    Attack("k sessions", greedy_key.sessions, 60, more="newcomer"),
    Attack(
        "k slow pictures",
        greedy_key.slow_pictures,
        20,
        # The slow addresses are on this machine, as all is here.
        settings={"PICTURE__ALLOW_PRIVATE_ADDRESSES": "true"},
        more="newcomer",
    ),
    Attack("l cancelled calls", rapid_resets.cancelled_calls, 5, 5),
    Attack("l flood of resets", rapid_resets.flood, 10, 5),
    Attack("m foreign content", foreign_content.attack, 10, may_log_errors=False),
]


def wanted(names: List[str], is_short: bool) -> List[Attack]:
    found = [attack for attack in ATTACKS if attack.short_seconds or not is_short]
    if names:
        found = [attack for attack in found if any(attack.name.startswith(name) for name in names)]
    if not found:
        raise SystemExit(f"no attack begins with {' or '.join(names)}; there are: {', '.join(a.name for a in ATTACKS)}")
    return found


def table(rows: List[Row]) -> str:
    """As docs/OPERATIONS.md can take it."""
    lines = [
        "| attack | from | memory idle, peak, after | descriptors | good calls, failed "
        "| p99 before, since | back after | held |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        memory = f"{row.idle // MIB:,}, +{max(0, row.peak - row.idle) // MIB:,}, {row.left // MIB:+,} MiB"
        held = "NO" if row.faults else "yes"
        lines.append(
            f"| {row.attack} | {row.source} | {memory} | {row.descriptors} | {row.calls:,}, {row.refused:,} "
            f"| {row.alone * 1000:,.0f}, {row.p99 * 1000:,.0f} ms ({row.slowest}) "
            f"| {row.back_after:.0f} s | {held} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help="a beginning of its name")
    parser.add_argument("--ci", action="store_true", help="less of them, and shorter")
    parser.add_argument("--source", action="append", choices=SOURCES, help="only from this address")
    parser.add_argument("--logs", type=Path, default=Path("target/abuse/logs"), help="where the logs go")
    arguments = parser.parse_args()
    attacks = wanted(arguments.attacks, arguments.ci)

    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="wagroups-abuse-"))
    rows: List[Row] = []
    try:
        seed = folder / "seed"
        service = Service(seed)
        groups = service.seed()
        service.program.stop()
        for attack in attacks:
            sources = arguments.source or list(SOURCES)
            # A life of its own for each, unless there is no time.
            for together in [sources] if arguments.ci else [[source] for source in sources]:
                for row in try_attack(attack, together, arguments.ci, folder, seed, groups):
                    rows.append(row)
                    print(f"abuse: {row.attack} from {row.source}: {row.did}", flush=True)
                    for fault in row.faults:
                        print(f"  NOT HELD: {fault}", flush=True)
    finally:
        logs = arguments.logs
        shutil.rmtree(logs, ignore_errors=True)
        for log in folder.glob("*/log"):
            (logs / log.parent.name).mkdir(parents=True)
            shutil.copy(log, logs / log.parent.name)
        shutil.rmtree(folder)
    print()
    print(table(rows))
    failed = sum(bool(row.faults) for row in rows)
    print(f"\nabuse: {len(rows) - failed} of {len(rows)} held, in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
