#include "fs/ext_super.h"

#include <ext2fs/ext2_fs.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "fs/ext.h"

/* Offsets of fields. */
#define S_INODES           0x00u
#define S_BLOCKS_LO        0x04u
#define S_FIRST_DATA_BLOCK 0x14u
#define S_LOG_BLOCK_SIZE   0x18u
#define S_LOG_CLUSTER_SIZE 0x1cu
#define S_BLOCKS_PER_GROUP 0x20u
#define S_INODES_PER_GROUP 0x28u
#define S_MAGIC            0x38u
#define S_REVISION         0x4cu
#define S_INODE_SIZE       0x58u
#define S_GROUP            0x5au
#define S_COMPAT           0x5cu
#define S_INCOMPAT         0x60u
#define S_RO_COMPAT        0x64u
#define S_UUID             0x68u
#define S_LABEL            0x78u
#define S_JOURNAL_UUID     0xd0u
#define S_JOURNAL_INODE    0xe0u
#define S_JOURNAL_DEVICE   0xe4u
#define S_DESC_SIZE        0xfeu
#define S_BLOCKS_HI        0x150u
#define S_CHECKSUM_SEED    0x270u
#define S_CHECKSUM         0x3fcu

#define MAGIC               0xef53u
#define LABEL_SIZE          16u
#define MAX_LOG_BLOCK_SIZE  6u /* 64 KiB */
#define MIN_BLOCKS          8u
#define COPY_GROUP          1u /* the first that has a copy ("Layout", sparse superblocks) */
#define DESC_SIZE_MIN       32u
#define DESC_SIZE_MIN_64BIT 64u

/* Names as mke2fs(8) takes them. Those marked readable need nothing of a reader, or are dealt
 * with here. */
static const struct {
    uint32_t bit;
    bool readable;
    const char *name;
} incompat_features[] = {
    { EXT2_FEATURE_INCOMPAT_COMPRESSION, false, "compression" },
    { EXT2_FEATURE_INCOMPAT_FILETYPE, true, "filetype" },
    { EXT3_FEATURE_INCOMPAT_RECOVER, true, "needs_recovery" },
    { EXT3_FEATURE_INCOMPAT_JOURNAL_DEV, false, "journal_dev" },
    { EXT2_FEATURE_INCOMPAT_META_BG, true, "meta_bg" },
    { EXT3_FEATURE_INCOMPAT_EXTENTS, true, "extent" },
    { EXT4_FEATURE_INCOMPAT_64BIT, true, "64bit" },
    { EXT4_FEATURE_INCOMPAT_MMP, true, "mmp" },
    { EXT4_FEATURE_INCOMPAT_FLEX_BG, true, "flex_bg" },
    { EXT4_FEATURE_INCOMPAT_EA_INODE, true, "ea_inode" },
    { EXT4_FEATURE_INCOMPAT_DIRDATA, false, "dirdata" },
    { EXT4_FEATURE_INCOMPAT_CSUM_SEED, true, "metadata_csum_seed" },
    { EXT4_FEATURE_INCOMPAT_LARGEDIR, true, "large_dir" },
    { EXT4_FEATURE_INCOMPAT_INLINE_DATA, true, "inline_data" },
    { EXT4_FEATURE_INCOMPAT_ENCRYPT, true, "encrypt" },
    { EXT4_FEATURE_INCOMPAT_CASEFOLD, true, "casefold" },
};

static uint32_t le32(const struct cursor *c, size_t off)
{
    uint32_t v = 0;
    (void)rd_le32_at(c, off, &v);
    return v;
}

static uint32_t le16(const struct cursor *c, size_t off)
{
    uint16_t v = 0;
    (void)rd_le16_at(c, off, &v);
    return v;
}

