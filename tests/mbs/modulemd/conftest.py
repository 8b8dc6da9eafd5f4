from __future__ import annotations

import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]

MINIMAL = """\
document: modulemd
version: 2
data:
  name: foo
  stream: f1
  summary: A module
  description: Of the tests
  license:
    module: [MIT]
"""


@pytest.fixture
def minimal() -> str:
    """Give the smallest valid document, open at the end for more fields of `data`."""
    return MINIMAL


@pytest.fixture(scope="session")
def fedora_29() -> str:
    """Give the modules.yaml of Fedora 29."""
    directory = Path(os.environ.get("MBS_TEST_CORPUS", CHECKOUT.parent / "shared" / "data"))
    path = directory / "fedora-29-modules.yaml"
    if not path.exists():
        pytest.skip(f"the corpus is not here: {path}")
    return path.read_text()
