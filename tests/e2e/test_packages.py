"""Packages and kernels of systems whose package managers are not dpkg."""
import datetime
import json
import random
import shutil
import sqlite3
import struct
import subprocess

import pytest

import rpm_databases
from conftest import peak_memory, run

OS_RELEASE = 'NAME="Example Linux"\nID=%s\nVERSION_ID="9"\n'


def new_root(folder, system="almalinux"):
    (folder / "etc").mkdir(parents=True)
    (folder / "etc/os-release").write_text(OS_RELEASE % system)
    return folder


def image_of(root, megabytes=16):
    image = root.parent / (root.name + ".img")
    image.unlink(missing_ok=True)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-d", root, image, f"{megabytes}M",
        stdin=subprocess.DEVNULL)
    return image


def system_of(done):
    assert done.returncode in (0, 3), done.stderr.decode(errors="replace")
    frame = json.loads(done.stdout)
    [system] = frame["systems"]
    return frame, system


def databases(frame):
    """Coverage of the package databases: (path, state) and the reasons."""
    found = [c for c in frame["coverage"] if c["kind"] == "package database"]
    return sorted((c["object"], c["state"]) for c in found), [c.get("reason", "") for c in found]


def in_words_of_rpm(packages):
    """Records of a frame as rpm_databases.listing() gives them."""
    out = []
    for p in packages:
        assert p["type"] == "rpm"
        q = {k: p[k] for k in rpm_databases.FIELDS if k in p}
        q.setdefault("size", 0)
        when = datetime.datetime.fromisoformat(q["installed"].replace("Z", "+00:00"))
        q["installed"] = int(when.timestamp())
        out.append(q)
    return sorted(out, key=lambda p: (p["name"], p["version"], p["arch"]))


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Packages with every fact that a header may have or lack."""
    folder = tmp_path_factory.mktemp("rpmbuild")
    sub = rpm_databases.subpackage
    made = rpm_databases.build(
        folder,
        rpm_databases.spec("plain", "Vendor: Example Linux\nDistribution: Example 9",
                           files=["/usr/share/plain/a"], subpackages=sub("plain-noarch",
                                                                         "BuildArch: noarch")),
        rpm_databases.spec("epochal", "Epoch: 3\nVendor: Éxample «Ltd»", version="2.3~rc1",
                           release="4.el9_2.1", subpackages=sub("epochal-zero", "Epoch: 0\n"
                                                                "Version: 0.9^git1")),
        rpm_databases.spec("nodejs", "ModularityLabel: nodejs:18:8090020231211:rhel9"),
        rpm_databases.spec("name-with-dashes-1.2", version="20240101"),
        rpm_databases.spec("big", files=[f"/usr/share/big/folder-{i}/a-file-of-long-name-{i}"
                                         for i in range(1500)]),
        rpm_databases.spec("kernel-core", version="5.14.0", release="427.el9", files=[
            "/lib/modules/5.14.0-427.el9.x86_64/vmlinuz",
            "/lib/modules/5.14.0-427.el9.x86_64/modules.dep"]),
        rpm_databases.spec("many-000000"),
    )
    signed = [p for p in made if p.name.startswith(("nodejs", "big"))]
    key = rpm_databases.sign(signed, folder / "gnupg")
    return [p for p in made if not p.name.startswith("many")], key, \
        [p for p in made if p.name.startswith("many")]


@pytest.fixture(scope="module")
def installed(packages, tmp_path_factory):
    """A root in whose SQLite database the packages are, and what rpm says about it."""
    root = new_root(tmp_path_factory.mktemp("installed") / "root")
    rpm_databases.install(root, packages[0])
    return root, rpm_databases.listing(root)


def blank_copy(installed, tmp_path):
    """The root without its database, and the blobs that were in it."""
    root = new_root(tmp_path / "root")
    return root, rpm_databases.headers(installed[0])


# --- rpm: the three formats ----------------------------------------------------------------------

def test_sqlite_as_rpm_lists_it(assay, installed):
    root, truth = installed
    frame, system = system_of(assay("frame", image_of(root)))
    assert len(truth) == 8
    assert in_words_of_rpm(system["packages"]) == truth
    assert sum("signature" in p for p in truth) == 2
    assert databases(frame)[0] == [("/var/lib/rpm/rpmdb.sqlite", "read")]
    sources = {p["name"]: (p["source"], p["source_version"]) for p in system["packages"]}
    assert sources["plain-noarch"] == ("plain", "1.0-1.el9")
    assert sources["name-with-dashes-1.2"] == ("name-with-dashes-1.2", "20240101-1.el9")
    assert sources["epochal"] == ("epochal", "3:2.3~rc1-4.el9_2.1")


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_berkeley_db_as_libdb_writes_it(assay, installed, tmp_path, big_endian, page_size):
    root, blobs = blank_copy(installed, tmp_path)
    rpm_databases.write_bdb(root / "var/lib/rpm/Packages", blobs, big_endian, page_size)
    frame, system = system_of(assay("frame", image_of(root)))
    assert in_words_of_rpm(system["packages"]) == installed[1]
    assert databases(frame)[0] == [("/var/lib/rpm/Packages", "read")]
    assert rpm_databases.listing(root, backend="bdb_ro") == installed[1]


def test_berkeley_db_after_packages_were_removed(assay, installed, tmp_path):
    """Pages that were freed still hold old headers."""
    root, blobs = blank_copy(installed, tmp_path)
    path = root / "var/lib/rpm/Packages"
    rpm_databases.write_bdb(path, blobs + [(key + 100, blob) for key, blob in blobs])
    gone = [struct.pack("<I", key + 100).hex() for key, _ in blobs]
    run("perl", "-MDB_File", "-e",
        "tie my %h, 'DB_File', shift, O_RDWR, 0644, $DB_HASH or die $!;"
        "delete $h{pack 'H*', $_} for @ARGV; untie %h", path, *gone)
    _, system = system_of(assay("frame", image_of(root)))
    assert in_words_of_rpm(system["packages"]) == installed[1]


def test_ndb(assay, installed, tmp_path):
    root, blobs = blank_copy(installed, tmp_path)
    rpm_databases.write_ndb(root / "usr/lib/sysimage/rpm/Packages.db", blobs)
    frame, system = system_of(assay("frame", image_of(root)))
    assert in_words_of_rpm(system["packages"]) == installed[1]
    assert databases(frame)[0] == [("/usr/lib/sysimage/rpm/Packages.db", "read")]


# --- rpm: databases in use, in several places ----------------------------------------------------

def test_keys_are_no_packages(assay, packages, tmp_path):
    root = new_root(tmp_path / "root")
    rpm_databases.install(root, packages[0][:1])
    rpm_databases.rpm(root, "--import", packages[1])
    assert b"gpg-pubkey" in rpm_databases.rpm(root, "-qa")
    _, system = system_of(assay("frame", image_of(root)))
    assert [p["name"] for p in system["packages"]] == [
        p["name"] for p in rpm_databases.listing(root)]


def test_a_log_that_was_not_checkpointed(assay, installed, tmp_path):
    """As on a disk that was copied while the system ran: the newest packages are in the log only."""
    root, blobs = blank_copy(installed, tmp_path)
    live = tmp_path / "live"
    shutil.copytree(installed[0], live)
    folder = root / "var/lib/rpm"
    folder.mkdir(parents=True)
    db = sqlite3.connect(live / "var/lib/rpm/rpmdb.sqlite")
    assert db.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.execute("DELETE FROM Packages")
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.executemany("INSERT INTO Packages VALUES (?, ?)", blobs)
    db.commit()
    for suffix in ("", "-wal", "-shm"):
        shutil.copyfile(live / f"var/lib/rpm/rpmdb.sqlite{suffix}", folder / f"rpmdb.sqlite{suffix}")
    db.close()
    frame, system = system_of(assay("frame", image_of(root)))
    assert in_words_of_rpm(system["packages"]) == installed[1]
    (folder / "rpmdb.sqlite-wal").unlink()
    _, system = system_of(assay("frame", image_of(root)))
    assert system["packages"] == []


def test_a_transaction_that_did_not_end(assay, installed, tmp_path):
    root, _ = blank_copy(installed, tmp_path)
    live = tmp_path / "live"
    shutil.copytree(installed[0], live)
    folder = root / "var/lib/rpm"
    folder.mkdir(parents=True)
    db = sqlite3.connect(live / "var/lib/rpm/rpmdb.sqlite", isolation_level=None)
    assert db.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
    db.execute("PRAGMA cache_size=2")
    db.execute("BEGIN")
    db.execute("DELETE FROM Packages")
    db.execute("INSERT INTO Packages (blob) VALUES (randomblob(300000))")
    for suffix in ("", "-journal"):
        shutil.copyfile(live / f"var/lib/rpm/rpmdb.sqlite{suffix}", folder / f"rpmdb.sqlite{suffix}")
    db.execute("ROLLBACK")
    db.close()
    frame, system = system_of(assay("frame", image_of(root)))
    assert in_words_of_rpm(system["packages"]) == installed[1]
    assert databases(frame)[0] == [("/var/lib/rpm/rpmdb.sqlite", "read")]


def test_one_folder_under_two_names(assay, installed, tmp_path):
    root, _ = blank_copy(installed, tmp_path)
    shutil.copytree(installed[0] / "var/lib/rpm", root / "usr/lib/sysimage/rpm")
    (root / "var/lib").mkdir(parents=True)
    (root / "var/lib/rpm").symlink_to("../../usr/lib/sysimage/rpm")
    frame, system = system_of(assay("frame", image_of(root)))
    assert in_words_of_rpm(system["packages"]) == installed[1]
    assert databases(frame)[0] == [("/usr/lib/sysimage/rpm/rpmdb.sqlite", "read")]


@pytest.mark.parametrize("set_to", [None, "%{_var}/lib/rpm", "/usr/lib/sysimage/rpm"])
def test_two_databases(assay, installed, tmp_path, set_to):
    """The one that rpm is set to use counts; the other is named."""
    root, blobs = blank_copy(installed, tmp_path)
    old, new = "/var/lib/rpm/Packages", "/usr/lib/sysimage/rpm/rpmdb.sqlite"
    rpm_databases.write_bdb(root / old[1:], blobs[:2])
    shutil.copytree(installed[0] / "var/lib/rpm", root / "usr/lib/sysimage/rpm")
    if set_to is not None:
        (root / "usr/lib/rpm").mkdir()
        (root / "usr/lib/rpm/macros").write_text(f"%_usr /usr\n%_dbpath\t\t{set_to}\n%_x\n")
    frame, system = system_of(assay("frame", image_of(root)))
    used, other, count = (new, old, 8) if set_to and "sysimage" in set_to else (old, new, 2)
    assert len(system["packages"]) == count
    assert databases(frame)[0] == sorted([(used, "read"), (other, "skipped")])


def test_an_empty_database_in_front_of_the_real_one(assay, installed, tmp_path):
    """What is left behind when another rpm looks at a system."""
    root, blobs = blank_copy(installed, tmp_path)
    rpm_databases.rpm(root, "-qa")
    assert (root / "var/lib/rpm/rpmdb.sqlite").exists()
    rpm_databases.write_bdb(root / "var/lib/rpm/Packages", blobs)
    frame, system = system_of(assay("frame", image_of(root)))
    assert in_words_of_rpm(system["packages"]) == installed[1]
    assert databases(frame)[0] == [("/var/lib/rpm/Packages", "read"),
                                   ("/var/lib/rpm/rpmdb.sqlite", "read")]


def test_a_list_instead_of_a_database(assay, installed, tmp_path):
    """What Azure Linux leaves in images that have no rpm: rpm's own words, in this order."""
    root, _ = blank_copy(installed, tmp_path)
    tags = ("NAME", "VERSION}-%{RELEASE", "INSTALLTIME", "BUILDTIME", "VENDOR", "EPOCH", "SIZE",
            "ARCH", "EPOCHNUM", "SOURCERPM")
    text = rpm_databases.rpm(installed[0], "-qa", "--qf",
                             "\\t".join(f"%{{{tag}}}" for tag in tags) + "\\n")
    path = root / "var/lib/rpmmanifest/container-manifest-2"
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    frame, system = system_of(assay("frame", image_of(root)))
    lacking = ("license", "module", "origin", "signature")
    assert in_words_of_rpm(system["packages"]) == [
        {k: v for k, v in p.items() if k not in lacking} for p in installed[1]]
    assert databases(frame)[0] == [("/var/lib/rpmmanifest/container-manifest-2", "read")]


