"""What the program says of itself: help, man page, completion, and that `make install` brings them."""
import os
import re
import subprocess

import pytest

from conftest import REPOSITORY, run

LISTED = re.compile(r"^  (\w+(?: \w+)?) {2,}\S", re.M)


def commands(assay):
    listed = assay.output("help").decode().split("Commands:\n")[1].split("\n\n")[0]
    return LISTED.findall(listed)


def test_every_command_has_help_with_an_example(assay):
    names = commands(assay)
    assert {"scan", "frame", "disk", "ls", "cat", "diff", "db import", "version"} <= set(names)
    for name in names:
        text = assay.output(*name.split(), "--help").decode()
        assert text.startswith("Usage:\n") and f"assay {name}" in text
        # What the example does stands below it.
        assert re.search(rf"Examples:\n  assay {name}\b.*\n    \S", text), name
        assert assay.output("help", *name.split()).decode().replace("help ", "") == \
            text.replace("help ", "")


def test_groups_of_commands_have_help(assay):
    for group in {name.split()[0] for name in commands(assay) if " " in name}:
        listed = assay.output(group, "--help").decode()
        assert f"  assay {group} " in listed
        assert listed == assay.output(group, "-h").decode() == assay.output("help", group).decode()


def test_an_unknown_command_is_one_line(assay):
    assert assay.refusal("scna") == "assay: unknown command 'scna' (see 'assay --help')\n"
    assert "missing subcommand" in assay.refusal("db")


def test_the_man_page_is_clean_and_tells_all(assay, tmp_path):
    page = tmp_path / "assay.1"
    page.write_bytes(assay.output("help", "--man"))
    done = subprocess.run(["man", "--warnings", "-l", str(page)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=True,
                          env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8",
                               "MAN_KEEP_FORMATTING": "", "GROFF_NO_SGR": "1"})
    assert done.stderr == b""
    text = re.sub(r".\x08", "", done.stdout.decode())
    for name in commands(assay):
        assert f"assay {name}" in text
        help_text = assay.output(*name.split(), "--help").decode()
        for option in re.findall(r"--[a-z][a-z-]+", help_text.split("Options:")[-1]):
            if option != "--help":
                assert option in text, (name, option)
    assert "…" in text and "EXIT STATUS" in text


def complete(script, words):
    """What bash offers for the last of the words."""
    source = f'source "{script}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _assay; ' \
             'printf "%s\\n" "${COMPREPLY[@]}"'
    done = run("bash", "--norc", "-c", source, "bash", *words)
    return set(done.decode().split())


@pytest.fixture(scope="module")
def bash(assay, tmp_path_factory):
    script = tmp_path_factory.mktemp("completion") / "assay"
    script.write_bytes(assay.output("help", "--completion", "bash"))
    return script


def test_bash_completes_commands_and_options(assay, bash, tmp_path):
    assert complete(bash, ["assay", "sc"]) == {"scan"}
    assert complete(bash, ["assay", ""]) == {name.split()[0] for name in commands(assay)}
    assert complete(bash, ["assay", "db", "im"]) == {"import"}
    assert {"--fail-on", "--format"} <= complete(bash, ["assay", "scan", "--f"])
    assert complete(bash, ["assay", "scan", "x.img", "--fail"]) == {"--fail-on"}
    assert complete(bash, ["assay", "db", "import", "--key"]) == {"--keyring"}
    (tmp_path / "disk image.qcow2").touch()
    assert complete(bash, ["assay", "scan", f"{tmp_path}/disk"]) == \
        {f"{tmp_path}/disk", "image.qcow2"}


def test_fish_completes_commands_and_options(assay, tmp_path):
    script = tmp_path / "assay.fish"
    script.write_bytes(assay.output("help", "--completion", "fish"))

    def fish(line):
        done = run("fish", "--no-config", "-c", f"source {script}; complete -C '{line}'",
                   env={**os.environ, "HOME": str(tmp_path)})
        return {offer.split("\t")[0] for offer in done.decode().splitlines()}

    assert fish("assay sc") == {"scan"}
    assert fish("assay db im") == {"import"}
    assert {"--fail-on", "--format"} <= fish("assay scan --f")


def test_zsh_accepts_its_completion(assay, tmp_path):
    script = tmp_path / "_assay"
    script.write_bytes(assay.output("help", "--completion", "zsh"))
    run("zsh", "-n", script)
    # Defined and called as a widget would; _describe shows what is offered.
    offered = run("zsh", "-f", "-c", f"""
        _describe() {{ print -l -- ${{(P)2}} }}
        _arguments() {{ print -l -- "$@" }}
        words=(assay "$@"); CURRENT=$#words
        source {script}""", "zsh", "db", "").decode()
    assert "import:" in offered and "scan:" not in offered
    offered = run("zsh", "-f", "-c", f"""
        _arguments() {{ print -l -- "$@" }}
        words=(assay "$@"); CURRENT=$#words
        source {script}""", "zsh", "scan", "").decode()
    assert "--fail-on[" in offered and "*:file:_files" in offered


def test_no_completion_for_other_shells(assay):
    assert "no completion for shell 'csh'" in assay.refusal("help", "--completion", "csh")


def test_install_brings_the_program_its_page_and_completion(assay, tmp_path):
    folder = os.path.dirname(assay.path)
    run("meson", "install", "-C", folder, "--no-rebuild", "--destdir", tmp_path,
        cwd=REPOSITORY)
    found = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    for ending in ["bin/assay", "man/man1/assay.1", "bash-completion/completions/assay",
                   "zsh/site-functions/_assay", "fish/vendor_completions.d/assay.fish"]:
        assert any(f.endswith(ending) for f in found), (ending, found)
