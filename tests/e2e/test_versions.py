"""Versions compared as the package managers themselves compare them, many at a time."""
import ctypes
import ctypes.util
import itertools
import random
import re
import subprocess

import pytest

from conftest import REPOSITORY, run

CHAINS = REPOSITORY / "tests" / "unit" / "advisory" / "versions"
PAIRS = 6000


def sign(order):
    return "<" if order < 0 else ">" if order > 0 else "="


def lines_of(pairs):
    return "".join(f"{a}\t{b}\n" for a, b in pairs).encode()


# Each gives a list of signs; "?" where the package manager does not take the versions.

def by_dpkg_itself(a, b):
    def holds(operator):
        return subprocess.run(["dpkg", "--compare-versions", a, operator, b],
                              check=False).returncode == 0
    return "<" if holds("lt") else ">" if holds("gt") else "="


def by_dpkg(pairs):
    """Dpkg::Version compares as dpkg does, but for numbers that Perl rounds. Those, and a few
    others, are asked of dpkg."""
    script = ('use Dpkg::Version; while (<STDIN>) { chomp; my ($a, $b) = split /\\t/, $_, -1;'
              'print version_check($a) && version_check($b) ? version_compare($a, $b) : "?", "\\n"; }')
    answers = run("perl", "-e", script, input=lines_of(pairs)).decode().split()
    signs = [answer if answer == "?" else sign(int(answer)) for answer in answers]
    for i, (a, b) in enumerate(pairs):
        if a.endswith(":") or b.endswith(":"):
            signs[i] = "?"  # dpkg does not take them, only Perl does
        if signs[i] == "?":
            continue
        if re.search("[0-9]{15}", a + "-" + b):
            signs[i] = by_dpkg_itself(a, b)
        elif i % 50 == 0:
            assert signs[i] == by_dpkg_itself(a, b), (a, b)
    return signs


def by_rpm(pairs, folder):
    script = ("%{lua:for line in io.lines(posix.getenv('PAIRS')) do "
              "local a, b = line:match('^(.-)\\t(.*)$') local ok, order = pcall(rpm.vercmp, a, b) "
              "print((ok and order or '?') .. '\\n') end}")
    path = folder / "pairs"
    path.write_bytes(lines_of(pairs))
    out = run("rpm", "--eval", script, env={"PAIRS": str(path), "PATH": "/usr/bin:/bin"})
    return [answer if answer == "?" else sign(int(answer)) for answer in out.decode().split()]


def by_pacman(pairs):
    """alpm_pkg_vercmp() is what vercmp(8) prints."""
    name = ctypes.util.find_library("alpm")
    assert name, "libalpm (of pacman) is not installed"
    compare = ctypes.CDLL(name).alpm_pkg_vercmp
    compare.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    return [sign(compare(a.encode(), b.encode())) for a, b in pairs]


@pytest.fixture
def oracles(tmp_path):
    return {"dpkg": by_dpkg, "rpm": lambda pairs: by_rpm(pairs, tmp_path), "pacman": by_pacman}


def ours(assay, scheme, pairs):
    done = subprocess.run([assay.path, "db", "compare", scheme], input=lines_of(pairs),
                          stdout=subprocess.PIPE, check=True, timeout=60)
    return done.stdout.decode().split()


def check(assay, scheme, pairs, oracle):
    """How many pairs the package manager takes; for all of these the answers are the same."""
    expected, got = oracle(pairs), ours(assay, scheme, pairs)
    assert len(expected) == len(got) == len(pairs)
    wrong = [(a, want, b, is_) for (a, b), want, is_ in zip(pairs, expected, got)
             if want not in (is_, "?")]
    assert not wrong, f"{len(wrong)} of {len(pairs)}, as {wrong[:20]}"
    return sum(want != "?" for want in expected)


# --- random versions: few different pieces, so that two versions share much --------------------

def digits(rng):
    return rng.choice(["0", "1", "2", "9", "10", "01", "00", "007", "100", "20240101"])


def upstream(rng, pieces):
    return digits(rng) + "".join(rng.choice(pieces) if rng.random() < 0.5 else digits(rng)
                                 for _ in range(rng.randrange(6)))