# --- rpm: size and damage ------------------------------------------------------------------------

def test_ten_thousand_packages(assay, packages, tmp_path):
    root = new_root(tmp_path / "root")
    rpm_databases.install(root, packages[2])
    rpm_databases.many(root, rpm_databases.headers(root), 10000, b"many-000000")
    image = image_of(root, 128)
    status, peak = peak_memory([assay.path, "frame", image], tmp_path / "frame")
    assert status == 0
    names = [p["name"] for p in json.loads((tmp_path / "frame").read_text())["systems"][0]["packages"]]
    assert sorted(names) == [f"many-{i:06}" for i in range(10000)]
    if b"asan" not in run("ldd", assay.path):
        assert peak < 64 << 10


WRITERS = {
    "sqlite": ("rpmdb.sqlite", None),
    "bdb": ("Packages", rpm_databases.write_bdb),
    "ndb": ("Packages.db", rpm_databases.write_ndb),
}


def database_bytes(installed, backend, folder):
    name, write = WRITERS[backend]
    path = folder / name
    if write is None:
        shutil.copyfile(installed[0] / "var/lib/rpm" / name, path)
    else:
        write(path, rpm_databases.headers(installed[0]))
    return name, path.read_bytes()


def frame_of_bytes(assay, root, name, content):
    folder = root / "var/lib/rpm"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return system_of(assay("frame", image_of(root)))


