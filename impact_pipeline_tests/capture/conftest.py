from collections.abc import Iterator
from pathlib import Path

import pytest

from impact_pipeline_tests.capture.world import World, world


@pytest.fixture
def salesforce(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made
