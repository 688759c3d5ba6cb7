"""A RabbitMQ server of the tests' own."""
import logging
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from conftest import TIMEOUT, run
from postgres import free_port

PROGRAMS = pathlib.Path("/usr/lib/rabbitmq/bin")


class RabbitMQ:
    """Without plug-ins. Its own port for all that Erlang wants to listen on, so that several can
    run; `options` are lines of its configuration."""

    def __init__(self, options=()):
        assert PROGRAMS.is_dir(), "rabbitmq-server is not installed"
        self.options = list(options)
        for attempt in range(3):
            self.prepare()
            try:
                self.start()
                return
            except AssertionError as failure:
                # It starts slowly: meanwhile a connection of another test may have the port.
                if attempt == 2 or "eaddrinuse" not in str(failure):
                    raise
                self.remove()

    def prepare(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="assay-rabbitmq-"))
        self.port, distribution, mapper = free_port(), free_port(), free_port()
        self.node = f"assay{self.port}@localhost"
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text("\n".join([
            f"listeners.tcp.local = 127.0.0.1:{self.port}", *self.options, ""]))
        self.environment = {
            **os.environ, "HOME": str(self.folder), "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_DIST_PORT": str(distribution), "ERL_EPMD_PORT": str(mapper),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
        }
        self.process = None

    def start(self):
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen([PROGRAMS / "rabbitmq-server"], env=self.environment,
                                            stdout=output, stderr=output,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + TIMEOUT
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "output").read_text()
            assert time.monotonic() < deadline, "RabbitMQ does not answer"
            time.sleep(0.1)

    def answers(self):
        """Whether it takes connections: AMQP is spoken only when it is up."""
        import pika
        logging.getLogger("pika").setLevel(logging.CRITICAL)  # it tells of each refusal
        try:
            pika.BlockingConnection(pika.URLParameters(self.url)).close()
        except pika.exceptions.AMQPConnectionError:
            return False
        return True

    def control(self, *arguments):
        return run(PROGRAMS / "rabbitmqctl", "-n", self.node, *arguments, env=self.environment)

    def delete(self, queue):
        """Also one that is not there."""
        import pika
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        connection.channel().queue_delete(queue)
        connection.close()

    def stop(self, how=signal.SIGTERM):
        """The server and what it has started are a process group of their own."""
        os.killpg(self.process.pid, how)
        self.process.wait(TIMEOUT)

    def remove(self):
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)
        # The port mapper of Erlang stays when its last node goes, and has to hear of that first.
        mapper = next(pathlib.Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))
        deadline = time.monotonic() + TIMEOUT
        while b"Killed" not in subprocess.run([mapper, "-kill"], env=self.environment, check=False,
                                              capture_output=True).stdout:
            if time.monotonic() > deadline:
                raise AssertionError("epmd does not end")
            time.sleep(0.1)
        shutil.rmtree(self.folder)