@pytest.mark.parametrize("backend", WRITERS)
def test_truncated(assay, installed, tmp_path, backend):
    """What is missing is never passed over in silence."""
    name, whole = database_bytes(installed, backend, tmp_path)
    root = new_root(tmp_path / "root")
    for share in (0, 0.001, 0.1, 0.5, 0.9, 0.999):
        frame, system = frame_of_bytes(assay, root, name, whole[:int(len(whole) * share)])
        found = in_words_of_rpm(system["packages"])
        assert all(p in installed[1] for p in found)
        state = dict(databases(frame)[0])[f"/var/lib/rpm/{name}"]
        if share == 0 and backend == "sqlite":
            continue  # an empty file is an empty database to SQLite, as to rpm
        assert state == ("partial" if found else "unreadable"), (share, databases(frame))


@pytest.mark.parametrize("backend", WRITERS)
def test_bits_flipped(assay, installed, tmp_path, backend):
    name, whole = database_bytes(installed, backend, tmp_path)
    root = new_root(tmp_path / "root")
    rng = random.Random(backend)
    for _ in range(25):
        content = bytearray(whole)
        for _ in range(rng.choice([1, 1, 1, 50])):
            # Half of them where the structure is, not the content.
            at = rng.randrange(rng.choice([len(content), 4096]))
            content[at] ^= 1 << rng.randrange(8)
        frame, system = frame_of_bytes(assay, root, name, content)
        states = [state for _, state in databases(frame)[0]]
        assert states
        if len(system["packages"]) < len(installed[1]) and backend != "sqlite":
            assert set(states) <= {"partial", "unreadable"}
        if backend == "ndb":  # which has checksums
            assert all(p in installed[1] for p in in_words_of_rpm(system["packages"]))


