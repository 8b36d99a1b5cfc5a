"""Every example in a docstring of `app.statistics` runs and says what it prints."""

import doctest
import importlib
import pkgutil

import pytest

import app.statistics

MODULES = [f"app.statistics.{module.name}" for module in pkgutil.iter_modules(app.statistics.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    assert result.attempted > 0
