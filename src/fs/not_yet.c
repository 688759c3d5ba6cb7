/* Filesystems that are known by their superblock, so that a report can name what it could not look
 * at, and that are not read yet. Each is believed only when several of its fields agree. */
#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "fs/drivers.h"

#define BOOT_SIZE 512u

/* Reads len bytes and gives a cursor over them; false when the block has not so many. */
static bool head(struct block *b, uint64_t off, uint8_t *buf, size_t len, struct cursor *out)
{
    *out = cursor_of(buf, len);
    return range_within(off, len, b->size) && block_read(b, off, buf, len, NULL);
}

static bool same(const struct cursor *c, size_t off, const char *bytes, size_t len)
{
    return range_within(off, len, c->len) && memcmp(c->data + off, bytes, len) == 0;
}

static uint32_t u8(const struct cursor *c, size_t off)
{
    uint8_t v = 0;
    (void)rd_u8_at(c, off, &v);
    return v;
}

static uint32_t le16(const struct cursor *c, size_t off)
{
    uint16_t v = 0;
    (void)rd_le16_at(c, off, &v);
    return v;
}

static uint32_t le32(const struct cursor *c, size_t off)
{
    uint32_t v = 0;
    (void)rd_le32_at(c, off, &v);
    return v;
}

static uint64_t le64(const struct cursor *c, size_t off)
{
    uint64_t v = 0;
    (void)rd_le64_at(c, off, &v);
    return v;
}

static bool power_within(uint64_t n, uint64_t min, uint64_t max)
{
    return is_power_of_2(n) && n >= min && n <= max;
}

/* --- boot sectors -------------------------------------------------------------------------------
 */

static bool boot_sector(struct block *b, uint8_t buf[BOOT_SIZE], struct cursor *out)
{
    return head(b, 0, buf, BOOT_SIZE, out) && le16(out, 510) == 0xaa55;
}

/* Microsoft, "FAT: General Overview of On-Disk Format", version 1.03. */
static bool vfat_probe(struct block *b)
{
    uint8_t buf[BOOT_SIZE];
    struct cursor c;
    if (!boot_sector(b, buf, &c) || (u8(&c, 0) != 0xeb && u8(&c, 0) != 0xe9))
        return false;
    uint64_t sector = le16(&c, 11), reserved = le16(&c, 14), copies = u8(&c, 16);
    uint64_t roots = le16(&c, 17), media = u8(&c, 21);
    uint64_t total = le16(&c, 19) != 0 ? le16(&c, 19) : le32(&c, 32);
    uint64_t table = le16(&c, 22) != 0 ? le16(&c, 22) : le32(&c, 36);
    if (!power_within(sector, 512, 4096) || !power_within(u8(&c, 13), 1, 128) || reserved == 0 ||
        copies == 0 || copies > 4 || table == 0 || (media != 0xf0 && media < 0xf8))
        return false;
    /* Only FAT32 has its root directory among the files, and then a long table. */
    if ((roots == 0) != (le16(&c, 22) == 0))
        return false;
    return total > reserved + copies * table + (roots * 32 + sector - 1) / sector;
}

/* Microsoft, "exFAT file system specification", section 3.1. */
static bool exfat_probe(struct block *b)
{
    uint8_t buf[BOOT_SIZE];
    struct cursor c;
    if (!boot_sector(b, buf, &c) || !same(&c, 3, "EXFAT   ", 8))
        return false;
    for (size_t i = 11; i < 64; i++) {
        if (buf[i] != 0)
            return false;
    }
    uint32_t sector = u8(&c, 108), cluster = u8(&c, 109);
    return sector >= 9 && sector <= 12 && cluster <= 25 - sector && le32(&c, 92) > 0;
}

static bool ntfs_probe(struct block *b)
{
    uint8_t buf[BOOT_SIZE];
    struct cursor c;
    return boot_sector(b, buf, &c) && same(&c, 3, "NTFS    ", 8) &&
           power_within(le16(&c, 11), 256, 4096) && u8(&c, 13) != 0 && le16(&c, 14) == 0 &&
           u8(&c, 16) == 0 && le64(&c, 40) > 0 && le64(&c, 48) > 0 && le64(&c, 48) < le64(&c, 40);
}

/* --- read-only media ----------------------------------------------------------------------------
 */

