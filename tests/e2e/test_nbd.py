"""Disks behind NBD servers hold the same bytes as the files that the servers read."""
import random
import socket
import subprocess
import time

import pytest

from conftest import TIMEOUT, qemu_io, random_writes, run

SIZE = (20 << 20) + 1536
# More than all buffers between a server and the reader of our output.
LARGE = 256 << 20


@pytest.fixture(scope="module")
def disk(tmp_path_factory, patterns):
    """A raw disk with data, zeros and holes, and the same as qcow2."""
    folder = tmp_path_factory.mktemp("disk")
    run("qemu-img", "create", "-q", "-f", "raw", folder / "disk.raw", str(SIZE))
    qemu_io(folder / "disk.raw", random_writes(random.Random(8), patterns, SIZE, 65536, 80), "raw")
    run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", folder / "disk.raw",
        folder / "disk.qcow2")
    return folder


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


QEMU_NBD = ("qemu-nbd", "--pid-file=PIDFILE", "--read-only", "--persistent", "--shared=2")
NBDKIT = ("nbdkit", "--foreground", "-P", "PIDFILE", "--readonly")


def assert_same_disk(assay, target, disk):
    got = assay.output("cat", "--disk", target)
    assert len(got) == SIZE and (got == (disk / "disk.raw").read_bytes()) is True


@pytest.mark.parametrize("image_format", ["raw", "qcow2"])
def test_qemu_nbd_over_a_unix_socket(assay, serve, tmp_path, disk, image_format):
    serve(*QEMU_NBD, "-x", "export", "-f", image_format, "-k", tmp_path / "s",
          disk / f"disk.{image_format}")
    assert_same_disk(assay, f"nbd+unix:///export?socket={tmp_path}/s", disk)


def test_qemu_nbd_over_tcp(assay, serve, disk):
    port = free_port()
    serve(*QEMU_NBD, "-x", "export", "-f", "qcow2", "-b", "127.0.0.1", "-p", port,
          disk / "disk.qcow2")
    assert_same_disk(assay, f"nbd://127.0.0.1:{port}/export", disk)


def test_nbdkit_over_a_unix_socket(assay, serve, tmp_path, disk):
    serve(*NBDKIT, "-U", tmp_path / "s", "file", disk / "disk.raw")
    assert_same_disk(assay, f"nbd+unix:///?socket={tmp_path}/s", disk)


def test_nbdkit_over_tcp_by_name_of_the_export(assay, serve, disk):
    port = free_port()
    serve(*NBDKIT, "-i", "127.0.0.1", "-p", port, "file", f"dir={disk}")
    assert_same_disk(assay, f"nbd://127.0.0.1:{port}/disk.raw", disk)


def test_a_server_without_structured_replies(assay, serve, tmp_path, disk):
    serve(*NBDKIT, "--no-sr", "-U", tmp_path / "s", "file", disk / "disk.raw")
    assert_same_disk(assay, f"nbd+unix:///?socket={tmp_path}/s", disk)


def test_a_server_with_a_smallest_and_a_largest_request(assay, serve, tmp_path, disk):
    serve(*NBDKIT, "--filter=blocksize-policy", "-U", tmp_path / "s", "file", disk / "disk.raw",
          "blocksize-minimum=512", "blocksize-maximum=128k", "blocksize-error-policy=error")
    assert_same_disk(assay, f"nbd+unix:///?socket={tmp_path}/s", disk)


def test_errors_name_the_export(assay, serve, tmp_path, disk):
    serve(*QEMU_NBD, "-x", "export", "-f", "raw", "-k", tmp_path / "s", disk / "disk.raw")
    target = f"nbd+unix:///other?socket={tmp_path}/s"
    assert "other" in assay.refusal("cat", "--disk", target)
    assert "nowhere" in assay.refusal("cat", "--disk", f"nbd+unix:///?socket={tmp_path}/nowhere")
    port = free_port()
    assert str(port) in assay.refusal("cat", "--disk", f"nbd://127.0.0.1:{port}/")


def test_an_unreadable_sector_is_an_error(assay, serve, tmp_path):
    serve(*NBDKIT, "--filter=error", "-U", tmp_path / "s", "pattern", "1M", "error-pread=EIO",
          "error-pread-rate=100%")
    assert "reading at 0" in assay.refusal("cat", "--disk", f"nbd+unix:///?socket={tmp_path}/s")


def test_a_server_killed_midway_is_an_error_not_a_hang(assay, serve, tmp_path):
    server = serve(*NBDKIT, "-U", tmp_path / "s", "pattern", LARGE)
    process = subprocess.Popen([assay.path, "cat", "--disk", f"nbd+unix:///?socket={tmp_path}/s"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert len(process.stdout.read(1 << 20)) == 1 << 20
    server.kill()
    rest, errors = process.communicate(timeout=60)
    assert process.returncode in (2, 3), errors
    assert len(rest) < LARGE - (1 << 20)
    assert b"reading at" in errors and len(errors.splitlines()) == 1
