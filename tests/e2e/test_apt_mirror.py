"""Advisories out of a local APT mirror, made with Debian's own tools."""
import gzip
import json
import lzma
import os
import subprocess

import pytest

from conftest import run
from test_db import digest, export

CHANGELOG = """\
vim-like (2:9.0-2+deb12u2) bookworm-security; urgency=high

  * Non-maintainer upload.
  * Fix a flaw (CVE-2024-2222, CVE-2024-3333) and
    the regression of the fix for CVE-2024-1111.

 -- Some One <one@example.org>  Sat, 01 Jun 2024 10:00:00 +0000

vim-like (2:9.0-2+deb12u1) bookworm-security; urgency=medium

  * CVE-2024-1111: fixed.

 -- Some One <one@example.org>  Wed, 01 May 2024 10:00:00 +0000

vim-like (2:9.0-2) unstable; urgency=low

  * New upstream version. Not about XCVE-2024-4444 nor CVE-12.

 -- Some One <one@example.org>  Sun, 01 Jan 2023 10:00:00 +0000
"""


def make_deb(folder, name, version, changelog, source=None, compression="xz", native=False,
             filler=0):
    tree = folder / f"tree-{name}"
    docs = tree / "usr/share/doc" / name
    docs.mkdir(parents=True)
    if changelog is not None:
        file = docs / ("changelog.gz" if native else "changelog.Debian.gz")
        file.write_bytes(gzip.compress(changelog.encode()))
    (docs / "filler").write_bytes(os.urandom(filler))
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nDescription: test\n"
        "Maintainer: Some One <one@example.org>\n" + (f"Source: {source}\n" if source else ""))
    pool = folder / "pool/main"
    pool.mkdir(parents=True, exist_ok=True)
    run("dpkg-deb", f"-Z{compression}", "--root-owner-group", "-b", tree,
        pool / f"{name}_{version.replace(':', '%3a')}_amd64.deb")
    run("rm", "-r", tree)


def publish(folder, suite, origin="Debian", codename=None, compress=("xz",)):
    binary = folder / "dists" / suite / "main/binary-amd64"
    binary.mkdir(parents=True, exist_ok=True)
    packages = run("apt-ftparchive", "packages", "pool", cwd=folder)
    (binary / "Packages").write_bytes(packages)
    if "xz" in compress:
        (binary / "Packages.xz").write_bytes(lzma.compress(packages))
    if "gz" in compress:
        (binary / "Packages.gz").write_bytes(gzip.compress(packages))
    if "zst" in compress:
        run("zstd", "-q", binary / "Packages")
    release = folder / "dists" / suite / "Release"
    text = run("apt-ftparchive", "-o", f"APT::FTPArchive::Release::Origin={origin}", "-o",
               f"APT::FTPArchive::Release::Codename={codename or suite}", "-o",
               f"APT::FTPArchive::Release::Suite={suite}", "release", f"dists/{suite}", cwd=folder)
    release.write_bytes(text)
    (binary / "Packages").unlink()
    return release


@pytest.fixture
def mirror(tmp_path):
    folder = tmp_path / "mirror"
    folder.mkdir()
    make_deb(folder, "vim-like", "2:9.0-2+deb12u2", CHANGELOG)
    make_deb(folder, "vim-like-data", "2:9.0-2+deb12u2", None, source="vim-like")
    make_deb(folder, "libthing1", "1.0-1+deb12u1+b1", "thing (1.0-1+deb12u1) bookworm-security; "
             "urgency=high\n\n  * A hole without a number.\n\n -- A <a@b.c>  Sat, 01 Jun 2024 "
             "10:00:00 +0000\n", source="thing (1.0-1+deb12u1)", compression="gzip", native=True)
    publish(folder, "bookworm-security")
    return folder


@pytest.fixture
def database(tmp_path):
    return tmp_path / "a.db"


