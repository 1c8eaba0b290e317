"""Each scenario of helm/ci, rendered once."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import pytest

from rendering import SCENARIOS, Object, render

_rendered: Dict[Path, List[Object]] = {}


@pytest.fixture(params=SCENARIOS, ids=lambda path: path.stem.replace("-values", "").replace("values-", ""))
def scenario_file(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def rendered(scenario_file: Path) -> List[Object]:
    if scenario_file not in _rendered:
        _rendered[scenario_file] = render(scenario_file)
    return _rendered[scenario_file]
