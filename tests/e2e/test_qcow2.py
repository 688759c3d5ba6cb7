"""qcow2 images read by us hold the same bytes as read by qemu-img."""
import itertools
import json
import os
import random
import shutil
import struct
import subprocess

import pytest

from conftest import qemu_io, random_writes, run

SMALL = (6 << 20) + 1536
LARGE = (30 << 20) + 1536  # for clusters of 2 MiB


def create(path, size, backing=None, **options):
    """options as of `qemu-img create -o`."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2"]
    if options:
        command += ["-o", ",".join(f"{name}={value}" for name, value in options.items())]
    if backing is not None:
        command += ["-b", backing[0], "-F", backing[1]]
    run(*command, path, str(size))


def truth(path, tmp_path, *arguments):
    """The disk's bytes as qemu-img reads them."""
    raw = tmp_path / "truth.raw"
    run("qemu-img", "convert", *arguments, "-O", "raw", path, raw)
    data = raw.read_bytes()
    raw.unlink()
    return data


def assert_same(got, expected):
    """Comparing long bytes in an assertion takes minutes to print."""
    assert len(got) == len(expected)
    if got != expected:
        first = next(i for i, (a, b) in enumerate(zip(got, expected)) if a != b)
        raise AssertionError(f"the first different byte is at {first}")


def filled(data):
    """The writes have arrived."""
    return data.count(0) < 0.99 * len(data)


def matrix():
    versions = {"0.10": ["plain", "zlib"], "1.1": ["plain", "zlib", "zstd"]}
    clusters = {512: SMALL, 4096: SMALL, 65536: SMALL, 2 << 20: LARGE}
    for version, compressions in versions.items():
        for compression, cluster, chain in itertools.product(compressions, clusters, [1, 3]):
            yield pytest.param(version, compression, cluster, clusters[cluster], chain, False,
                               id=f"{version}-{compression}-{cluster}-chain{chain}")
    for compression, cluster, chain in itertools.product(versions["1.1"],
                                                         [16384, 65536, 2 << 20], [1, 3]):
        yield pytest.param("1.1", compression, cluster, clusters.get(cluster, SMALL), chain, True,
                           id=f"extended-{compression}-{cluster}-chain{chain}")


