#include "fs/xfs_super.h"

#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "fs/xfs.h"

/* Names as mkfs.xfs and the kernel use them. */
static const struct {
    uint8_t bit;
    bool readable;
    const char *name;
} incompat_features[] = {
    { 0, true, "ftype" },       { 1, true, "sparse inodes" },
    { 2, true, "meta_uuid" },   { 3, true, "bigtime" },
    { 4, true, "needsrepair" },                          /* reported as damage, and read: the log
                                                            and CRCs still hold */
    { 5, true, "nrext64" },     { 6, true, "exchange" }, /* only changes what the log may hold */
    { 7, true, "parent" },                               /* attributes of a kind of their own */
    { 8, true, "metadir" },     /* where quotas and realtime bitmaps are */ { 9, false, "zoned" },
    { 10, false, "zone gaps" },
};

static const char *feature_name(unsigned bit)
{
    for (size_t i = 0; i < G_N_ELEMENTS(incompat_features); i++) {
        if (incompat_features[i].bit == bit)
            return incompat_features[i].name;
    }
    return "unknown";
}

static bool feature_readable(unsigned bit)
{
    for (size_t i = 0; i < G_N_ELEMENTS(incompat_features); i++) {
        if (incompat_features[i].bit == bit)
            return incompat_features[i].readable;
    }
    return false;
}

static bool check_version4(const struct xfs_super *s, GError **error)
{
    uint32_t unknown = s->features2 & ~XFS_SB_FEATURES2_KNOWN;
    if ((s->version & XFS_SB_DIRV2) == 0)
        return fail_unsupported(error, "XFS with version 1 directories");
    if ((s->version & XFS_SB_EXTFLG) == 0)
        return fail_unsupported(error, "XFS without marks of unwritten extents");
    if (unknown != 0)
        return fail_unsupported(error, "unsupported XFS version 4 features 0x%x", unknown);
    return true;
}

bool xfs_super_check_features(const struct xfs_super *s, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);
    if (!s->v5)
        return check_version4(s, error);
    for (unsigned bit = 0; bit < 32; bit++) {
        if ((s->incompat >> bit & 1) != 0 && !feature_readable(bit))
            g_string_append_printf(names, "%s%s (0x%x)", names->len > 0 ? ", " : "",
                                   feature_name(bit), 1u << bit);
    }
    if (names->len > 0)
        return fail_unsupported(error, "unsupported XFS features: %s", names->str);
    return true;
}

/* No reader runs past the end: bytes is at least a smallest sector. */
static void take_fields(const struct cursor *c, struct xfs_super *s)
{
    uint16_t sectsize = 0, inodesize = 0;
    uint32_t bad_features2 = 0;
    memset(s, 0, sizeof *s);
    (void)rd_be32_at(c, SB_BLOCKSIZE, &s->blocksize);
    (void)rd_be64_at(c, SB_DBLOCKS, &s->dblocks);
    (void)rd_be64_at(c, SB_LOGSTART, &s->logstart);
    (void)rd_be64_at(c, SB_ROOTINO, &s->rootino);
    (void)rd_be32_at(c, SB_AGBLOCKS, &s->agblocks);
    (void)rd_be32_at(c, SB_AGCOUNT, &s->agcount);
    (void)rd_be32_at(c, SB_LOGBLOCKS, &s->logblocks);
    (void)rd_be16_at(c, SB_VERSION, &s->version);
    (void)rd_be16_at(c, SB_SECTSIZE, &sectsize);
    (void)rd_be16_at(c, SB_INODESIZE, &inodesize);
    (void)rd_u8_at(c, SB_BLOCKLOG, &s->blocklog);
    (void)rd_u8_at(c, SB_INODELOG, &s->inodelog);
    (void)rd_u8_at(c, SB_INOPBLOG, &s->inopblog);
    (void)rd_u8_at(c, SB_AGBLKLOG, &s->agblklog);
    (void)rd_u8_at(c, SB_INPROGRESS, &s->inprogress);
    (void)rd_u8_at(c, SB_DIRBLKLOG, &s->dirblklog);
    (void)rd_be32_at(c, SB_FEATURES2, &s->features2);
    (void)rd_be32_at(c, SB_BAD_FEATURES2, &bad_features2);
    (void)rd_be32_at(c, SB_INCOMPAT, &s->incompat);
    s->sectsize = sectsize;
    s->inodesize = inodesize;
    s->v5 = (s->version & XFS_SB_VERSION_MASK) == 5;
    s->ci = (s->version & XFS_SB_CI) != 0;
    if ((s->version & XFS_SB_MOREBITS) == 0)
        s->features2 = 0;
    else if (!s->v5)
        s->features2 |= bad_features2;
    if (!s->v5)
        s->incompat = 0;
    s->ftype =
        s->v5 ? (s->incompat & XFS_INCOMPAT_FTYPE) != 0 : s->features2 & XFS_SB_FEATURES2_FTYPE;
    memcpy(s->label, c->data + SB_LABEL, XFS_LABEL_SIZE);
    memcpy(s->uuid, c->data + SB_UUID, XFS_UUID_SIZE);
    memcpy(s->meta_uuid, c->data + (s->incompat & XFS_INCOMPAT_META_UUID ? SB_META_UUID : SB_UUID),
           XFS_UUID_SIZE);
}