def test_a_broken_header_is_named(assay, installed, tmp_path):
    root, blobs = blank_copy(installed, tmp_path)
    broken = [(key, b"\xff" * 40 if i == 2 else blob) for i, (key, blob) in enumerate(blobs)]
    rpm_databases.write_ndb(root / "var/lib/rpm/Packages.db", broken)
    done = assay("frame", image_of(root))
    assert done.returncode == 3
    frame, system = system_of(done)
    assert len(system["packages"]) == len(blobs) - 1
    states, [reason] = databases(frame)
    assert states == [("/var/lib/rpm/Packages.db", "partial")]
    assert f"header {blobs[2][0]}: " in reason


# --- apk and pacman ------------------------------------------------------------------------------

APK = """C:Q1/se1PjO94hYXbfpNR1/61hVORIc=
P:musl
V:1.2.5-r0
A:x86_64
S:409534
I:667648
T:the musl c library (libc) implementation
L:MIT
o:musl
m:Timo <timo@alpinelinux.org>
t:1709933824
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755

P:libcrypto3
V:3.3.0-r2
A:x86_64
I:4820992
L:Apache-2.0
o:openssl

P:linux-lts
V:6.6.31-r0
A:x86_64
L:GPL-2.0-only
o:linux-lts
F:boot
R:vmlinuz-lts
F:lib/modules/6.6.31-0-lts
R:modules.dep

P:tool
V:1-r0
A:noarch
L:MIT
s:edge
"""