/* No reader runs past the end: bytes is a whole superblock. The block size has been checked. */
static void take_fields(const uint8_t *bytes, struct ext_super *s)
{
    const struct cursor c = cursor_of(bytes, EXT_SUPER_SIZE);
    bool old = le32(&c, S_REVISION) == 0; /* without features, inodes of 128 bytes */
    s->inodes = le32(&c, S_INODES);
    s->inodes_per_group = le32(&c, S_INODES_PER_GROUP);
    s->first_data_block = le32(&c, S_FIRST_DATA_BLOCK);
    s->blocks_per_group = le32(&c, S_BLOCKS_PER_GROUP);
    s->inode_size = old ? EXT2_GOOD_OLD_INODE_SIZE : le16(&c, S_INODE_SIZE);
    s->compat = old ? 0 : le32(&c, S_COMPAT);
    s->incompat = old ? 0 : le32(&c, S_INCOMPAT);
    s->ro_compat = old ? 0 : le32(&c, S_RO_COMPAT);
    s->blocks = le32(&c, S_BLOCKS_LO);
    s->desc_size = DESC_SIZE_MIN;
    if (s->incompat & EXT4_FEATURE_INCOMPAT_64BIT) {
        s->blocks |= (uint64_t)le32(&c, S_BLOCKS_HI) << 32;
        s->desc_size = le16(&c, S_DESC_SIZE);
    }
    s->checksum_seed = le32(&c, S_CHECKSUM_SEED);
    s->journal_inode = le32(&c, S_JOURNAL_INODE);
    s->journal_device = le32(&c, S_JOURNAL_DEVICE);
    memcpy(s->journal_uuid, bytes + S_JOURNAL_UUID, sizeof s->journal_uuid);
    memcpy(s->uuid, bytes + S_UUID, sizeof s->uuid);
    memcpy(s->label, bytes + S_LABEL, LABEL_SIZE);
    if (!(s->incompat & EXT4_FEATURE_INCOMPAT_CSUM_SEED))
        s->checksum_seed = crc32c_update(~0u, s->uuid, sizeof s->uuid);
    s->checksum_good = !(s->ro_compat & EXT4_FEATURE_RO_COMPAT_METADATA_CSUM) ||
                       ext_sums_agree(crc32c_update(~0u, bytes, S_CHECKSUM), le32(&c, S_CHECKSUM));
}

static const char *find_wrong(const struct ext_super *s)
{
    uint32_t min_desc =
        s->incompat & EXT4_FEATURE_INCOMPAT_64BIT ? DESC_SIZE_MIN_64BIT : DESC_SIZE_MIN;
    if (s->blocks < MIN_BLOCKS || s->first_data_block >= s->blocks ||
        s->blocks > UINT64_MAX / s->block_size)
        return "an impossible number of blocks";
    if (s->first_data_block > 1)
        return "an impossible first block";
    if (!is_power_of_2(s->inode_size) || s->inode_size < EXT2_GOOD_OLD_INODE_SIZE ||
        s->inode_size > s->block_size)
        return "an impossible inode size";
    if (!is_power_of_2(s->desc_size) || s->desc_size < min_desc || s->desc_size > s->block_size)
        return "an impossible descriptor size";
    if (s->blocks_per_group < MIN_BLOCKS || s->blocks_per_group % 8 != 0)
        return "an impossible number of blocks in a group";
    if (s->inodes_per_group == 0 || s->inodes_per_group > 8 * s->block_size)
        return "an impossible number of inodes in a group";
    return NULL;
}

bool ext_super_parse(const uint8_t bytes[EXT_SUPER_SIZE], const char *name, struct ext_super *out,
                     GError **error)
{
    const struct cursor c = cursor_of(bytes, EXT_SUPER_SIZE);
    struct ext_super s = { 0 };
    uint32_t log = le32(&c, S_LOG_BLOCK_SIZE);
    if (le16(&c, S_MAGIC) != MAGIC)
        return fail_corrupt(error, "%s: no ext superblock", name);
    if (log > MAX_LOG_BLOCK_SIZE)
        return fail_corrupt(error, "%s: ext superblock has an impossible block size", name);
    s.block_size = 1024u << log;
    take_fields(bytes, &s);
    const char *wrong = find_wrong(&s);
    if (wrong == NULL) {
        s.groups = (s.blocks - s.first_data_block - 1) / s.blocks_per_group + 1;
        if (s.inodes != s.groups * s.inodes_per_group)
            wrong = "another number of inodes than its groups hold";
    }
    if (wrong != NULL)
        return fail_corrupt(error, "%s: ext superblock has %s", name, wrong);
    *out = s;
    return true;
}

