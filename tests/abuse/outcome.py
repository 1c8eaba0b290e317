"""What an attack tells of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List


@dataclass
class Outcome:
    # How much it got done, for the table.
    did: str
    # What it saw that must not be.
    faults: List[str] = field(default_factory=list)

    def demand(self, is_so: bool, otherwise: str) -> None:
        if not is_so:
            self.faults.append(otherwise)
