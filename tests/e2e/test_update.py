"""db update against a server of our own: conditional and partial requests, connections that are
cut, wrong checksums, repositories of dnf, no network."""
import base64
import gzip
import hashlib
import http.server
import io
import json
import threading
import zipfile

import pytest

from test_db import digest, export, kev, leftovers, osv

KEV = "/www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"
DEBIAN = "/storage.googleapis.com/osv-vulnerabilities/Debian/all.zip"
TRACKER = "/security-tracker.debian.org/tracker/data/json"
EPSS = "/epss.empiricalsecurity.com/epss_scores-current.csv.gz"
FEDORA = "/dl.fedoraproject.org/pub/fedora/linux/updates/43/Everything/x86_64"
DATE = "Sat, 01 Jun 2024 00:00:00 GMT"


class Mirror(http.server.ThreadingHTTPServer):
    """Serves bytes by path and writes down what was asked for. A path in cut gets that many bytes
    of each answer's body, then the connection ends; ranges counts answers with a part."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.headers, self.cut, self.asked = {}, {}, {}, []
        self.no_ranges = False
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def put(self, path, data, **headers):
        self.files[path] = data
        self.headers[path] = {"ETag": f'"{hashlib.sha256(data).hexdigest()[:16]}"',
                              "Last-Modified": DATE,
                              **{k.replace("_", "-"): v for k, v in headers.items()}}

    def statuses(self, path):
        return [status for asked, status in self.asked if asked == path]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.server.asked.append((self.path, status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = self.server.cut.get(self.path, len(body))
        self.wfile.write(body[:cut])
        if cut < len(body):
            self.close_connection = True

    def do_GET(self):
        data = self.server.files.get(self.path)
        if data is None:
            return self.answer(404, b"<html>no</html>")
        headers = self.server.headers[self.path]
        if "Location" in headers:
            return self.answer(302, Location=headers["Location"])
        if self.headers.get("If-None-Match") == headers["ETag"]:
            return self.answer(304, **headers)
        wanted = self.headers.get("Range")
        if wanted and not self.server.no_ranges and \
                self.headers.get("If-Range", headers["ETag"]) == headers["ETag"]:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                return self.answer(416, **{"Content-Range": f"bytes */{len(data)}"})
            part = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            return self.answer(206, data[start:], **headers, **part)
        return self.answer(200, data, **headers)


@pytest.fixture
def mirror():
    server = Mirror()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def database(tmp_path):
    return tmp_path / "a.db"


def zipped(records):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for record in records:
            z.writestr(record["id"] + ".json", json.dumps(record))
    return out.getvalue()


def debian_records(count=50):
    return [osv(n, f"p{n}") for n in range(1, count + 1)]


def serve_debian(mirror, count=50):
    mirror.put(DEBIAN, zipped(debian_records(count)))
    mirror.put(TRACKER, json.dumps({"bash": {"CVE-2024-0001": {"releases": {
        "bookworm": {"status": "open", "urgency": "low"}}}}}).encode())


def update(assay, database, mirror, *names):
    return assay("db", "update", "--db", database, "--from", mirror.address, *names)


def feeds(assay, database):
    status = json.loads(assay.output("db", "status", "--db", database, "--format", "json"))
    return {f["name"]: f for f in status["feeds"]}


def test_fetches_imports_and_remembers(assay, mirror, database):
    serve_debian(mirror)
    mirror.put(KEV, json.dumps(kev("CVE-2024-0001")).encode())
    done = update(assay, database, mirror, "debian", "kev")
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    known = feeds(assay, database)
    assert set(known) == {"osv-cve", "debian-tracker", "kev"}
    assert known["osv-cve"]["source"] == mirror.address + DEBIAN
    assert leftovers(database) == []

    before = digest(database)
    mirror.asked.clear()
    done = update(assay, database, mirror)
    assert done.returncode == 0
    assert done.stdout.count(b"unchanged") == 3
    assert sorted(mirror.asked) == sorted((p, 304) for p in (DEBIAN, TRACKER, KEV))
    assert digest(database) == before

    mirror.put(KEV, json.dumps(kev("CVE-2024-0002")).encode())
    mirror.asked.clear()
    done = update(assay, database, mirror)
    assert done.returncode == 0
    assert mirror.statuses(KEV) == [200] and mirror.statuses(DEBIAN) == [304]
    scores = [json.loads(f)["id"] for f in export(assay, database) if '"score"' in f]
    assert scores == ["CVE-2024-0002"]


def test_a_cut_transfer_goes_on(assay, mirror, database):
    serve_debian(mirror, 2000)
    size = len(mirror.files[DEBIAN])
    mirror.cut[DEBIAN] = size // 3 + 1
    done = update(assay, database, mirror, "debian-osv")
    assert done.returncode == 0, done.stderr
    assert mirror.statuses(DEBIAN) == [200, 206, 206]
    assert feeds(assay, database)["osv-cve"]["records"] == 2000


def test_the_next_call_goes_on_too(assay, mirror, database):
    serve_debian(mirror, 2000)
    size = len(mirror.files[DEBIAN])
    mirror.cut[DEBIAN] = size // 10
    done = update(assay, database, mirror, "debian-osv")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and DEBIAN.encode() in done.stderr
    assert not database.exists()
    part = database.with_name("a.db.download") / "debian-osv.zip.part"
    fetched = part.stat().st_size
    assert size // 3 < fetched < size // 2
    mirror.cut.clear()
    mirror.asked.clear()
    assert update(assay, database, mirror, "debian-osv").returncode == 0
    assert mirror.statuses(DEBIAN) == [206]
    assert feeds(assay, database)["osv-cve"]["records"] == 2000
    assert leftovers(database) == []


def test_a_newer_version_is_not_mixed_with_the_old_part(assay, mirror, database):
    serve_debian(mirror, 2000)
    mirror.cut[DEBIAN] = len(mirror.files[DEBIAN]) // 10
    assert update(assay, database, mirror, "debian-osv").returncode == 2
    mirror.cut.clear()
    serve_debian(mirror, 1500)
    assert update(assay, database, mirror, "debian-osv").returncode == 0
    assert mirror.statuses(DEBIAN)[-1] == 200
    assert feeds(assay, database)["osv-cve"]["records"] == 1500


def test_a_server_without_ranges(assay, mirror, database):
    serve_debian(mirror, 500)
    mirror.no_ranges = True
    mirror.cut[DEBIAN] = 1000
    done = update(assay, database, mirror, "debian-osv")
    assert done.returncode == 2
    mirror.cut.clear()
    assert update(assay, database, mirror, "debian-osv").returncode == 0
    assert feeds(assay, database)["osv-cve"]["records"] == 500


def test_checksums_of_the_server_are_checked(assay, mirror, database):
    data = zipped(debian_records())
    right = base64.b64encode(hashlib.md5(data).digest()).decode()
    mirror.put(DEBIAN, data, x_goog_hash=f"crc32c=AAAAAA==,md5={right}")
    assert update(assay, database, mirror, "debian-osv").returncode == 0
    before = digest(database)
    wrong = base64.b64encode(hashlib.md5(b"else").digest()).decode()
    mirror.put(DEBIAN, data + b" ", x_goog_hash=f"md5={wrong}")
    done = update(assay, database, mirror, "debian-osv")
    assert done.returncode == 2 and b"checksum" in done.stderr
    assert digest(database) == before
    sha = base64.b64encode(hashlib.sha256(b"else").digest()).decode()
    mirror.put(DEBIAN, data + b"  ", Repr_Digest=f"sha-256=:{sha}:")
    done = update(assay, database, mirror, "debian-osv")
    assert done.returncode == 2 and b"checksum" in done.stderr
    assert leftovers(database) == []


UPDATEINFO = """<?xml version="1.0"?><updates><update type="security"><id>FEDORA-2026-1</id>
<title>a</title><issued date="2026-01-02 03:04:05"/><references><reference type="bugzilla" id="1"
title="CVE-2026-1111 a: flaw"/></references><pkglist><collection><package name="a" epoch="0"
version="1" release="2.fc43" arch="x86_64"/></collection></pkglist></update></updates>"""


def serve_fedora(mirror, text, checksum=None, location="repodata/x-updateinfo.xml.gz"):
    data = gzip.compress(text.encode(), mtime=0)
    repomd = f"""<?xml version="1.0"?><repomd xmlns="http://linux.duke.edu/metadata/repo">