/* The copy in the second group, for that block size. */
static bool read_copy(struct block *b, uint32_t block_size, const uint8_t uuid[16],
                      struct ext_super *out)
{
    uint8_t bytes[EXT_SUPER_SIZE];
    const struct cursor c = cursor_of(bytes, sizeof bytes);
    struct ext_super s;
    /* Groups are as large as one block of a bitmap lets them be. */
    uint64_t place = (uint64_t)block_size * 8 + (block_size == 1024);
    if (!range_within(place * block_size, sizeof bytes, b->size) ||
        !block_read(b, place * block_size, bytes, sizeof bytes, NULL) ||
        !ext_super_parse(bytes, b->name, &s, NULL) || !s.checksum_good ||
        s.block_size != block_size || le16(&c, S_GROUP) != COPY_GROUP ||
        memcmp(s.uuid, uuid, sizeof s.uuid) != 0)
        return false;
    *out = s;
    out->copy = place;
    return true;
}

bool ext_super_read_copy(struct block *b, const struct ext_super *of, struct ext_super *out)
{
    return read_copy(b, of->block_size, of->uuid, out);
}

bool ext_super_read(struct block *b, struct ext_super *out, char **damage, GError **error)
{
    uint8_t bytes[EXT_SUPER_SIZE];
    const struct cursor c = cursor_of(bytes, sizeof bytes);
    g_autoptr(GError) why = NULL;
    *damage = NULL;
    if (!block_read(b, EXT_SUPER_OFFSET, bytes, sizeof bytes, error))
        return false;
    if (ext_super_parse(bytes, b->name, out, &why)) {
        if (out->checksum_good)
            return true;
        fail_corrupt(&why, "%s: checksum of the ext4 superblock is wrong", b->name);
    }
    for (uint32_t size = 1024; le16(&c, S_MAGIC) == MAGIC && size <= 65536; size *= 2) {
        if (read_copy(b, size, bytes + S_UUID, out)) {
            *damage = g_strdup_printf("%s; the copy at block %" G_GUINT64_FORMAT " is used",
                                      why->message, out->copy);
            return true;
        }
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return false;
}

bool ext_super_probe(struct block *b)
{
    uint8_t bytes[EXT_SUPER_SIZE];
    struct ext_super super;
    g_autofree char *damage = NULL;
    /* All its fields agree; whether its checksum does, is said by who opens it. */
    bool found =
        block_read(b, EXT_SUPER_OFFSET, bytes, sizeof bytes, NULL) &&
        (ext_super_parse(bytes, b->name, &super, NULL) || ext_super_read(b, &super, &damage, NULL));
    /* A journal on its own has such a superblock, too. */
    return found && !(super.incompat & EXT3_FEATURE_INCOMPAT_JOURNAL_DEV);
}

bool ext_super_check_features(const struct ext_super *super, const char *name, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    uint32_t unknown = super->incompat;
    for (size_t i = 0; i < G_N_ELEMENTS(incompat_features); i++) {
        if (super->incompat & incompat_features[i].bit && !incompat_features[i].readable)
            g_string_append_printf(text, ", %s", incompat_features[i].name);
        unknown &= ~incompat_features[i].bit;
    }
    for (unsigned bit = 0; bit < 32; bit++) {
        if (unknown >> bit & 1)
            g_string_append_printf(text, ", incompatible bit 0x%x", UINT32_C(1) << bit);
    }
    if (text->len > 0)
        return fail_unsupported(error, "%s: ext4 with an unsupported feature: %s", name,
                                text->str + 2);
    if (super->groups > LIMIT_EXT_GROUPS)
        return fail_limit(error, "%s: ext4 with %" G_GUINT64_FORMAT " block groups (at most %u)",
                          name, super->groups, LIMIT_EXT_GROUPS);
    return true;
}

const char *ext_super_type(const struct ext_super *super)
{
    const uint32_t incompat3 = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER |
                               EXT2_FEATURE_INCOMPAT_META_BG;
    const uint32_t ro3 = EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE;
    if (super->incompat & ~incompat3 || super->ro_compat & ~ro3)
        return "ext4";
    return super->compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL ? "ext3" : "ext2";
}