static const char *wrong_sizes(const struct xfs_super *s)
{
    if (s->blocklog < XFS_MIN_BLOCK_LOG || s->blocklog > XFS_MAX_BLOCK_LOG ||
        s->blocksize != 1u << s->blocklog)
        return "an impossible block size";
    if (!is_power_of_2(s->sectsize) || s->sectsize < XFS_MIN_SECTOR || s->sectsize > XFS_MAX_SECTOR)
        return "an impossible sector size";
    if (s->inodelog < XFS_MIN_INODE_LOG || s->inodelog > XFS_MAX_INODE_LOG ||
        s->inodesize != 1u << s->inodelog || s->inodelog > s->blocklog ||
        s->inopblog != s->blocklog - s->inodelog)
        return "an impossible inode size";
    if (s->dirblklog > XFS_MAX_BLOCK_LOG - s->blocklog)
        return "an impossible directory block size";
    return NULL;
}

/* The smallest n with 1 << n >= value. */
static unsigned log2_ceil(uint32_t value)
{
    unsigned n = 0;
    while ((UINT64_C(1) << n) < value)
        n++;
    return n;
}

static const char *wrong_geometry(const struct xfs_super *s)
{
    uint64_t whole = (uint64_t)s->agcount * s->agblocks;
    if (s->agcount == 0 || s->agblocks == 0 || s->agblklog != log2_ceil(s->agblocks))
        return "an impossible size of allocation groups";
    /* Inode numbers must have room for group, block and place in the block. */
    if (log2_ceil(s->agcount) + s->agblklog + s->inopblog > 63)
        return "too many allocation groups";
    if (s->dblocks > whole || s->dblocks <= whole - s->agblocks)
        return "a size that its allocation groups do not have";
    if (s->dblocks > (uint64_t)INT64_MAX >> s->blocklog)
        return "an impossible size";
    return NULL;
}

/* Whether the sector is a superblock in itself: NULL, or a phrase that says what it has. */
static const char *parse_super(const uint8_t *sector, size_t len, struct xfs_super *s)
{
    const struct cursor c = cursor_of(sector, len);
    uint32_t magic = 0;
    (void)rd_be32_at(&c, SB_MAGIC, &magic);
    if (magic != XFS_SB_MAGIC)
        return "no magic number";
    take_fields(&c, s);
    unsigned version = s->version & XFS_SB_VERSION_MASK;
    if (version != 4 && version != 5)
        return "a version that is neither 4 nor 5";
    const char *wrong = wrong_sizes(s);
    if (wrong == NULL && s->v5 && (s->sectsize > len || !xfs_crc_good(sector, s->sectsize, SB_CRC)))
        wrong = "a wrong checksum";
    return wrong != NULL ? wrong : wrong_geometry(s);
}

/* Reads what may be a superblock; NULL when it is one. */
static const char *read_super_at(struct block *b, uint64_t offset, struct xfs_super *s)
{
    uint8_t sector[XFS_MAX_SECTOR] = { 0 };
    size_t got = 0;
    if (offset >= b->size || !block_read_some(b, offset, sector, sizeof sector, &got, NULL) ||
        got < XFS_MIN_SECTOR)
        return "no readable bytes";
    return parse_super(sector, got, s);
}

