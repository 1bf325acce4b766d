"""The real Python runtime component: built and compiled when first needed, kept in pytest's cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from shem.build.runtime import PythonRuntime, python_runtime


@pytest.fixture(scope="session")
def cache(request: pytest.FixtureRequest) -> Path:
    """Kept between runs of the tests."""
    assert request.config.cache is not None
    return request.config.cache.mkdir("python-runtime")


@pytest.fixture(scope="session")
def runtime(cache: Path) -> PythonRuntime:
    return python_runtime(cache)
