"""RPM databases as other programs make them: rpm itself writes SQLite, libdb Berkeley DB. ndb, which
Debian's rpm cannot write, is written here after its description."""
import os
import shutil
import sqlite3
import struct
import subprocess
import zlib

from conftest import run

FORMAT = "".join(f"%{{{tag}}}\\t" for tag in (
    "NAME", "EVR", "ARCH", "SOURCERPM", "VENDOR", "LICENSE", "LONGSIZE", "INSTALLTIME",
    "MODULARITYLABEL", "DISTRIBUTION", "RSAHEADER:pgpsig")) + "\\n"
FIELDS = ("name", "version", "arch", "source_rpm", "vendor", "license", "size", "installed", "module",
          "origin", "signature")


def rpm(root, *arguments, folder="/var/lib/rpm", backend="sqlite"):
    return run("rpm", "--root", root, "--dbpath", folder, "--define", f"_db_backend {backend}",
               *arguments, env={**os.environ, "LC_ALL": "C.UTF-8"})


def spec(name, preamble="", version="1.0", release="1.el9", files=(), subpackages=""):
    made = "cd %{buildroot}\n" if files else ""
    if files:
        made += "mkdir -p " + " ".join(os.path.dirname(f)[1:] for f in files) + "\n"
    made += "\n".join(f"echo {f} >.{f}" for f in files)
    listed = "\n".join(files)
    return (f"Name: {name}\nVersion: {version}\nRelease: {release}\nSummary: a test\n"
            f"License: MIT and GPLv2+\n{preamble}\n%description\nA test.\n%install\n{made}\n"
            f"%files\n{listed}\n{subpackages}\n")


def subpackage(name, preamble=""):
    return f"%package -n {name}\nSummary: a test\n{preamble}\n%description -n {name}\nA test.\n" \
           f"%files -n {name}\n"


def build(folder, *specs):
    """The packages that these specs make, in order of their names."""
    for i, text in enumerate(specs):
        path = folder / f"{i}.spec"
        path.write_text(text)
        run("rpmbuild", "--quiet", "-bb", "--define", f"_topdir {folder}/top", "--define",
            f"_rpmdir {folder}/rpms", "--define", "_build_id_links none", "--define",
            "debug_package %{nil}", "--define", "__os_install_post %{nil}", "--define",
            "_binary_payload w0.gzdio", path)
    return sorted((folder / "rpms").rglob("*.rpm"))


def install(root, packages, folder="/var/lib/rpm"):
    root.mkdir(parents=True, exist_ok=True)
    rpm(root, "-i", "--justdb", "--nodeps", "--nosignature", *packages, folder=folder)
    # What rpm leaves open, the next reader would tidy up.
    for suffix in ("-wal", "-shm"):
        path = root / folder.lstrip("/") / f"rpmdb.sqlite{suffix}"
        if path.exists() and (suffix == "-shm" or path.stat().st_size == 0):
            path.unlink()


def listing(root, *options, folder="/var/lib/rpm", backend="sqlite"):
    """What rpm says is installed, in the words of a frame."""
    text = rpm(root, "-qa", "--qf", FORMAT, *options, folder=folder, backend=backend).decode()
    packages = []
    for line in text.splitlines():
        p = {k: v for k, v in zip(FIELDS, line.split("\t")) if v != "(none)"}
        if p["name"] == "gpg-pubkey":
            continue
        p["size"], p["installed"] = int(p["size"]), int(p["installed"])
        if "signature" in p:
            p["signature"] = p["signature"].rsplit(" ", 1)[1]
        packages.append(p)
    return sorted(packages, key=lambda p: (p["name"], p["version"], p["arch"]))


def headers(root, folder="/var/lib/rpm"):
    """(id, blob) of every package."""
    db = sqlite3.connect(f"file:{root}{folder}/rpmdb.sqlite?mode=ro", uri=True)
    try:
        return db.execute("SELECT hnum, blob FROM Packages ORDER BY hnum").fetchall()
    finally:
        db.close()


def write_bdb(path, blobs, big_endian=False, page_size=4096):
    path.parent.mkdir(parents=True, exist_ok=True)
    order = ">I" if big_endian else "<I"
    records = [(0, struct.pack(order, len(blobs)))] + list(blobs)
    text = (f"VERSION=3\nformat=bytevalue\ntype=hash\ndb_lorder={4321 if big_endian else 1234}\n"
            f"db_pagesize={page_size}\nHEADER=END\n")
    text += "".join(f" {struct.pack(order, key).hex()}\n {blob.hex()}\n" for key, blob in records)
    run("db5.3_load", path, input=(text + "DATA=END\n").encode())


def write_ndb(path, blobs):
    """lib/backend/ndb of rpm: pages of slots, then blobs in blocks of 16 bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pages = (len(blobs) + 2 + 255) // 256
    at, slots, bodies = pages * 256, [], []
    for key, blob in blobs:
        body = b"BlbS" + struct.pack("<III", key, 1700000000, len(blob)) + blob
        body += bytes(-(len(body) + 12) % 16)
        body += struct.pack("<II", zlib.adler32(body), len(blob)) + b"BlbE"
        slots.append(b"Slot" + struct.pack("<III", key, at, len(body) // 16))
        at += len(body) // 16
        bodies.append(body)
    head = b"RpmP" + struct.pack("<IIII", 0, 1, pages, len(blobs) + 1) + bytes(12)
    slots.append((b"Slot" + bytes(12)) * (pages * 256 - 2 - len(blobs)))
    path.write_bytes(b"".join([head, *slots, *bodies]))


def many(root, blobs, count, name):
    """A database of so many packages, all of which are one whose name has a number at its end."""
    folder = root / "var/lib/rpm"
    db = sqlite3.connect(folder / "rpmdb.sqlite")
    [template] = [blob for _, blob in blobs if name in blob]
    digits = len(name) - len(name.rstrip(b"0"))
    db.execute("DELETE FROM Packages")
    db.executemany("INSERT INTO Packages (blob) VALUES (?)",
                   ((template.replace(name, name[:-digits] + b"%0*d" % (digits, i)),)
                    for i in range(count)))
    db.commit()
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()


def sign(packages, home):
    """Signs with a new key, whose public half is returned as a file."""
    env = {**os.environ, "GNUPGHOME": str(home)}
    home.mkdir(mode=0o700)
    subprocess.run(["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key",
                    "tester <tester@example.org>", "rsa2048", "sign", "never"], env=env, check=True,
                   stderr=subprocess.DEVNULL)
    run("rpmsign", "--define", "__gpg /usr/bin/gpg", "--define", "_gpg_name tester@example.org", "--addsign", *packages, env=env, stdin=subprocess.DEVNULL)
    key = home / "key.asc"
    key.write_bytes(run("gpg", "--armor", "--export", env=env))
    subprocess.run(["gpgconf", "--kill", "all"], env=env, check=False)
    return key


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