/* A copy begins allocation group `number` of groups of `len` bytes. Only the first, middle and
 * last know the root inode. */
static bool read_copy(struct block *b, uint64_t number, uint64_t len, struct xfs_super *s)
{
    uint64_t offset, inode;
    return checked_mul(number, len, &offset) && read_super_at(b, offset, s) == NULL &&
           (uint64_t)s->agblocks << s->blocklog == len && number < s->agcount &&
           xfs_super_inode_place(s, s->rootino, &inode);
}

/* The length of allocation groups, as far as a damaged superblock tells in several ways; and as
 * mkfs.xfs makes it in a filesystem of four groups, as most are. 0: not told. */
static void guess_lengths(const struct block *b, const struct xfs_super *damaged, uint64_t out[4])
{
    uint64_t groups = MAX(damaged->agcount, 1);
    memset(out, 0, 4 * sizeof *out);
    if (damaged->blocklog <= XFS_MAX_BLOCK_LOG)
        out[0] = (uint64_t)damaged->agblocks << damaged->blocklog;
    if (damaged->blocksize <= 1u << XFS_MAX_BLOCK_LOG) {
        out[1] = (uint64_t)damaged->agblocks * damaged->blocksize;
        (void)checked_mul(damaged->dblocks / groups + (damaged->dblocks % groups != 0),
                          (uint64_t)damaged->blocksize, &out[2]);
    }
    out[3] = (b->size / 4096 + 3) / 4 * 4096;
}

static bool find_copy(struct block *b, const struct xfs_super *damaged, struct xfs_super *out)
{
    uint64_t lengths[4];
    guess_lengths(b, damaged, lengths);
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        if (lengths[i] == 0)
            continue;
        uint64_t count = b->size / lengths[i] + (b->size % lengths[i] != 0);
        if (read_copy(b, 1, lengths[i], out) || read_copy(b, count / 2, lengths[i], out) ||
            read_copy(b, count - 1, lengths[i], out))
            return true;
    }
    return false;
}

bool xfs_super_read(struct block *b, struct xfs_super *out, char **damage, GError **error)
{
    uint8_t head[4] = { 0 };
    uint64_t inode;
    *damage = NULL;
    /* Without its magic number this is no XFS: copies outlive the next mkfs of another kind. */
    if (!block_read(b, 0, head, sizeof head, error))
        return false;
    if (memcmp(head, "XFSB", sizeof head) != 0)
        return fail_corrupt(error, "no XFS superblock");
    const char *wrong = read_super_at(b, 0, out);
    if (wrong == NULL && !xfs_super_inode_place(out, out->rootino, &inode))
        wrong = "an impossible root inode";
    if (wrong == NULL)
        return true;
    struct xfs_super copy;
    if (!find_copy(b, out, &copy))
        return fail_corrupt(error, "the XFS superblock has %s, and no copy of it was found", wrong);
    *out = copy;
    /* mkfs.xfs clears this mark in the first superblock only. */
    out->inprogress = 0;
    *damage = g_strdup_printf("the XFS superblock has %s; a copy is used", wrong);
    return true;
}

bool xfs_super_place(const struct xfs_super *s, uint64_t fsblock, uint64_t count, uint64_t *offset)
{
    uint64_t group = fsblock >> s->agblklog;
    uint64_t block = fsblock & ((UINT64_C(1) << s->agblklog) - 1);
    if (group >= s->agcount)
        return false;
    uint64_t first = group * s->agblocks;
    if (!range_within(block, count, min_u64(s->agblocks, s->dblocks - first)))
        return false;
    *offset = (first + block) << s->blocklog;
    return true;
}

bool xfs_super_inode_place(const struct xfs_super *s, uint64_t inode, uint64_t *offset)
{
    uint64_t start;
    if (!xfs_super_place(s, inode >> s->inopblog, 1, &start))
        return false;
    *offset = start + ((inode & ((UINT64_C(1) << s->inopblog) - 1)) << s->inodelog);
    return inode != 0;
}

void xfs_super_group(const struct xfs_super *s, uint64_t offset, uint64_t *start, uint64_t *len)
{
    uint64_t size = (uint64_t)s->agblocks << s->blocklog;
    *start = offset - offset % size;
    *len = min_u64(size, (s->dblocks << s->blocklog) - *start);
}