static bool squashfs_probe(struct block *b)
{
    uint8_t buf[96];
    struct cursor c;
    return head(b, 0, buf, sizeof buf, &c) && same(&c, 0, "hsqs", 4) && le16(&c, 28) == 4 &&
           le16(&c, 22) >= 12 && le16(&c, 22) <= 20 &&
           le32(&c, 12) == UINT32_C(1) << le16(&c, 22) && le64(&c, 40) > sizeof buf;
}

/* ECMA-119, section 8: the numbers are there in both byte orders. */
static bool iso9660_probe(struct block *b)
{
    uint8_t buf[256];
    struct cursor c;
    uint16_t big = 0;
    if (!head(b, 32768, buf, sizeof buf, &c) || !same(&c, 0, "\001CD001\001", 7))
        return false;
    (void)rd_be16_at(&c, 130, &big);
    return le16(&c, 128) == big && power_within(big, 512, 2048) && le32(&c, 80) > 0;
}

/* ECMA-167, part 2, section 9: descriptors of 2048 bytes from 32 KiB on. */
static bool udf_probe(struct block *b)
{
    bool begun = false;
    for (uint64_t off = 32768; off < 32768 + 16 * 2048; off += 2048) {
        uint8_t buf[16];
        struct cursor c;
        if (!head(b, off, buf, sizeof buf, &c))
            return false;
        if (same(&c, 1, "BEA01", 5))
            begun = true;
        else if (begun && (same(&c, 1, "NSR02", 5) || same(&c, 1, "NSR03", 5)))
            return true;
    }
    return false;
}

static bool erofs_probe(struct block *b)
{
    uint8_t buf[128];
    struct cursor c;
    return head(b, 1024, buf, sizeof buf, &c) && le32(&c, 0) == 0xe0f5e1e2u && u8(&c, 12) >= 9 &&
           u8(&c, 12) <= 16 && le32(&c, 36) > 0;
}

/* --- Linux --------------------------------------------------------------------------------------
 */

static bool f2fs_probe(struct block *b)
{
    uint8_t buf[256];
    struct cursor c;
    return head(b, 1024, buf, sizeof buf, &c) && le32(&c, 0) == 0xf2f52010u && le32(&c, 16) >= 12 &&
           le32(&c, 16) <= 16 && le32(&c, 8) <= le32(&c, 16) &&
           le32(&c, 8) + le32(&c, 12) == le32(&c, 16) && le64(&c, 36) > 0;
}

static bool bcachefs_probe(struct block *b)
{
    static const char magics[2][16] = {
        "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef",
        "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81",
    };
    uint8_t buf[128];
    struct cursor c;
    /* The second one is bcache's, too: there the version is a small number of 8 bytes. */
    return head(b, 4096, buf, sizeof buf, &c) &&
           (same(&c, 24, magics[0], 16) || (same(&c, 24, magics[1], 16) && le64(&c, 16) > 6));
}

/* An ext journal on a device of its own: a superblock with that feature, and behind it that of
 * the journal. */
static bool jbd_probe(struct block *b)
{
    uint8_t buf[1024], log[12];
    struct cursor c, l;
    uint32_t magic = 0, type = 0;
    if (!head(b, 1024, buf, sizeof buf, &c) || le16(&c, 0x38) != 0xef53 ||
        !(le32(&c, 0x60) & 0x8) || le32(&c, 0x18) > 6)
        return false;
    uint64_t size = UINT64_C(1024) << le32(&c, 0x18);
    if (!head(b, size == 1024 ? 2048 : size, log, sizeof log, &l))
        return false;
    (void)rd_be32_at(&l, 0, &magic);
    (void)rd_be32_at(&l, 4, &type);
    return magic == 0xc03b3998u && (type == 3 || type == 4);
}

static bool jfs_probe(struct block *b)
{
    uint8_t buf[64];
    struct cursor c;
    return head(b, 32768, buf, sizeof buf, &c) && same(&c, 0, "JFS1", 4) && le32(&c, 4) >= 1 &&
           le32(&c, 4) <= 2 && power_within(le32(&c, 16), 512, 4096);
}

