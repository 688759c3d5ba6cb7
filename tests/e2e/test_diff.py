"""assay diff: what changed, its exit status, and clear refusals."""
import json
import subprocess

import pytest


def frame(path, packages, **more):
    """A frame as another program might write it."""
    document = {
        "schema": "assay.frame/1",
        "assay": "0",
        "target": path.name,
        "created": "2026-11-21T00:00:00Z",
        "state": "read",
        "coverage": [],
        "volumes": [],
        "systems": [{
            "os": {"root": "disk0p1", "id": "debian", "pretty_name": "Debian 12"},
            "packages": [{"type": "deb", "name": name, "version": version, "arch": "amd64"}
                         for name, version in packages],
            **more,
        }],
    }
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def pair(tmp_path):
    before = frame(tmp_path / "before.json", [("bash", "5.2-1~rc1"), ("gone", "1"), ("same", "1")],
                   users=[{"name": "joe", "uid": 1000, "gid": 1000, "shell": "/bin/sh"}])
    after = frame(tmp_path / "after.json", [("bash", "5.2-1"), ("same", "1"), ("zsh", "5")],
                  users=[{"name": "joe", "uid": 0, "gid": 1000, "shell": "/bin/sh"}])
    return before, after


def test_differences_are_told_and_give_status_1(assay, pair):
    done = assay("diff", *pair)
    assert done.returncode == 1
    assert done.stdout.decode() == (
        "disk0p1 (Debian 12)\n"
        "  packages\n"
        "    > bash:amd64 5.2-1~rc1 -> 5.2-1 (upgraded)\n"
        "    - gone:amd64 1\n"
        "    + zsh:amd64 5\n"
        "  users\n"
        "    ~ joe: uid 1000 -> 0\n")
    assert done.stderr == b""


def test_no_difference_is_silent_and_gives_status_0(assay, pair):
    assert assay.output("diff", pair[0], pair[0]) == b""


def test_json_says_the_same(assay, pair, tmp_path):
    done = assay("diff", "--format", "json", "-o", tmp_path / "diff.json", *pair)
    assert done.returncode == 1 and done.stdout == b""
    document = json.loads((tmp_path / "diff.json").read_text())
    assert document["schema"] == "assay.diff/1"
    assert document["differ"] is True
    assert [(c["kind"], c["change"]) for c in document["changes"]] == [
        ("packages", "upgraded"), ("packages", "removed"), ("packages", "added"),
        ("users", "changed")]
    assert document["changes"][3]["fields"] == ["uid"]


def test_a_frame_may_come_through_a_pipe(assay, pair):
    command = f"cat {pair[0]} | {assay.path} diff /dev/stdin {pair[0]}"
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("text,message", [
    ("", "an object expected"),
    ("{}", 'no "schema"'),
    ('{"schema":"assay.report/1"}', '"assay.report/1" is not "assay.frame/1"'),
    ('{"schema":"assay.frame/1","systems":[{"os":{"root":"x"},"users":[{"uid":1}]}]}',
     'record without member "name"'),
])
def test_what_is_no_frame_is_refused(assay, pair, tmp_path, text, message):
    path = tmp_path / "other.json"
    path.write_text(text)
    refusal = assay.refusal("diff", pair[0], path)
    assert message in refusal and "other.json" in refusal


def test_a_missing_file_and_wrong_usage_are_errors(assay, pair, tmp_path):
    assert "No such file" in assay.refusal("diff", tmp_path / "none.json", pair[0])
    assert "two frames" in assay.refusal("diff", pair[0])
    assert "unknown format" in assay.refusal("diff", "--format", "yaml", *pair)
