"""One attack beside the good client, and what was held meanwhile and afterwards."""

from __future__ import annotations

import math
import multiprocessing
import os
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

import good_client
from good_client import Sample
from measure import MIB, Process, Watch, back_within
from outcome import Outcome
from service import Service, Target

# What must be held (docs/OPERATIONS.md).
MEMORY_ABOVE_IDLE = 512 * MIB
# Where pictures are decoded: one at a time, of 256 MiB.
ONE_DECODE = 256 * MIB
# A debug build computes some ten times as long, so that there only standing still is a fault.
IS_DEBUG = Path(os.environ["WAGROUPS_BIN"]).parent.name == "debug"
P99_SECONDS = 4.0 if IS_DEBUG else 1.0
BACK_WITHIN_SECONDS = 30.0
MEMORY_LEFT = (192 if IS_DEBUG else 64) * MIB
# The good client's own connections come and go.
DESCRIPTORS_LEFT = 48
# Of a core, beside half as much again as before: what the good client costs differs from second to second.
PROCESSOR_LEFT = 0.15

# For the good client alone, before anything is measured: what grows with the first use has grown then.
WARM_UP_SECONDS = 3.0
IDLE_SECONDS = 2.0
# The longest that an attack may take beyond its time.
GRACE_SECONDS = 90.0

processes = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Attack:
    # The letter of its kind, and what tells it from others of the kind.
    name: str
    act: Callable[[Target, str, float], Outcome]
    seconds: float
    # Where there is less time.
    short_seconds: float = 0.0
    memory_above_idle: int = MEMORY_ABOVE_IDLE
    # What the service is started with besides the chart's settings, and by what.
    settings: Mapping[str, str] = field(default_factory=dict)
    under: Tuple[str, ...] = ()
    # What the good client does besides.
    more: str = ""
    may_log_errors: bool = True


@dataclass
class Row:
    """What came of it, as the table has it."""

    attack: str
    source: str
    did: str = ""
    idle: int = 0
    peak: int = 0
    left: int = 0
    descriptors: str = ""
    # The good client's: before the attack, and since.
    alone: float = 0.0
    p99: float = 0.0
    slowest: str = ""
    calls: int = 0
    refused: int = 0
    back_after: float = 0.0
    faults: List[str] = field(default_factory=list)


@dataclass(frozen=True)
class Idle:
    """How the service is with its good client alone."""

    memory: int
    descriptors: int
    # Of a core.
    processor: float


def run_attack(attack: Attack, target: Target, source: str, seconds: float, said: Connection) -> None:
    """The attacker's process. It steps back from the processor for the service and the good client, so that what they
    wait for is not the attacker's own work: this machine is all of the network there is."""
    os.nice(10)
    try:
        said.send(attack.act(target, source, seconds))
    except Exception:
        said.send(Outcome("", [f"the attack itself failed: {traceback.format_exc()}"]))


def receive(said: Connection) -> Any:
    """What the good client says, which it does soon."""
    if not said.poll(GRACE_SECONDS):
        raise EOFError
    return said.recv()


def p99(samples: List[Sample]) -> float:
    times = sorted(sample.seconds for sample in samples)
    return times[math.ceil(0.99 * len(times)) - 1] if times else 0.0