@pytest.mark.parametrize("folder", ["lib/apk/db", "usr/lib/apk/db"])
def test_apk(assay, tmp_path, folder):
    root = new_root(tmp_path / "root", "alpine")
    (root / folder).mkdir(parents=True)
    (root / folder / "installed").write_text(APK)
    if folder.startswith("usr"):
        (root / "lib").symlink_to("usr/lib")
    frame, system = system_of(assay("frame", image_of(root)))
    facts = [tuple(p.get(k) for k in ("type", "name", "version", "arch", "source", "source_version",
                                      "license", "origin", "size")) for p in system["packages"]]
    assert facts == [
        ("apk", "libcrypto3", "3.3.0-r2", "x86_64", "openssl", "3.3.0-r2", "Apache-2.0", None,
         4820992),
        ("apk", "linux-lts", "6.6.31-r0", "x86_64", "linux-lts", "6.6.31-r0", "GPL-2.0-only", None,
         0),
        ("apk", "musl", "1.2.5-r0", "x86_64", "musl", "1.2.5-r0", "MIT", None, 667648),
        ("apk", "tool", "1-r0", "noarch", "tool", "1-r0", "MIT", "edge", 0),
    ]
    assert databases(frame)[0] == [(f"/{folder}/installed", "read")]


def arch_package(folder, name, version, base, licences):
    made = folder / name
    made.mkdir()
    info = [f"pkgname = {name}", f"pkgbase = {base}", f"pkgver = {version}", "pkgdesc = a test",
            "url = http://example.org", "builddate = 1700000000",
            "packager = A <a@archlinux.org>", "size = 12345", "arch = any"]
    info += [f"license = {licence}" for licence in licences]
    (made / ".PKGINFO").write_text("\n".join(info) + "\n")
    path = folder / f"{name}-{version.replace(':', '_')}-any.pkg.tar.zst"
    run("tar", "--zstd", "-C", made, "-cf", path, ".PKGINFO")
    return path


def test_pacman(assay, tmp_path):
    root = new_root(tmp_path / "root", "arch")
    (root / "var/lib/pacman").mkdir(parents=True)
    config = tmp_path / "pacman.conf"
    config.write_text("[options]\nArchitecture = any\nSigLevel = Never\nLocalFileSigLevel = Never\n")
    made = [arch_package(tmp_path, "curl", "8.7.1-6", "curl", ["MIT"]),
            arch_package(tmp_path, "libcurl-gnutls", "1:8.7.1-6", "curl", ["MIT", "ISC"])]
    pacman = ("pacman", "--root", root, "--dbpath", root / "var/lib/pacman", "--config", config,
              "--noconfirm", "--logfile", "/dev/null", "--hookdir", tmp_path, "--cachedir", tmp_path)
    run(*pacman, "-U", "--dbonly", *made)
    frame, system = system_of(assay("frame", image_of(root)))
    listed = [line.split() for line in run(*pacman, "-Q").decode().splitlines()]
    assert [[p["name"], p["version"]] for p in system["packages"]] == listed
    gnutls = system["packages"][1]
    assert {k: gnutls[k] for k in ("type", "source", "source_version", "license", "vendor", "arch",
                                   "size")} == {
        "type": "alpm", "source": "curl", "source_version": "1:8.7.1-6", "license": "MIT, ISC",
        "vendor": "A <a@archlinux.org>", "arch": "any", "size": 12345}
    assert databases(frame)[0] == [("/var/lib/pacman/local", "read")]
    shutil.rmtree(root / "var/lib/pacman/local/curl-8.7.1-6")
    (root / "var/lib/pacman/local/curl-8.7.1-6").mkdir()
    done = assay("frame", image_of(root))
    assert done.returncode == 3
    frame, system = system_of(done)
    assert len(system["packages"]) == 1
    assert databases(frame)[0] == [("/var/lib/pacman/local", "partial")]


