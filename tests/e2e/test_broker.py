"""Work by a real RabbitMQ: jobs flow, and none is lost or done twice, whatever is restarted."""
import os
import subprocess

import pytest

from conftest import REPOSITORY, TIMEOUT
from rabbitmq import RabbitMQ

pytestmark = pytest.mark.xdist_group("rabbitmq")


@pytest.fixture(scope="module")
def rabbitmq():
    server = RabbitMQ()
    yield server
    server.remove()


def test_threads_are_fed_by_the_broker(rabbitmq):
    build = REPOSITORY / os.path.dirname(os.environ.get("ASSAY", REPOSITORY / "build" / "assay"))
    done = subprocess.run([build / "tests" / "unit" / "test-queue-feed"],
                          env={**os.environ, "ASSAY_TEST_BROKER": rabbitmq.url},
                          capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not ok" not in done.stdout and "SKIP" not in done.stdout
    queues = rabbitmq.control("-s", "list_queues", "name", "type", "messages").decode()
    assert "assay.jobs\tquorum\t0" in queues
