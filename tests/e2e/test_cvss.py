"""CVSS vectors scored on the command line."""
import subprocess

import pytest

from conftest import REPOSITORY

WORST = "AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H"


def test_vectors_on_the_command_line(assay):
    vectors = ["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "AV:N/AC:L/Au:N/C:C/I:C/A:C",
               f"CVSS:4.0/{WORST}", "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N"]
    assert assay.output("db", "cvss", *vectors) == (
        b"9.8\tcritical\n10.0\thigh\n10.0\tcritical\n0.0\tnone\n")


def test_many_vectors_on_standard_input(assay):
    lines = [line.split() for line in
             (REPOSITORY / "tests/unit/advisory/cvss.txt").read_text().splitlines()
             if not line.startswith("#")]
    done = subprocess.run([assay.path, "db", "cvss"], check=True, stdout=subprocess.PIPE,
                          input="\n".join(vector for _, vector in lines).encode())
    assert [line.split("\t")[0] for line in done.stdout.decode().splitlines()] == [
        score for score, _ in lines]


@pytest.mark.parametrize("vector,message", [
    ("CVSS:3.1/AV:N", "db cvss: CVSS 3.1: metric AC is missing"),
    ("CVSS:9.9/AV:N", "db cvss: CVSS: no version known as 'CVSS:9.9'"),
    (f"CVSS:4.0/{WORST}/AV:N", "db cvss: CVSS 4.0: metric AV stands twice"),
    ("", "db cvss: CVSS 2.0: no metric ''"),
])
def test_a_wrong_vector_is_refused(assay, vector, message):
    done = assay("db", "cvss", vector)
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.decode() == f"assay: {message}\n"


@pytest.mark.parametrize("text,message", [
    (b"AV:N/AC:L/Au:N/C:C/I:C/A:C\nAV:N\n", "standard input, line 2: CVSS 2.0: metric AC is missing"),
    (b"AV:N\0\n", "standard input, line 1: has a NUL byte"),
    (b"A" * 5000, "standard input, line 1: longer than 4096 bytes"),
])
def test_a_wrong_line_is_named(assay, text, message):
    done = subprocess.run([assay.path, "db", "cvss"], input=text, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr.decode() == f"assay: {message}\n"