# --- kernels -------------------------------------------------------------------------------------

def kernel_image(release):
    """The head of an x86 image (Linux, Documentation/arch/x86/boot.rst), and where it says its
    release."""
    image = bytearray(4096)
    image[0x202:0x206] = b"HdrS"
    image[0x20e:0x210] = struct.pack("<H", 0x400)
    text = release.encode() + b" (builder@example) #1 SMP\0"
    image[0x600:0x600 + len(text)] = text
    return bytes(image)


def test_kernels(assay, tmp_path):
    root = new_root(tmp_path / "root", "debian")
    for folder in ("boot", "usr/lib/modules/6.1.0-28-amd64", "usr/lib/modules/6.1.0-9-amd64/updates",
                   "usr/lib/modules/6.9.1-arch1-1", "var/lib/dpkg/info"):
        (root / folder).mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    (root / "boot/vmlinuz-6.1.0-28-amd64").write_bytes(kernel_image("6.1.0-28-amd64"))
    (root / "boot/vmlinuz-5.10.0-aarch64").write_bytes(bytes(100))
    (root / "boot/vmlinuz-0-rescue-0123456789abcdef0123456789abcdef").write_bytes(
        kernel_image("4.18.0-553.el8"))
    (root / "boot/vmlinuz-linux").write_bytes(kernel_image("6.9.1-arch1-1"))
    (root / "boot/config-6.1.0-28-amd64").write_text("")
    (root / "usr/lib/modules/6.1.0-28-amd64/modules.dep").write_text("")
    (root / "usr/lib/modules/6.9.1-arch1-1/modules.order").write_text("")
    (root / "usr/lib/modules/6.9.1-arch1-1/pkgbase").write_text("linux\n")
    (root / "var/lib/dpkg/info/linux-image-6.1.0-28-amd64.list").write_text("/.\n")
    _, system = system_of(assay("frame", image_of(root)))
    found = {k["version"]: (k["path"], k.get("package"), k["has_image"], k["has_modules"])
             for k in system["kernels"]}
    assert found == {
        "4.18.0-553.el8": ("/boot/vmlinuz-0-rescue-0123456789abcdef0123456789abcdef", None, True,
                           False),
        "5.10.0-aarch64": ("/boot/vmlinuz-5.10.0-aarch64", None, True, False),
        "6.1.0-28-amd64": ("/boot/vmlinuz-6.1.0-28-amd64", "linux-image-6.1.0-28-amd64", True, True),
        "6.9.1-arch1-1": ("/boot/vmlinuz-linux", "linux", True, True),
    }


def test_a_kernel_of_rpm_and_one_of_apk(assay, installed, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(installed[0], root)
    (root / "lib/modules/5.14.0-427.el9.x86_64").mkdir(parents=True)
    (root / "lib/modules/5.14.0-427.el9.x86_64/modules.dep").write_text("")
    (root / "lib/modules/6.6.31-0-lts/kernel").mkdir(parents=True)
    (root / "lib/apk/db").mkdir(parents=True)
    (root / "lib/apk/db/installed").write_text(APK)
    _, system = system_of(assay("frame", image_of(root)))
    assert {k["version"]: k.get("package") for k in system["kernels"]} == {
        "5.14.0-427.el9.x86_64": "kernel-core", "6.6.31-0-lts": "linux-lts"}