def debian(rng):
    pieces = [".", ".", "~", "~", "+", "a", "b", "rc", "Z", "+dfsg", "~rc", "+deb12u", "~bpo",
              "ubuntu", "~~", "+b"]
    epoch = rng.choice(["", "", "", "0:", "1:", "10:"])
    dash = rng.choice(["", "-"])
    revision = "-" + upstream(rng, pieces) if rng.random() < 0.7 else ""
    middle = dash + digits(rng) if revision else ""
    return epoch + upstream(rng, pieces) + middle + revision


def rpm(rng):
    pieces = [".", ".", "_", "+", "~", "^", "a", "b", "rc", "Z", ".el9", "_", "~rc", "^git", "..",
              "^^", "~~", "\u03b1"]
    epoch = rng.choice(["", "", "", "0:", "1:", "10:", "01:", ":"])
    release = "-" + upstream(rng, pieces) if rng.random() < 0.7 else ""
    return epoch + upstream(rng, pieces) + release


def pacman(rng):
    pieces = [".", ".", "_", "+", "~", "^", "a", "b", "rc", "Z", ".arch", "+r", "..", "._"]
    epoch = rng.choice(["", "", "", "0:", "1:", "10:", "01:", ":"])
    release = "-" + upstream(rng, pieces) if rng.random() < 0.5 else ""
    return epoch + upstream(rng, pieces) + release


GRAMMARS = {"dpkg": debian, "rpm": rpm, "pacman": pacman}


def near(rng, version):
    """The same with one piece taken out, doubled or exchanged, where a version is left."""
    i = rng.randrange(len(version))
    piece = rng.choice(["", "0", "1", ".", "~", "a", version[i] * 2])
    return version[:i] + piece + version[i + 1:]


@pytest.mark.parametrize("scheme", GRAMMARS)
def test_random_versions(assay, scheme, oracles):
    rng = random.Random(f"versions of {scheme}")
    grammar = GRAMMARS[scheme]
    pairs = [(grammar(rng), grammar(rng)) for _ in range(PAIRS // 2)]
    while len(pairs) < PAIRS:
        version = grammar(rng)
        pairs.append((version, near(rng, version)))
    assert check(assay, scheme, pairs, oracles[scheme]) > PAIRS * 0.9


def chains(scheme):
    for line in (CHAINS / f"{scheme}.txt").read_text().splitlines():
        if line.startswith("# Not versions"):
            return
        if line and not line.startswith("#"):
            yield line.split()[0::2]


@pytest.mark.parametrize("scheme", GRAMMARS)
def test_what_the_unit_tests_hold_for_facts(assay, scheme, oracles):
    pairs = [pair for chain in chains(scheme) for pair in itertools.combinations(chain, 2)]
    assert check(assay, scheme, pairs, oracles[scheme]) == len(pairs) > 200


# --- the command -------------------------------------------------------------------------------

def test_two_versions_on_the_command_line(assay):
    assert assay.output("db", "compare", "dpkg", "1.0~rc1", "1.0") == b"<\n"
    assert assay.output("db", "compare", "deb", "1:0", "2") == b">\n"
    assert assay.output("db", "compare", "rpm", "1.0-1", "0:1.0-1") == b"=\n"
    assert assay.output("db", "compare", "apk", "--", "1", "-1") == b">\n"


def test_a_last_line_without_newline_counts(assay):
    done = subprocess.run([assay.path, "db", "compare", "rpm"], input=b"1\t2\n\t1\n2\t1",
                          stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"<\n<\n>\n"


@pytest.mark.parametrize("text,message", [
    (b"1\t2\n1 2\n", "standard input, line 2: not two versions with a tab between them"),
    (b"1\t2\t3\n", "line 1: not two versions"),
    (b"1\t2\0\n", "line 1: has a NUL byte"),
    (b"\n", "line 1: not two versions"),
    (b"1\t" + b"2" * 70000, "line 1: longer than 65536 bytes"),
])
def test_a_wrong_line_is_named(assay, text, message):
    done = subprocess.run([assay.path, "db", "compare", "rpm"], input=text, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


def test_an_unknown_scheme_is_refused_with_the_known_ones(assay):
    text = assay.refusal("db", "compare", "nosuch", "1", "2")
    assert "nosuch" in text and "dpkg, rpm, apk, pacman" in text
    assert "give a scheme" in assay.refusal("db", "compare", "rpm", "1")