def statements(assay, database):
    return {(f["id"], f["ecosystem"], f["package"], f.get("fixed"))
            for f in map(json.loads, export(assay, database)) if f["type"] == "statement"}


EXPECTED = {
    ("CVE-2024-1111", "Debian:12", "vim-like", "2:9.0-2+deb12u1"),
    ("CVE-2024-2222", "Debian:12", "vim-like", "2:9.0-2+deb12u2"),
    ("CVE-2024-3333", "Debian:12", "vim-like", "2:9.0-2+deb12u2"),
    ("bookworm-security/thing_1.0-1+deb12u1", "Debian:12", "thing", "1.0-1+deb12u1"),
}


def test_changelogs_name_what_is_mended(assay, mirror, database):
    done = assay("db", "import", "--db", database, mirror)
    assert done.returncode == 0, done.stderr
    assert statements(assay, database) == EXPECTED
    assert b"signature not verified" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert b"apt-debian-12" in done.stdout


@pytest.mark.parametrize("compression", ["gz", "zst", "none"])
def test_packages_files_in_every_compression(assay, mirror, database, compression):
    (mirror / "dists/bookworm-security/main/binary-amd64/Packages.xz").unlink()
    publish(mirror, "bookworm-security", compress=(compression,))
    if compression == "none":
        packages = run("apt-ftparchive", "packages", "pool", cwd=mirror)
        (mirror / "dists/bookworm-security/main/binary-amd64/Packages").write_bytes(packages)
    assert assay("db", "import", "--db", database, mirror).returncode == 0
    assert statements(assay, database) == EXPECTED


def test_updates_and_ubuntu_and_other_suites(assay, tmp_path, database):
    folder = tmp_path / "ubuntu"
    folder.mkdir()
    make_deb(folder, "vim-like", "2:9.0-2+deb12u2", CHANGELOG, compression="zstd")
    make_deb(folder, "quiet", "1", "quiet (1) x; urgency=low\n\n  * Nothing.\n\n -- A <a@b.c>  x\n")
    for suite in ("jammy", "jammy-updates", "jammy-backports", "jammy-proposed"):
        publish(folder, suite, origin="Ubuntu", codename="jammy")
    (folder / "dists/stable-updates").symlink_to("jammy-updates")
    assert assay("db", "import", "--db", database, folder).returncode == 0
    assert statements(assay, database) == {
        (cve, "Ubuntu:22.04", "vim-like", fixed) for cve, _, _, fixed in EXPECTED
        if cve.startswith("CVE-")}


def test_only_the_newest_version_counts(assay, mirror, database):
    newer = CHANGELOG.replace("2:9.0-2+deb12u2)", "2:9.0-2+deb12u10)")
    make_deb(mirror, "vim-like", "2:9.0-2+deb12u10", newer)
    publish(mirror, "bookworm-security")
    assert assay("db", "import", "--db", database, mirror).returncode == 0
    assert ("CVE-2024-2222", "Debian:12", "vim-like", "2:9.0-2+deb12u10") in \
        statements(assay, database)


def test_a_changed_index_is_refused_by_name(assay, mirror, database):
    assert assay("db", "import", "--db", database, mirror).returncode == 0
    before = digest(database)
    index = mirror / "dists/bookworm-security/main/binary-amd64/Packages.xz"
    index.write_bytes(lzma.compress(lzma.decompress(index.read_bytes()) + b"\n"))
    done = assay("db", "import", "--db", database, mirror)
    assert done.returncode == 2 and str(index).encode() in done.stderr
    assert digest(database) == before


def test_a_changed_package_is_refused_by_name(assay, mirror, database):
    (deb,) = mirror.glob("pool/main/vim-like_*.deb")
    (data,) = mirror.glob("pool/main/vim-like-data_*.deb")
    deb.write_bytes(deb.read_bytes()[:-1] + b"x")
    done = assay("db", "import", "--db", database, mirror)
    assert done.returncode == 2 and str(deb).encode() in done.stderr
    assert not database.exists()
    assert data.exists()