static bool reiserfs_probe(struct block *b)
{
    uint8_t buf[72];
    struct cursor c;
    return head(b, 65536, buf, sizeof buf, &c) &&
           (same(&c, 52, "ReIsErFs", 8) || same(&c, 52, "ReIsEr2Fs", 9) ||
            same(&c, 52, "ReIsEr3Fs", 9)) &&
           power_within(le16(&c, 44), 512, 8192) && le32(&c, 0) > 0;
}

/* --- other systems ------------------------------------------------------------------------------
 */

/* The first label's ring of uberblocks: 128 KiB from 128 KiB on ("ZFS On-Disk Specification",
 * section 1.3); of a version that exists, in the byte order of who wrote it. */
static bool zfs_probe(struct block *b)
{
    const size_t size = 128u << 10;
    g_autofree uint8_t *buf = g_malloc(size);
    struct cursor c;
    if (!head(b, size, buf, size, &c))
        return false;
    for (size_t off = 0; off < size; off += 1024) {
        uint64_t magic = le64(&c, off), version = le64(&c, off + 8);
        if (magic == GUINT64_SWAP_LE_BE(UINT64_C(0xbab10c)))
            version = GUINT64_SWAP_LE_BE(version);
        else if (magic != UINT64_C(0xbab10c))
            continue;
        if ((version > 0 && version <= 28) || version == 5000)
            return true;
    }
    return false;
}

static bool apfs_probe(struct block *b)
{
    uint8_t buf[64];
    struct cursor c;
    return head(b, 0, buf, sizeof buf, &c) && same(&c, 32, "NXSB", 4) &&
           power_within(le32(&c, 36), 4096, 65536) && le64(&c, 40) > 0;
}

static bool hfsplus_probe(struct block *b)
{
    uint8_t buf[64];
    struct cursor c;
    uint16_t version = 0;
    uint32_t size = 0, blocks = 0;
    if (!head(b, 1024, buf, sizeof buf, &c))
        return false;
    (void)rd_be16_at(&c, 2, &version);
    (void)rd_be32_at(&c, 40, &size);
    (void)rd_be32_at(&c, 44, &blocks);
    return ((same(&c, 0, "H+", 2) && version == 4) || (same(&c, 0, "HX", 2) && version == 5)) &&
           size >= 512 && is_power_of_2(size) && blocks > 0;
}

const struct tree_driver apfs_driver = {
    .name = "apfs",
    .description = "Apple APFS",
    .probe = apfs_probe,
};

const struct tree_driver bcachefs_driver = {
    .name = "bcachefs",
    .description = "bcachefs",
    .probe = bcachefs_probe,
};

const struct tree_driver erofs_driver = {
    .name = "erofs",
    .description = "EROFS",
    .probe = erofs_probe,
};

const struct tree_driver exfat_driver = {
    .name = "exfat",
    .description = "exFAT",
    .probe = exfat_probe,
};

const struct tree_driver f2fs_driver = {
    .name = "f2fs",
    .description = "F2FS",
    .probe = f2fs_probe,
};

const struct tree_driver hfsplus_driver = {
    .name = "hfsplus",
    .description = "Apple HFS+",
    .probe = hfsplus_probe,
};

const struct tree_driver iso9660_driver = {
    .name = "iso9660",
    .description = "ISO 9660",
    .probe = iso9660_probe,
};

const struct tree_driver jbd_driver = {
    .name = "jbd",
    .description = "an ext4 journal without its filesystem",
    .probe = jbd_probe,
};

const struct tree_driver jfs_driver = {
    .name = "jfs",
    .description = "JFS",
    .probe = jfs_probe,
};

const struct tree_driver ntfs_driver = {
    .name = "ntfs",
    .description = "NTFS",
    .probe = ntfs_probe,
};

const struct tree_driver reiserfs_driver = {
    .name = "reiserfs",
    .description = "ReiserFS",
    .probe = reiserfs_probe,
};

const struct tree_driver squashfs_driver = {
    .name = "squashfs",
    .description = "SquashFS",
    .probe = squashfs_probe,
};

const struct tree_driver udf_driver = {
    .name = "udf",
    .description = "UDF",
    .probe = udf_probe,
};

const struct tree_driver vfat_driver = {
    .name = "vfat",
    .description = "FAT",
    .probe = vfat_probe,
};

const struct tree_driver zfs_driver = {
    .name = "zfs_member",
    .description = "ZFS",
    .probe = zfs_probe,
};