class Life:
    """One life of the service with its good client, in which an attack comes from one address after the other. What was
    idle before the first of them is idle for all."""

    def __init__(self, attack: Attack, is_short: bool, service: Service, target: Target) -> None:
        self._attack, self._service, self._target = attack, service, target
        self._seconds = attack.short_seconds if is_short else attack.seconds
        self._process = Process(target.pid)

    def run(self, sources: Sequence[str]) -> List[Row]:
        """A row for each address; fewer where the service did not survive."""
        ours, theirs = processes.Pipe()
        arguments = (self._target, self._attack.more, theirs)
        client = processes.Process(target=good_client.run, args=arguments, daemon=True)
        client.start()
        theirs.close()
        rows: List[Row] = []
        began: List[float] = []
        samples: List[Sample] = []
        logged: List[str] = []
        try:
            receive(ours)
            time.sleep(WARM_UP_SECONDS)
            warm = time.monotonic()
            busy = self._process.processor_share(IDLE_SECONDS)
            idle = Idle(self._process.memory(), self._process.descriptors(), busy)
            for source in sources:
                began.append(time.monotonic())
                at = self._service.log.stat().st_size
                rows.append(self._attack_and_recover(source, idle))
                logged.append(self._service.log.read_bytes()[at:].decode(errors="replace"))
                if not self._service.program.is_running():
                    break
            ours.send("end")
            samples = receive(ours)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            rows = rows or [Row(self._attack.name, source) for source in sources]
            for row in rows:
                row.faults.append("the good client has died")
            return rows
        finally:
            client.kill()
            client.join()
        for row, since, until, log in zip(rows, began, [*began[1:], math.inf], logged):
            row.alone = p99([sample for sample in samples if warm <= sample.due < began[0]])
            judge_samples(row, [sample for sample in samples if since <= sample.due < until])
            self._judge_log(row, log)
        return rows

    def _attack_and_recover(self, source: str, idle: Idle) -> Row:
        row = Row(self._attack.name, source, idle=idle.memory)
        with Watch(self._process) as watch:
            outcome = self._do(source)
            row.did = outcome.did
            row.faults += outcome.faults
            try:
                row.back_after, amiss = back_within(BACK_WITHIN_SECONDS, lambda: self._what_is_amiss(row, idle))
                row.faults += [f"{BACK_WITHIN_SECONDS:.0f} s later: {what}" for what in amiss]
            except OSError:
                # There is nothing to read of a process that is no more.
                pass
        if not self._service.program.is_running():
            row.faults.append("the process has ended")
        row.peak = watch.peak_memory
        row.descriptors = f"{idle.descriptors} → {watch.most_descriptors}"
        above = row.peak - row.idle
        if above > self._attack.memory_above_idle:
            row.faults.append(f"{above // MIB:,} MiB above idle")
        return row

    def _what_is_amiss(self, row: Row, idle: Idle) -> Tuple[str, ...]:
        """What the service still takes more of than before."""
        share = self._process.processor_share(1.0)
        row.left = self._process.memory() - idle.memory
        descriptors = self._process.descriptors() - idle.descriptors
        checks = [
            (row.left <= MEMORY_LEFT, f"{row.left // MIB} MiB more than before"),
            (descriptors <= DESCRIPTORS_LEFT, f"{descriptors} descriptors more than before"),
            (share <= 1.5 * idle.processor + PROCESSOR_LEFT, f"{share:.0%} of a core, {idle.processor:.0%} before"),
        ]
        return tuple(what for is_right, what in checks if not is_right)

    def _do(self, source: str) -> Outcome:
        ours, theirs = processes.Pipe()
        arguments = (self._attack, self._target, source, self._seconds, theirs)
        attacker = processes.Process(target=run_attack, args=arguments, daemon=True)
        attacker.start()
        theirs.close()
        try:
            if not ours.poll(self._seconds + GRACE_SECONDS):
                return Outcome("", ["the attack did not end"])
            return ours.recv()
        except EOFError:
            return Outcome("", ["the attacker died"])
        finally:
            attacker.kill()
            attacker.join()

    def _judge_log(self, row: Row, log: str) -> None:
        errors = []
        for line in log.splitlines():
            if "panicked" in line:
                row.faults.append(f"a panic: {line[:300]}")
            elif '"level":"ERROR"' in line:
                errors.append(line)
        if errors and not self._attack.may_log_errors:
            row.faults.append(f"{len(errors)} lines of level ERROR; the first: {errors[0][:300]}")


def judge_samples(row: Row, samples: List[Sample]) -> None:
    failed = [sample for sample in samples if sample.fault]
    row.calls, row.refused = len(samples), len(failed)
    if not samples:
        row.faults.append("the good client made no call")
    by_client: Dict[str, List[Sample]] = {}
    for sample in samples:
        by_client.setdefault(sample.who, []).append(sample)
    times = {who: p99(its) for who, its in by_client.items()}
    if times:
        row.slowest = max(times, key=times.__getitem__)
        row.p99 = times[row.slowest]
    late = [f"{who} {seconds:.1f} s" for who, seconds in times.items() if seconds > P99_SECONDS]
    if late:
        row.faults.append(f"p99 of {', '.join(late)}; before the attack {row.alone:.1f} s")
    whose = Counter(sample.who for sample in failed)
    if failed:
        counted = ", ".join(f"{count} × {who}" for who, count in whose.most_common())
        row.faults.append(f"good calls failed: {counted}; the first: {failed[0].who}: {failed[0].fault[:200]}")


def try_attack(
    attack: Attack, sources: Sequence[str], is_short: bool, folder: Path, seed: Path, groups: Mapping[str, str]
) -> List[Row]:
    """The attack from each of the addresses, in one life of the service; and in another where it did not survive."""
    rows: List[Row] = []
    while len(rows) < len(sources):
        left = sources[len(rows) :]
        service = Service(
            folder / f"{attack.name}, from {left[0]}".replace(" ", "-"), seed, attack.settings, attack.under
        )
        try:
            rows += Life(attack, is_short, service, service.target(groups, folder)).run(left)
        finally:
            if service.program.is_running():
                service.program.kill()
    return rows
