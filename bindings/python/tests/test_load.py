"""The library and the generated modules are of the same build."""

import importlib

import pytest


@pytest.mark.parametrize("name", ["noren_rules", "noren_core", "noren_ffi"])
def test_checksums_agree(name):
    # Importing compares the contract version and every function's checksum with the library, and raises where they differ.
    module = importlib.import_module(f"noren.generated.{name}")
    assert module.__all__


def test_one_name_for_all():
    import noren

    assert noren.__file__