@pytest.mark.parametrize("version,compression,cluster,size,chain,extended", matrix())
def test_every_kind_of_image_holds_the_same_bytes(assay, patterns, tmp_path, version, compression,
                                                  cluster, size, chain, extended):
    rng = random.Random(f"{version}{compression}{cluster}{chain}{extended}")
    options = {"compat": version, "cluster_size": cluster}
    if version != "0.10":
        options["compression_type"] = "zlib" if compression == "plain" else compression
        options["extended_l2"] = "on" if extended else "off"
    fill = dict(compressed=compression != "plain")
    backing = None
    if chain == 3:  # a raw base shorter than the image over it, which is shorter than the top
        (tmp_path / "base.raw").write_bytes(rng.randbytes(size // 4 // 512 * 512 + 512))
        create(tmp_path / "middle.qcow2", size // 2 // 512 * 512, ("base.raw", "raw"), **options)
        qemu_io(tmp_path / "middle.qcow2",
                random_writes(rng, patterns, size // 2 // 512 * 512, cluster, 20, **fill))
        backing = ("middle.qcow2", "qcow2")
    image = tmp_path / "disk.qcow2"
    create(image, size, backing, **options)
    qemu_io(image, random_writes(rng, patterns, size, cluster, **fill))
    run("qemu-img", "snapshot", "-c", "before", image)
    before = truth(image, tmp_path)
    qemu_io(image, random_writes(rng, patterns, size, cluster, 30))
    after = truth(image, tmp_path)
    assert filled(before) and filled(after) and (before == after) is False
    assert_same(assay.output("cat", "--disk", image), after)
    assert_same(truth(image, tmp_path, "-l", "snapshot.name=before"), before)
    assert_same(assay.output("cat", "--disk", f"{image}@before"), before)
    assert_same(assay.output("cat", "--disk", f"{image}@1"), before)


@pytest.mark.parametrize("compression", ["zlib", "zstd"])
@pytest.mark.parametrize("cluster", [512, 4096, 65536, 2 << 20])
def test_a_converted_compressed_image(assay, patterns, tmp_path, compression, cluster):
    raw = tmp_path / "disk.raw"
    rng = random.Random(cluster)
    raw.write_bytes(b"".join(rng.choice([bytes(30000), rng.randbytes(9000),
                                         (patterns / "0").read_bytes()[:70000]])
                             for _ in range(150)))
    os.truncate(raw, raw.stat().st_size // 512 * 512)
    image = tmp_path / "disk.qcow2"
    run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2",
        "-o", f"compression_type={compression},cluster_size={cluster}", raw, image)
    assert_same(assay.output("cat", "--disk", image), raw.read_bytes())


@pytest.mark.parametrize("raw_external", ["on", "off"])
@pytest.mark.parametrize("cluster,extended", [(512, "off"), (65536, "off"), (16384, "on"),
                                              (2 << 20, "off")])
def test_an_external_data_file(assay, patterns, tmp_path, raw_external, cluster, extended):
    rng = random.Random(cluster)
    image = tmp_path / "disk.qcow2"
    size = LARGE if cluster > 65536 else SMALL
    create(image, size, data_file=tmp_path / "disk.data", data_file_raw=raw_external,
           cluster_size=cluster, extended_l2=extended)
    qemu_io(image, random_writes(rng, patterns, size, cluster))
    expected = truth(image, tmp_path)
    assert filled(expected)
    assert_same(assay.output("cat", "--disk", image), expected)


def test_an_external_data_file_over_a_backing_file(assay, patterns, tmp_path):
    (tmp_path / "base.raw").write_bytes(random.Random(6).randbytes(SMALL // 2 // 512 * 512))
    image = tmp_path / "disk.qcow2"
    create(image, SMALL, ("base.raw", "raw"), data_file=tmp_path / "disk.data", cluster_size=4096)
    qemu_io(image, random_writes(random.Random(7), patterns, SMALL, 4096))
    assert_same(assay.output("cat", "--disk", image), truth(image, tmp_path))


def test_a_snapshot_of_another_size(assay, patterns, tmp_path):
    image, copy = tmp_path / "disk.qcow2", tmp_path / "copy.qcow2"
    create(image, SMALL, cluster_size=4096)
    qemu_io(image, random_writes(random.Random(1), patterns, SMALL, 4096))
    run("qemu-img", "snapshot", "-c", "small", image)
    run("qemu-img", "resize", "-q", image, LARGE)
    qemu_io(image, random_writes(random.Random(2), patterns, LARGE, 4096))
    shutil.copy(image, copy)
    run("qemu-img", "snapshot", "-a", "small", copy)
    expected = truth(copy, tmp_path)
    assert len(expected) == SMALL
    assert_same(assay.output("cat", "--disk", f"{image}@small"), expected)
    assert_same(assay.output("cat", "--disk", image), truth(image, tmp_path))
    assert "no internal snapshot 'large' (there are: small)" in \
        assay.refusal("cat", "--disk", f"{image}@large")


def test_preallocated_images(assay, tmp_path):
    for mode in ("metadata", "falloc", "full"):
        image = tmp_path / f"{mode}.qcow2"
        create(image, SMALL, preallocation=mode)
        qemu_io(image, ["write -P 7 1M 5000"])
        assert_same(assay.output("cat", "--disk", image), truth(image, tmp_path))


def test_backing_files_are_found_from_the_file_that_names_them(assay, tmp_path):
    (tmp_path / "below" / "deeper").mkdir(parents=True)
    base = random.Random(3).randbytes(1 << 20)
    (tmp_path / "base.raw").write_bytes(base)
    create(tmp_path / "below/deeper/middle.qcow2", "1M", ("../../base.raw", "raw"))
    create(tmp_path / "disk.qcow2", "1M", ("below/deeper/middle.qcow2", "qcow2"))
    assert_same(assay.output("cat", "--disk", tmp_path / "disk.qcow2"), base)
    assert_same(assay.output("cat", "--disk", "disk.qcow2", cwd=tmp_path), base)


def test_a_backing_file_with_a_format_is_not_probed(assay, tmp_path):
    """A guest that wrote an image header into its raw disk gets that back, nothing else."""
    create(tmp_path / "inner.qcow2", "1M")
    data = (tmp_path / "inner.qcow2").read_bytes()
    data += bytes(-len(data) % 512)
    (tmp_path / "inner.qcow2").write_bytes(data)
    create(tmp_path / "disk.qcow2", len(data), ("inner.qcow2", "raw"))
    assert_same(assay.output("cat", "--disk", tmp_path / "disk.qcow2"), data)


def test_a_backing_file_without_a_format_is_probed(assay, patterns, tmp_path):
    create(tmp_path / "base.qcow2", SMALL)
    qemu_io(tmp_path / "base.qcow2", random_writes(random.Random(5), patterns, SMALL, 65536))
    image = tmp_path / "disk.qcow2"
    create(image, SMALL, ("base.qcow2", "qcow2"))
    patch_extension(image, 0xE2792ACA, 0xE2792ACB)  # unknown now
    assert_same(assay.output("cat", "--disk", image), truth(tmp_path / "base.qcow2", tmp_path))


def patch_extension(image, old, new):
    data = bytearray(image.read_bytes())
    at = data.index(struct.pack(">I", old))
    data[at:at + 4] = struct.pack(">I", new)
    image.write_bytes(data)


def patch(image, offset, layout, value):
    with open(image, "r+b") as f:
        f.seek(offset)
        f.write(struct.pack(layout, value))


@pytest.mark.parametrize("method,name", [("aes", "AES"), ("luks", "LUKS")])
def test_an_encrypted_image_is_refused(assay, tmp_path, method, name):
    image = tmp_path / "disk.qcow2"
    fast = ",encrypt.iter-time=10" if method == "luks" else ""
    for _ in range(20):
        made = subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "--object", "secret,id=key,data=abc", "-o",
             f"encrypt.format={method},encrypt.key-secret=key{fast}", image, "1M"],
            stderr=subprocess.PIPE, text=True, check=False)
        # It times its key derivation, and gives up when the machine is busy.
        if "CPU usage" not in made.stderr:
            break
    assert made.returncode == 0, made.stderr
    assert f"encrypted ({name})" in assay.refusal("cat", "--disk", image)


def test_an_unknown_incompatible_feature_is_named(assay, tmp_path):
    image = tmp_path / "disk.qcow2"
    create(image, "1M")
    patch(image, 72, ">Q", 1 << 33)
    assert "unknown incompatible qcow2 feature bit 33" in assay.refusal("cat", "--disk", image)
    # The table names bit 0 "dirty bit": let it name bit 33.
    data = image.read_bytes()
    at = data.index(b"\x00\x00dirty bit")
    patch(image, at + 1, ">B", 33)
    assert "'dirty bit' (bit 33)" in assay.refusal("cat", "--disk", image)


def test_a_backing_file_outside_the_folder_is_not_opened(assay, tmp_path):
    (tmp_path / "outside.raw").write_bytes(bytes(1 << 20))
    (tmp_path / "inside").mkdir()
    for name in ("../outside.raw", str(tmp_path / "outside.raw")):
        image = tmp_path / "inside" / "disk.qcow2"
        create(image, "1M", (name, "raw"))
        assert f"backing file '{name}'" in assay.refusal("cat", "--disk", image)
    create(image, "1M", data_file=tmp_path / "outside.data")
    assert "outside.data" in assay.refusal("cat", "--disk", image)


def test_a_missing_backing_file_is_an_error_not_zeros(assay, tmp_path):
    (tmp_path / "base.raw").write_bytes(bytes(1 << 20))
    create(tmp_path / "disk.qcow2", "1M", ("base.raw", "raw"))
    (tmp_path / "base.raw").unlink()
    assert "backing file 'base.raw'" in assay.refusal("cat", "--disk", tmp_path / "disk.qcow2")


def test_a_json_reference_is_refused(assay, tmp_path):
    (tmp_path / "base.raw").write_bytes(bytes(1 << 20))
    name = "json:" + json.dumps({"driver": "raw", "file": {"driver": "file",
                                                           "filename": str(tmp_path / "base.raw")}})
    create(tmp_path / "disk.qcow2", "1M", (name, "raw"))
    assert "not a plain file name" in assay.refusal("cat", "--disk", tmp_path / "disk.qcow2")


def test_a_loop_of_backing_files_is_refused(assay, tmp_path):
    create(tmp_path / "a.qcow2", "1M")
    create(tmp_path / "b.qcow2", "1M", ("a.qcow2", "qcow2"))
    run("qemu-img", "rebase", "-u", "-b", "b.qcow2", "-F", "qcow2", tmp_path / "a.qcow2")
    assert "a.qcow2" in assay.refusal("cat", "--disk", tmp_path / "a.qcow2")


def test_a_chain_of_64_is_read_and_one_of_65_refused(assay, tmp_path):
    create(tmp_path / "0.qcow2", "1M")
    qemu_io(tmp_path / "0.qcow2", ["write -P 99 0 1M"])
    for i in range(1, 65):
        create(tmp_path / f"{i}.qcow2", "1M", (f"{i - 1}.qcow2", "qcow2"))
    assert_same(assay.output("cat", "--disk", tmp_path / "63.qcow2"), b"\x63" * (1 << 20))
    assert "deeper than 64" in assay.refusal("cat", "--disk", tmp_path / "64.qcow2")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_truncated_image_is_an_error_not_zeros(assay, patterns, tmp_path, compressed):
    image = tmp_path / "disk.qcow2"
    create(image, SMALL, cluster_size=4096)
    # With room for writes behind the tables, which the end of the file must take with it.
    qemu_io(image, random_writes(random.Random(9), patterns, SMALL, 4096, compressed=compressed) +
            [f"write -s {patterns}/0 0 1M"] * (not compressed))
    expected = truth(image, tmp_path)
    os.truncate(image, image.stat().st_size * 2 // 3)
    done = assay("cat", "--disk", image)
    assert done.returncode in (2, 3)
    assert b"past the end" in done.stderr
    assert_same(done.stdout, expected[:len(done.stdout)])


def test_formats_that_are_not_read_yet_are_named(assay, tmp_path):
    for name, text in (("vmdk", "VMDK"), ("vhdx", "VHDX"), ("vdi", "VDI"), ("vpc", "VHD"),
                       ("parallels", "Parallels"), ("qed", "QED"), ("qcow", "version 1")):
        image = tmp_path / f"disk.{name}"
        run("qemu-img", "create", "-q", "-f", name, image, "4M")
        assert text in assay.refusal("cat", "--disk", image)


def test_an_image_marked_dirty_or_corrupt_is_read(assay, patterns, tmp_path):
    image = tmp_path / "disk.qcow2"
    create(image, SMALL)
    qemu_io(image, random_writes(random.Random(4), patterns, SMALL, 65536))
    expected = truth(image, tmp_path)
    for bits in (1, 2, 3):
        patch(image, 72, ">Q", bits)
        assert_same(assay("cat", "--disk", image).stdout, expected)
