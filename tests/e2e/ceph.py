"""A Ceph cluster of the tests' own: one monitor, one manager, one OSD, with cephx."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

TIMEOUT = 120
TOOLS = ["ceph-mon", "ceph-mgr", "ceph-osd", "ceph", "rbd", "monmaptool", "ceph-authtool"]

CONF = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = {folder}/keyring.$name
run dir = {folder}
log file = {folder}/$name.log
admin socket = {folder}/$name.$pid.asok
pid file = {folder}/$name.pid
crash dir = {folder}
osd pool default size = 1
osd pool default min size = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
mon warn on pool no redundancy = false
ms bind ipv6 = false
public network = 127.0.0.0/8
[client]
admin socket =
log file =
# Well below the time after which a watch ends, 3 s here: clients say so often that they are there.
objecter tick interval = 1
[mon.a]
mon data = {folder}/mon
[mgr.x]
mgr data = {folder}/mgr
[osd.0]
osd data = {folder}/osd
osd objectstore = bluestore
bluestore block size = {size}
bluestore block create = true
osd memory target = 939524096
# For how long a client that was killed counts as there.
osd client watch timeout = 3
"""


def why_not():
    """Why no cluster can run here; None when one can."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"Ceph is not installed: {', '.join(missing)}"
    if shutil.disk_usage(tempfile.gettempdir()).free < 6 << 30:
        return "Ceph needs 6 GiB of free disk"
    if os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") < 2 << 30:
        return "Ceph needs 2 GiB of memory"
    return None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Ceph:
    def __init__(self, size=4 << 30):
        """size: of the disk."""
        # The admin sockets' names have to be short.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="assay-ceph-"))
        self.conf = self.folder / "ceph.conf"
        self.fsid = str(uuid.uuid4())
        self.daemons = []
        v1, v2 = free_port(), free_port()
        self.mon_host = f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]"
        self.conf.write_text(CONF.format(fsid=self.fsid, v1=v1, v2=v2, folder=self.folder,
                                         size=size))
        for name in ("mon", "mgr", "osd"):
            (self.folder / name).mkdir()
        try:
            self._start()
        except BaseException:
            self.remove()
            raise

    def run(self, program, *arguments, **options):
        done = subprocess.run([program, "--conf", str(self.conf), *map(str, arguments)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT,
                              **options)
        assert done.returncode == 0, \
            f"{program} {arguments}: {done.stderr.decode(errors='replace')}"
        return done.stdout

    def ceph(self, *arguments):
        return self.run("ceph", *arguments)

    def rbd(self, *arguments, **options):
        return self.run("rbd", *arguments, **options)

    def _daemon(self, program, *arguments):
        with (self.folder / f"{program}.out").open("ab") as out:
            self.daemons.append(subprocess.Popen(
                [program, "--conf", str(self.conf), "-f", *arguments], stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, cwd=self.folder))

    def _start(self):
        f = self.folder
        tool = ("ceph-authtool", "--gen-key", "--create-keyring")
        for name, caps in (("mon.", ["mon", "allow *"]),
                           ("client.admin", ["mon", "allow *", "osd", "allow *",
                                             "mgr", "allow *"])):
            path = f / f"keyring.{'mon.a' if name == 'mon.' else name}"
            cap = [word for i in range(0, len(caps), 2) for word in ("--cap", *caps[i:i + 2])]
            subprocess.run([*tool, path, "--name", name, *cap], check=True,
                           stdout=subprocess.DEVNULL)
        both = f / "keyring.bootstrap"
        both.write_text((f / "keyring.mon.a").read_text() +
                        (f / "keyring.client.admin").read_text())
        subprocess.run(["monmaptool", "--create", "--addv", "a", self.mon_host, "--fsid",
                        self.fsid, f / "monmap"], check=True, stdout=subprocess.DEVNULL)
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", f / "monmap", "--keyring", both)
        self._daemon("ceph-mon", "-i", "a")
        for name, caps in (("mgr.x", ["mon", "allow profile mgr", "osd", "allow *"]),
                           ("osd.0", ["mon", "allow profile osd", "mgr", "allow profile osd",
                                      "osd", "allow *"])):
            (f / f"keyring.{name}").write_bytes(self.ceph("auth", "get-or-create", name, *caps))
        self._daemon("ceph-mgr", "-i", "x")
        osd = str(uuid.uuid4())
        self.ceph("osd", "create", osd)
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._daemon("ceph-osd", "-i", "0")
        deadline = time.monotonic() + TIMEOUT
        while json.loads(self.ceph("osd", "stat", "--format", "json"))["num_up_osds"] != 1:
            self._check()
            assert time.monotonic() < deadline, "the OSD does not come up"
            time.sleep(0.1)
        self.pool("rbd")

    def _check(self):
        for daemon in self.daemons:
            assert daemon.poll() is None, f"{daemon.args} has ended; see {self.folder}"

    @contextlib.contextmanager
    def silent(self):
        """The OSD gives no answers."""
        osd = self.daemons[-1]
        osd.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            osd.send_signal(signal.SIGCONT)

    def pool(self, name):
        self.ceph("osd", "pool", "create", name, "8")
        self.rbd("pool", "init", name)

    def user(self, name, *caps):
        """A user with these capabilities; the path of its keyring, which Ceph does not find by
        itself."""
        path = self.folder / f"{name}.secret"
        path.write_bytes(self.ceph("auth", "get-or-create", f"client.{name}", *caps))
        return path

    def remove_image(self, name):
        """With its snapshots; for a few seconds it has those who were killed as its users."""
        self.rbd("snap", "purge", name)
        deadline = time.monotonic() + TIMEOUT
        command = ["rbd", "--conf", str(self.conf), "rm", name]
        while subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             timeout=TIMEOUT).returncode != 0:
            assert time.monotonic() < deadline, f"{name} cannot be removed"
            time.sleep(0.2)

    def write(self, image, off, data):
        """Into an image of the pool "rbd", as its user does."""
        script = ("import rados, rbd, sys\n"
                  "with rados.Rados(conffile=sys.argv[1]) as c, c.open_ioctx('rbd') as io:\n"
                  "    with rbd.Image(io, sys.argv[2]) as i: i.write(sys.stdin.buffer.read(),"
                  " int(sys.argv[3]))\n")
        subprocess.run(["/usr/bin/python3", "-c", script, str(self.conf), image, str(off)],
                       input=data, check=True, timeout=TIMEOUT)

    def begin_removal(self, image, snapshot):
        """The first half of what removes a snapshot of an image of the pool "rbd", as a client does
        that is gone then."""
        number = {s["name"]: s["id"] for s in json.loads(
            self.rbd("snap", "ls", f"rbd/{image}", "--format", "json"))}[snapshot]
        header = "rbd_header." + json.loads(self.rbd("info", f"rbd/{image}", "--format",
                                                     "json"))["id"]
        script = ("import rados, sys\n"
                  "with rados.Rados(conffile=sys.argv[1]) as c, c.open_ioctx('rbd') as io:\n"
                  "    io.execute(sys.argv[2], 'rbd', 'snapshot_trash_add',"
                  " int(sys.argv[3]).to_bytes(8, 'little'))\n")
        subprocess.run(["/usr/bin/python3", "-c", script, str(self.conf), header, str(number)],
                       check=True, timeout=TIMEOUT)

    def state(self, image):
        """All that a look at an image of the pool "rbd" might leave."""
        return self.snapshots(f"rbd/{image}"), self.images(), self.trash()

    def images(self, pool="rbd"):
        return sorted(json.loads(self.rbd("ls", pool, "--format", "json")))

    def snapshots(self, image):
        """Names, those of the trash and of groups included."""
        return sorted(s["name"] for s in
                      json.loads(self.rbd("snap", "ls", "--all", image, "--format", "json")))

    def bytes_read(self):
        """That the OSD has given to clients, from the data of images and from what describes it."""
        socket = next(self.folder.glob("osd.0.*.asok"))
        return json.loads(self.ceph("daemon", socket, "perf", "dump"))["osd"]["op_r_out_bytes"]

    def trash(self, pool="rbd"):
        return json.loads(self.rbd("trash", "ls", "--all", pool, "--format", "json"))

    def remove(self):
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in reversed(self.daemons):
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        shutil.rmtree(self.folder)
