"""Shared test set-up: hypothesis profiles and the optional folder of public measurements."""

import os
from pathlib import Path

import pytest
from dask_cluster import cluster  # noqa: F401  a fixture for all
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# Parallel test workers get a COLUMNS of 80; commands run by tests are to print as into a pipe.
os.environ.pop("COLUMNS", None)

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci",
    max_examples=300,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def _in_ci() -> bool:
    return os.environ.get("CI", "").strip().lower() not in ("", "0", "false", "no")


settings.load_profile("ci" if _in_ci() else "dev")


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The repository's top folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public reference data, which is not part of the repository.

    It is `$TOKENROOF_SHARED/data`, or `../shared/data` beside the repository. Tests that need it are
    skipped where it is absent.
    """
    named = os.environ.get("TOKENROOF_SHARED")
    folder = (Path(named).expanduser() if named else ROOT.parent / "shared") / "data"
    if not folder.is_dir():
        where = "$TOKENROOF_SHARED/data" if named else "../shared/data"
        pytest.skip(f"reference data not found: no folder {where} (set TOKENROOF_SHARED to the folder above data)")
    return folder