def test_a_missing_package_is_said(assay, mirror, database):
    for deb in mirror.glob("pool/main/vim-like*.deb"):
        deb.unlink()
    done = assay("db", "import", "--db", database, mirror)
    assert done.returncode == 0
    assert b"not in the mirror, so their CVEs are not known: vim-like\n" in done.stderr
    assert ("bookworm-security/vim-like_2:9.0-2+deb12u2", "Debian:12", "vim-like",
            "2:9.0-2+deb12u2") in statements(assay, database)


def test_a_damaged_package_is_said(assay, mirror, database):
    (deb,) = mirror.glob("pool/main/libthing1_*.deb")
    deb.write_bytes(deb.read_bytes()[:200])
    publish(mirror, "bookworm-security")
    done = assay("db", "import", "--db", database, mirror)
    # apt-ftparchive leaves it out or lists it; either way nothing breaks
    assert done.returncode == 0, done.stderr
    assert ("CVE-2024-2222", "Debian:12", "vim-like", "2:9.0-2+deb12u2") in \
        statements(assay, database)


def test_a_mirror_without_pockets_is_said(assay, mirror, database):
    (mirror / "dists/bookworm-security").rename(mirror / "dists/bookworm")
    done = assay("db", "import", "--db", database, mirror)
    assert done.returncode == 2 and b"without security or update pockets" in done.stderr


# --- signatures ------------------------------------------------------------------------------------

class Keys:
    def __init__(self, folder):
        self.home = folder
        self.environment = {**os.environ, "GNUPGHOME": str(folder)}
        folder.mkdir(mode=0o700)

    def __call__(self, *arguments):
        return run("gpg", "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", "",
                   *arguments, env=self.environment)

    def make(self, name):
        self("--quick-gen-key", name, "ed25519", "sign", "never")
        keyring = self.home / f"{name}.gpg"
        keyring.write_bytes(self("--export", name))
        return keyring


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    keys = Keys(tmp_path_factory.mktemp("k") / "gnupg")
    keys.good, keys.other = keys.make("good"), keys.make("other")
    yield keys
    subprocess.run(["gpgconf", "--kill", "all"], env=keys.environment)


@pytest.mark.parametrize("inline", [True, False])
def test_signatures_are_checked(assay, mirror, database, keys, inline):
    release = mirror / "dists/bookworm-security/Release"
    if inline:
        keys("-u", "good", "--clearsign", "-o", release.with_name("InRelease"), release)
        release.unlink()
    else:
        keys("-u", "good", "--armor", "--detach-sign", "-o", release.with_name("Release.gpg"),
             release)
    signed = release.with_name("InRelease") if inline else release
    done = assay("db", "import", "--keyring", keys.good, "--db", database, mirror)
    assert done.returncode == 0 and done.stderr == b"", done.stderr
    assert statements(assay, database) == EXPECTED
    before = digest(database)
    text = assay.refusal("db", "import", "--keyring", keys.other, "--db", database, mirror)
    assert str(signed) in text and "signature" in text
    signed.write_bytes(signed.read_bytes().replace(b"Origin: Debian", b"Origin: debian"))
    text = assay.refusal("db", "import", "--keyring", keys.good, "--db", database, mirror)
    assert str(signed) in text
    assert digest(database) == before


def test_unsigned_is_refused_when_a_keyring_is_given(assay, mirror, database, keys):
    text = assay.refusal("db", "import", "--keyring", keys.good, "--db", database, mirror)
    assert "is not signed" in text and "bookworm-security/Release" in text


def test_clearsigned_without_keyring(assay, mirror, database, keys):
    release = mirror / "dists/bookworm-security/Release"
    keys("-u", "good", "--clearsign", "-o", release.with_name("InRelease"), release)
    release.unlink()
    done = assay("db", "import", "--db", database, mirror)
    assert done.returncode == 0 and b"signature not verified" in done.stderr
    assert statements(assay, database) == EXPECTED
