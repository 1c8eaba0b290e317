"""One attack from one address beside the good client, and what was held meanwhile and afterwards."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Tuple

import good_client
from good_client import Sample
from measure import MIB, Process, Watch, back_within
from outcome import Outcome
from service import Service, Target

# What must be held (docs/OPERATIONS.md).
MEMORY_ABOVE_IDLE = 512 * MIB
# Where pictures are decoded: one at a time, of 256 MiB.
ONE_DECODE = 256 * MIB
P99_SECONDS = 1.0
BACK_WITHIN_SECONDS = 30.0
MEMORY_LEFT = 64 * MIB
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
    p99: float = 0.0
    slowest: str = ""
    calls: int = 0
    refused: int = 0
    back_after: float = 0.0
    faults: List[str] = field(default_factory=list)


def run_attack(attack: Attack, target: Target, source: str, seconds: float, said: Connection) -> None:
    """The attacker's process. It steps back from the processor for the service and the good client, so that what they
    wait for is not the attacker's own work: this machine is all of the network there is."""
    os.nice(10)
    try:
        said.send(attack.act(target, source, seconds))
    except Exception:
        said.send(Outcome("", [f"the attack itself failed: {traceback.format_exc()}"]))


def p99(samples: List[Sample]) -> float:
    times = sorted(sample.seconds for sample in samples)
    return times[math.ceil(0.99 * len(times)) - 1] if times else 0.0


class Trial:
    def __init__(self, attack: Attack, source: str, is_short: bool, folder: Path, seed: Path) -> None:
        self._attack, self._source = attack, source
        self._seconds = attack.short_seconds if is_short else attack.seconds
        self._folder, self._seed = folder, seed
        self._row = Row(attack.name, source)
        self._faults = self._row.faults

    def run(self, groups: Dict[str, str], shared: Path) -> Row:
        name = self._attack.name.replace(" ", "-").replace(",", "")
        folder = self._folder / f"{name}-from-{self._source}"
        service = Service(folder, self._seed, self._attack.settings, self._attack.under)
        try:
            self._run(service, service.target(groups, shared))
        finally:
            if service.program.is_running():
                service.program.kill()
        return self._row

    def _run(self, service: Service, target: Target) -> None:
        ours, theirs = processes.Pipe()
        client = processes.Process(target=good_client.run, args=(target, self._attack.more, theirs), daemon=True)
        client.start()
        theirs.close()
        try:
            ours.recv()
            time.sleep(WARM_UP_SECONDS)
            began = time.monotonic()
            self._attack_and_recover(service, target)
            ours.send("end")
            samples = [sample for sample in ours.recv() if sample.due >= began]
        except EOFError:
            self._faults.append("the good client could not even begin")
            return
        finally:
            client.kill()
            client.join()
        self._judge_samples(samples)
        self._judge_log(service)

    def _attack_and_recover(self, service: Service, target: Target) -> None:
        row, process = self._row, Process(target.pid)
        busy = process.processor_share(IDLE_SECONDS)
        row.idle, descriptors = process.memory(), process.descriptors()
        with Watch(process) as watch:
            outcome = self._do(target)
            row.did = outcome.did
            self._faults += outcome.faults
            if not service.program.is_running():
                self._faults.append("the process has ended")
                return

            def is_back() -> Tuple[str, ...]:
                share = process.processor_share(1.0)
                left, open_still = process.memory() - row.idle, process.descriptors() - descriptors
                row.left = left
                checks = [
                    (left <= MEMORY_LEFT, f"{left // MIB} MiB more than before"),
                    (open_still <= DESCRIPTORS_LEFT, f"{open_still} descriptors more than before"),
                    (share <= 1.5 * busy + PROCESSOR_LEFT, f"{share:.0%} of a core, {busy:.0%} before"),
                ]
                return tuple(what for is_right, what in checks if not is_right)

            row.back_after, amiss = back_within(BACK_WITHIN_SECONDS, is_back)
            self._faults += [f"{BACK_WITHIN_SECONDS:.0f} s later: {what}" for what in amiss]
        row.peak = watch.peak_memory
        row.descriptors = f"{descriptors} → {watch.most_descriptors}"
        above = row.peak - row.idle
        if above > self._attack.memory_above_idle:
            self._faults.append(f"{above // MIB:,} MiB above idle")

    def _do(self, target: Target) -> Outcome:
        ours, theirs = processes.Pipe()
        arguments = (self._attack, target, self._source, self._seconds, theirs)
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

    def _judge_samples(self, samples: List[Sample]) -> None:
        row = self._row
        failed = [sample for sample in samples if sample.fault]
        row.calls, row.refused = len(samples), len(failed)
        by_client: Dict[str, List[Sample]] = {}
        for sample in samples:
            by_client.setdefault(sample.who, []).append(sample)
        times = {who: p99(its) for who, its in by_client.items()}
        if times:
            row.slowest = max(times, key=times.__getitem__)
            row.p99 = times[row.slowest]
        late = [f"{who} {seconds:.1f} s" for who, seconds in times.items() if seconds > P99_SECONDS]
        if late:
            self._faults.append(f"p99 of {', '.join(late)}")
        whose = Counter(sample.who for sample in failed)
        if failed:
            counted = ", ".join(f"{count} × {who}" for who, count in whose.most_common())
            self._faults.append(f"good calls failed: {counted}; the first: {failed[0].who}: {failed[0].fault[:200]}")

    def _judge_log(self, service: Service) -> None:
        errors = []
        for line in service.log.read_text(errors="replace").splitlines():
            if "panicked" in line:
                self._faults.append(f"a panic: {line[:300]}")
            elif line.startswith("{") and json.loads(line).get("level") == "ERROR":
                errors.append(line)
        if errors and not self._attack.may_log_errors:
            self._faults.append(f"{len(errors)} lines of level ERROR; the first: {errors[0][:300]}")
