"""What the conformance tests of ``wasm`` share."""

from __future__ import annotations

import pytest

from shem.wasm.engine import Engine


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(tmp_path_factory.mktemp("code"))