<data type="primary"><checksum type="sha256">00</checksum><location href="repodata/p.xml"/></data>
<data type="updateinfo"><checksum type="sha256">{checksum or hashlib.sha256(data).hexdigest()}
</checksum><open-checksum type="sha256">11</open-checksum><location href="{location}"/></data>
</repomd>"""
    mirror.put(FEDORA + "/repodata/repomd.xml", repomd.encode())
    mirror.put(FEDORA + "/repodata/x-updateinfo.xml.gz", data)


def test_dnf_repositories(assay, mirror, database):
    serve_fedora(mirror, UPDATEINFO)
    assert update(assay, database, mirror, "fedora-43").returncode == 0
    assert feeds(assay, database)["updateinfo-fedora"]["records"] == 1
    mirror.asked.clear()
    done = update(assay, database, mirror)
    assert b"unchanged" in done.stdout
    assert mirror.asked == [(FEDORA + "/repodata/repomd.xml", 200)]
    serve_fedora(mirror, UPDATEINFO.replace("-1<", "-2<"), checksum="22" * 32)
    done = update(assay, database, mirror)
    assert done.returncode == 2 and b"checksum" in done.stderr
    serve_fedora(mirror, UPDATEINFO, checksum="33" * 32, location="../../../etc/passwd")
    done = update(assay, database, mirror)
    assert done.returncode == 2 and b"outside its repository" in done.stderr


def test_one_feed_that_fails_does_not_stop_the_others(assay, mirror, database):
    mirror.put(KEV, json.dumps(kev("CVE-2024-0001")).encode())
    done = update(assay, database, mirror, "kev", "epss")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert b"epss" in done.stderr and b"404" in done.stderr
    assert set(feeds(assay, database)) == {"kev"}


def test_what_comes_is_not_a_feed(assay, mirror, database):
    mirror.put(KEV, json.dumps(kev("CVE-2024-0001")).encode())
    assert update(assay, database, mirror, "kev").returncode == 0
    before = digest(database)
    mirror.put(KEV, b"<html>Please log in</html>")
    done = update(assay, database, mirror, "kev")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert digest(database) == before


def test_redirects_are_followed(assay, mirror, database):
    mirror.put("/elsewhere", json.dumps(kev("CVE-2024-0001")).encode())
    mirror.put(KEV, b"", Location=mirror.address + "/elsewhere")
    assert update(assay, database, mirror, "kev").returncode == 0
    mirror.put(KEV, b"", Location="file:///etc/passwd")
    assert update(assay, database, mirror, "kev").returncode == 2


def test_a_folder_is_a_mirror(assay, tmp_path, mirror, database):
    place = tmp_path / "a mirror"
    target = place / KEV.lstrip("/")
    target.parent.mkdir(parents=True)
    target.write_text(json.dumps(kev("CVE-2024-0001")))
    assay.output("db", "update", "--db", database, "--from", place, "kev")
    assert feeds(assay, database)["kev"]["records"] == 1


def test_no_network_is_one_line(assay, mirror, database):
    serve_debian(mirror)
    mirror.put(KEV, json.dumps(kev("CVE-2024-0001")).encode())
    assert update(assay, database, mirror, "debian", "kev").returncode == 0
    before = digest(database)
    mirror.shutdown()
    mirror.server_close()
    done = update(assay, database, mirror)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and b"nothing can be fetched" in done.stderr
    assert digest(database) == before
    assert leftovers(database) == []


def test_names_are_checked(assay, mirror, database):
    assert "no feed or system of that name" in assay.refusal("db", "update", "--db", database,
                                                             "nosuch")
    assert "name the systems" in assay.refusal("db", "update", "--db", database)
    listed = assay.output("db", "update", "--list").decode()
    assert {"debian", "ubuntu", "alpine", "redhat", "kev", "epss"} <= \
        {line.split()[0] for line in listed.splitlines()}
