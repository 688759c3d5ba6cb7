"""Every test of the store, on a real PostgreSQL. (On SQLite they are unit tests.)"""
import os
import subprocess

import pytest

from conftest import REPOSITORY, TIMEOUT
from postgres import Postgres


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.remove()


def programs():
    build = os.path.dirname(os.environ.get("ASSAY", REPOSITORY / "build" / "assay"))
    folder = REPOSITORY / build / "tests" / "unit"
    found = [*folder.glob("test-[sqw]*e*-*"), *folder.glob("test-introspect-*")]
    return sorted(p for p in found if p.is_file() and os.access(p, os.X_OK))


@pytest.mark.parametrize("program", programs(), ids=lambda p: p.name)
def test_on_postgresql(program, postgres):
    done = subprocess.run([program], env={**os.environ, "ASSAY_TEST_STORE": postgres.url},
                          capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not ok" not in done.stdout
