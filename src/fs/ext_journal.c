/* The journal of ext3 and ext4, as a crash-consistent snapshot has it (section "Journal (jbd2)"):
 * what has been committed and not yet written home is laid over the filesystem in memory.
 *
 *     superblock | descriptor data data .. commit | descriptor data revoke commit | .. (a ring)
 *
 * The log is walked twice: first to find the last whole transaction, then to learn which block of
 * the log is the newest for each block of the filesystem. Only those are read. */
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "fs/ext.h"

#define MAGIC 0xc03b3998u

enum block_type { DESCRIPTOR = 1, COMMIT = 2, SUPER_V1 = 3, SUPER_V2 = 4, REVOKE = 5 };

/* Offsets in any block of the log that is not data. All numbers are big-endian. */
#define H_MAGIC    0u
#define H_TYPE     4u
#define H_SEQUENCE 8u
#define H_SIZE     12u

/* Offsets in its superblock. */
#define S_SIZE          1024u
#define S_BLOCK_SIZE    0x0cu
#define S_BLOCKS        0x10u
#define S_FIRST         0x14u
#define S_SEQUENCE      0x18u
#define S_START         0x1cu
#define S_COMPAT        0x24u
#define S_INCOMPAT      0x28u
#define S_UUID          0x30u
#define S_CHECKSUM_TYPE 0x50u
#define S_FAST_BLOCKS   0x54u
#define S_CHECKSUM      0xfcu

#define COMPAT_CHECKSUM       0x01u
#define INCOMPAT_REVOKE       0x01u
#define INCOMPAT_64BIT        0x02u
#define INCOMPAT_ASYNC_COMMIT 0x04u
#define INCOMPAT_CHECKSUM_V2  0x08u
#define INCOMPAT_CHECKSUM_V3  0x10u
#define INCOMPAT_FAST_COMMIT  0x20u
#define INCOMPAT_KNOWN        0x3fu

#define CHECKSUM_CRC32      1u
#define CHECKSUM_CRC32C     4u
#define DEFAULT_FAST_BLOCKS 256u

/* Offsets in a commit block. */
#define C_CHECKSUM_TYPE 0x0cu
#define C_CHECKSUM_SIZE 0x0du
#define C_CHECKSUM      0x10u
#define C_SECONDS       0x30u

#define TAG_ESCAPED   1u /* the data began with MAGIC, which is kept as zeros */
#define TAG_SAME_UUID 2u
#define TAG_LAST      8u
#define UUID_SIZE     16u
#define TAIL_SIZE     4u /* checksum at the end of descriptors and revokes */

/* Fast commits (section "Fast Commits"): little-endian tag, length, then here features and id. */
#define FAST_TAG_HEAD 9u
#define FAST_ID       8u

struct tag {
    uint64_t place; /* block of the filesystem */
    uint32_t flags, checksum;
};

/* The newest block of the log for a block of the filesystem. */
struct newest {
    uint64_t place;
    uint32_t index; /* in the log */
    uint32_t sequence, flags, checksum;
};

struct journal {
    struct ext *fs;
    struct ext_map map;
    uint64_t size;  /* bytes of the inode */
    uint8_t *bytes; /* the current block of the log */
    uint32_t block_size, first, end, start, sequence;
    uint32_t fast_first, fast_blocks;
    bool checksum_v1, wide, async, checksum_v2, checksum_v3;
    uint32_t seed;
    uint32_t behind;     /* sequence of the first transaction that does not count */
    const char *damage;  /* why the walk ended before the log did; static, NULL: at its end */
    GHashTable *newest;  /* uint64_t place -> struct newest *, which holds the key */
    GHashTable *revoked; /* uint64_t * owned: by the transaction that is being walked */
    struct block *overlay;
};

static uint32_t be32(const uint8_t *bytes, size_t off)
{
    const uint8_t *p = bytes + off;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool has_checksums(const struct journal *j)
{
    return j->checksum_v2 || j->checksum_v3;
}

/* Where a block of the log lies, in bytes. */
static bool locate(struct journal *j, uint32_t index, uint64_t *place, GError **error)
{
    struct ext_run run;
    if (!ext_map_find(&j->map, index, &run, error))
        return false;
    if (run.zero)
        return fail_corrupt(error, "its block %u is missing", index);
    *place = (run.place + (index - run.start)) * j->block_size;
    return true;
}

static bool read_block(struct journal *j, uint32_t index, GError **error)
{
    uint64_t place = 0;
    return locate(j, index, &place, error) &&
           block_read(j->fs->tree.block, place, j->bytes, j->block_size, error);
}

/* --- superblock ---------------------------------------------------------------------------------
 */

static void take_features(struct journal *j)
{
    uint32_t incompat = be32(j->bytes, S_INCOMPAT);
    j->checksum_v1 = (be32(j->bytes, S_COMPAT) & COMPAT_CHECKSUM) != 0;
    j->wide = (incompat & INCOMPAT_64BIT) != 0;
    j->async = (incompat & INCOMPAT_ASYNC_COMMIT) != 0;
    j->checksum_v2 = (incompat & INCOMPAT_CHECKSUM_V2) != 0;
    j->checksum_v3 = (incompat & INCOMPAT_CHECKSUM_V3) != 0;
    j->seed = crc32c_update(~0u, j->bytes + S_UUID, UUID_SIZE);
    if (incompat & INCOMPAT_FAST_COMMIT) {
        j->fast_blocks = be32(j->bytes, S_FAST_BLOCKS);
        if (j->fast_blocks == 0)
            j->fast_blocks = DEFAULT_FAST_BLOCKS;
    }
}

static bool check_features(const struct journal *j, GError **error)
{
    uint32_t unknown = be32(j->bytes, S_INCOMPAT) & ~INCOMPAT_KNOWN;
    if (unknown != 0)
        return fail_unsupported(error, "unknown incompatible feature 0x%x", unknown);
    if (j->checksum_v2 && j->checksum_v3)
        return fail_corrupt(error, "two kinds of checksums");
    if (!has_checksums(j))
        return true;
    uint32_t kept = be32(j->bytes, S_CHECKSUM);
    if (j->bytes[S_CHECKSUM_TYPE] != CHECKSUM_CRC32C)
        return fail_unsupported(error, "unknown checksum type %u", j->bytes[S_CHECKSUM_TYPE]);
    memset(j->bytes + S_CHECKSUM, 0, 4);
    if (!ext_sums_agree(crc32c_update(~0u, j->bytes, S_SIZE), kept))
        return fail_corrupt(error, "checksum of its superblock is wrong");
    return true;
}

static bool read_super(struct journal *j, GError **error)
{
    if (j->size < (uint64_t)2 * j->block_size)
        return fail_corrupt(error, "of %" G_GUINT64_FORMAT " bytes", j->size);
    if (!read_block(j, 0, error))
        return false;
    uint32_t type = be32(j->bytes, H_TYPE), blocks = be32(j->bytes, S_BLOCKS);
    if (be32(j->bytes, H_MAGIC) != MAGIC || (type != SUPER_V1 && type != SUPER_V2))
        return fail_corrupt(error, "no journal superblock");
    if (type == SUPER_V2) {
        take_features(j);
        if (!check_features(j, error))
            return false;
    }
    j->first = be32(j->bytes, S_FIRST);
    j->sequence = be32(j->bytes, S_SEQUENCE);
    j->start = be32(j->bytes, S_START);
    if (be32(j->bytes, S_BLOCK_SIZE) != j->block_size)
        return fail_corrupt(error, "blocks of %u bytes", be32(j->bytes, S_BLOCK_SIZE));
    if (blocks > j->size / j->block_size || j->fast_blocks >= blocks)
        return fail_corrupt(error, "%u blocks, which do not fit", blocks);
    j->end = blocks - j->fast_blocks;
    j->fast_first = j->end + 1; /* as Linux has it: the block between them is not used */
    if (j->first == 0 || j->first >= j->end ||
        (j->start != 0 && (j->start < j->first || j->start >= j->end)))
        return fail_corrupt(error, "its log begins at %u, from %u to %u", j->start, j->first,
                            j->end);
    return true;
}

/* --- blocks of the log --------------------------------------------------------------------------
 */

static uint32_t next_index(const struct journal *j, uint32_t index, uint32_t count)
{
    uint32_t length = j->end - j->first;
    return j->first + (uint32_t)(((uint64_t)index - j->first + count) % length);
}

static bool tail_checksum_good(const struct journal *j)
{
    static const uint8_t zeros[TAIL_SIZE];
    size_t tail = j->block_size - TAIL_SIZE;
    if (!has_checksums(j))
        return true;
    uint32_t crc = crc32c_update(j->seed, j->bytes, tail);
    return ext_sums_agree(crc32c_update(crc, zeros, sizeof zeros), be32(j->bytes, tail));
}

static bool commit_checksum_good(const struct journal *j)
{
    static const uint8_t zeros[4];
    uint32_t crc = crc32c_update(j->seed, j->bytes, C_CHECKSUM);
    crc = crc32c_update(crc, zeros, sizeof zeros);
    crc = crc32c_update(crc, j->bytes + C_CHECKSUM + 4, j->block_size - C_CHECKSUM - 4);
    return ext_sums_agree(crc, be32(j->bytes, C_CHECKSUM));
}

/* The oldest form: over all the other blocks of the transaction; may be absent. */
static bool commit_checksum_v1_good(const struct journal *j, uint32_t crc)
{
    uint8_t type = j->bytes[C_CHECKSUM_TYPE], size = j->bytes[C_CHECKSUM_SIZE];
    uint32_t kept = be32(j->bytes, C_CHECKSUM);
    if (type == 0 && size == 0 && kept == 0)
        return true;
    return type == CHECKSUM_CRC32 && size == 4 && ext_sums_agree(crc, kept);
}

/* Room behind the head of a descriptor; a cursor over its tags. */
static struct cursor tags_of(const struct journal *j)
{
    size_t len = j->block_size - (has_checksums(j) ? TAIL_SIZE : 0);
    struct cursor c = cursor_of(j->bytes, len);
    (void)cursor_seek(&c, H_SIZE);
    return c;
}

/* The next tag of a descriptor; false at its end. Forms: journal_block_tag3_s with checksums of
 * the third kind, else journal_block_tag_s, two bytes longer with those of the second. */
static bool next_tag(const struct journal *j, struct cursor *c, struct tag *out)
{
    uint32_t low = 0, high = 0;
    uint16_t sum = 0, flags = 0;
    size_t pos = c->pos;
    size_t size = j->checksum_v3 ? 16 : 8 + (j->wide ? 4 : 0) + (j->checksum_v2 ? 2 : 0);
    if (out->flags & TAG_LAST || !cursor_skip(c, size))
        return false;
    (void)rd_be32_at(c, pos, &low);
    if (j->checksum_v3) {
        (void)rd_be32_at(c, pos + 4, &out->flags);
        (void)rd_be32_at(c, pos + 8, &high);
        (void)rd_be32_at(c, pos + 12, &out->checksum);
    } else {
        (void)rd_be16_at(c, pos + 4, &sum);
        (void)rd_be16_at(c, pos + 6, &flags);
        if (j->wide)
            (void)rd_be32_at(c, pos + 8, &high);
        out->checksum = sum;
        out->flags = flags;
    }
    out->place = low | (j->wide ? (uint64_t)high << 32 : 0);
    if (!(out->flags & TAG_SAME_UUID) && !cursor_skip(c, UUID_SIZE))
        out->flags |= TAG_LAST;
    return true;
}

static uint32_t count_tags(const struct journal *j)
{
    struct cursor c = tags_of(j);
    struct tag tag = { 0 };
    uint32_t count = 0;
    while (next_tag(j, &c, &tag))
        count++;
    return count;
}

/* --- first walk: how far the log is whole -------------------------------------------------------
 */

struct scan {
    uint32_t index, sequence, walked, crc;
    uint64_t last_commit; /* seconds */
    bool doubtful;        /* a checksum in this transaction is wrong */
};

/* The checksum of the oldest form, over the descriptor and its data. */
static bool sum_data(struct journal *j, struct scan *s, uint32_t count, GError **error)
{
    if (!j->checksum_v1)
        return true;
    s->crc = ext2fs_crc32_be(s->crc, j->bytes, j->block_size);
    for (uint32_t i = 0; i < count; i++) {
        if (!read_block(j, next_index(j, s->index, i + 1), error))
            return false;
        s->crc = ext2fs_crc32_be(s->crc, j->bytes, j->block_size);
    }
    return true;
}

/* False ends the walk: this transaction does not count. */
static bool take_commit(struct journal *j, struct scan *s)
{
    uint64_t seconds = (uint64_t)be32(j->bytes, C_SECONDS) << 32 | be32(j->bytes, C_SECONDS + 4);
    bool good = !s->doubtful;
    if (has_checksums(j))
        good = good && commit_checksum_good(j);
    else if (j->checksum_v1)
        good = commit_checksum_v1_good(j, s->crc);
    /* What lies behind the end of the log may be left from its last turn: that is older. And a
     * commit that did not wait for its data is no commit until all of it is there. */
    if (!good && seconds >= s->last_commit && !j->async)
        j->damage = "has a wrong checksum";
    if (!good)
        return false;
    s->last_commit = seconds;
    s->crc = ~0u;
    s->sequence++;
    return true;
}

static bool find_end(struct journal *j, GError **error)
{
    struct scan s = { .index = j->start, .sequence = j->sequence, .crc = ~0u };
    uint32_t count;
    for (bool more = true; more;) {
        /* The log is a ring: who comes round again has met no end. */
        if (s.walked >= j->end - j->first)
            break;
        if (!read_block(j, s.index, error))
            return false;
        if (be32(j->bytes, H_MAGIC) != MAGIC || be32(j->bytes, H_SEQUENCE) != s.sequence)
            break;
        count = 0;
        switch (be32(j->bytes, H_TYPE)) {
        case DESCRIPTOR:
            s.doubtful |= !tail_checksum_good(j);
            count = count_tags(j);
            if (!sum_data(j, &s, count, error))
                return false;
            break;
        case REVOKE:
            s.doubtful |= !tail_checksum_good(j);
            break;
        case COMMIT:
            more = take_commit(j, &s);
            break;
        default:
            more = false;
        }
        s.walked += count + 1;
        s.index = next_index(j, s.index, count + 1);
    }
    j->behind = s.sequence;
    return true;
}

/* --- second walk: the newest of each block ------------------------------------------------------
 */

static bool note_tags(struct journal *j, uint32_t index, uint32_t sequence, uint32_t *count,
                      GError **error)
{
    struct cursor c = tags_of(j);
    struct tag tag = { 0 };
    *count = 0;
    while (next_tag(j, &c, &tag)) {
        (*count)++;
        if (g_hash_table_contains(j->revoked, &tag.place))
            continue;
        if (g_hash_table_size(j->newest) >= LIMIT_JOURNAL_UNITS)
            return fail_limit(error, "holds more than %u blocks", LIMIT_JOURNAL_UNITS);
        const struct newest n = { tag.place, next_index(j, index, *count), sequence, tag.flags,
                                  tag.checksum };
        struct newest *kept = g_memdup2(&n, sizeof n);
        g_hash_table_replace(j->newest, &kept->place, kept);
    }
    return true;
}

/* What was written to these blocks up to this transaction is not to be replayed: they belong to
 * something else now. */
static bool note_revokes(struct journal *j, GError **error)
{
    uint32_t size = be32(j->bytes, H_SIZE);
    struct cursor c = tags_of(j);
    if (size > c.len)
        return fail_corrupt(error, "has a damaged list of revoked blocks");
    c.len = size;
    if (!cursor_seek(&c, H_SIZE + 4))
        return true;
    for (;;) {
        uint64_t place;
        uint32_t narrow = 0;
        if (j->wide ? !rd_be64(&c, &place) : !rd_be32(&c, &narrow))
            return true;
        place = j->wide ? place : narrow;
        g_hash_table_remove(j->newest, &place);
        if (g_hash_table_size(j->revoked) >= LIMIT_EXT_REVOKES)
            return fail_limit(error, "revokes more than %u blocks at once", LIMIT_EXT_REVOKES);
        g_hash_table_add(j->revoked, g_memdup2(&place, sizeof place));
    }
}

/* Walks what find_end() has found whole. */
static bool collect(struct journal *j, GError **error)
{
    uint32_t index = j->start, count, walked = 0;
    for (uint32_t sequence = j->sequence; sequence != j->behind; walked += count + 1) {
        if (!read_block(j, index, error))
            return false;
        if (walked >= j->end - j->first)
            return fail_corrupt(error, "has changed while it was read");
        count = 0;
        switch (be32(j->bytes, H_TYPE)) {
        case DESCRIPTOR:
            if (!note_tags(j, index, sequence, &count, error))
                return false;
            break;
        case REVOKE:
            if (!note_revokes(j, error))
                return false;
            break;
        default: /* COMMIT */
            sequence++;
            g_hash_table_remove_all(j->revoked);
        }
        index = next_index(j, index, count + 1);
    }
    return true;
}

/* --- overlay ------------------------------------------------------------------------------------
 */

static bool data_checksum_good(const struct journal *j, const struct newest *n)
{
    const uint32_t sequence = GUINT32_TO_BE(n->sequence);
    if (!has_checksums(j))
        return true;
    uint32_t crc = crc32c_update(j->seed, &sequence, sizeof sequence);
    crc = crc32c_update(crc, j->bytes, j->block_size);
    return ext_sums_agree(j->checksum_v3 ? crc : crc & 0xffff, n->checksum);
}

static bool put(struct journal *j, const struct newest *n, GError **error)
{
    uint64_t place = 0;
    if (!locate(j, n->index, &place, error))
        return false;
    if (!has_checksums(j) && !(n->flags & TAG_ESCAPED))
        return block_overlay_move(j->overlay, n->place, place, error);
    if (!read_block(j, n->index, error))
        return false;
    if (!data_checksum_good(j, n))
        return fail_corrupt(error,
                            "block %" G_GUINT64_FORMAT " of transaction %u has a wrong checksum",
                            n->place, n->sequence);
    if (!(n->flags & TAG_ESCAPED))
        return block_overlay_move(j->overlay, n->place, place, error);
    const uint32_t magic = GUINT32_TO_BE(MAGIC);
    memcpy(j->bytes, &magic, sizeof magic);
    return block_overlay_put(j->overlay, n->place, j->bytes, error);
}

/* Returns how many blocks could not be laid over; each is a fault. */
static unsigned overlay_all(struct journal *j)
{
    GHashTableIter iter;
    gpointer value;
    unsigned lost = 0;
    g_hash_table_iter_init(&iter, j->newest);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        g_autoptr(GError) why = NULL;
        if (!put(j, value, &why)) {
            tree_fault(&j->fs->tree, "journal: %s", why->message);
            lost++;
        }
    }
    return lost;
}

/* Fast commits say what has happened since the last whole transaction, in a language of their
 * own. */
static bool has_fast_commits(struct journal *j)
{
    const struct cursor c = cursor_of(j->bytes, j->block_size);
    uint16_t tag = 0;
    uint32_t id = 0;
    return j->fast_blocks > 1 && read_block(j, j->fast_first, NULL) && rd_le16_at(&c, 0, &tag) &&
           rd_le32_at(&c, FAST_ID, &id) && tag == FAST_TAG_HEAD && id == j->behind;
}

static bool replay(struct journal *j, enum tree_recovery *out, GError **error)
{
    if (!read_super(j, error))
        return false;
    *out = TREE_RECOVERY_REPLAYED;
    if (j->start == 0)
        return true;
    if (!find_end(j, error) || !collect(j, error))
        return false;
    j->overlay = block_overlay_new(j->fs->tree.block, j->block_size, j->fs->tree.block->name);
    unsigned lost = overlay_all(j);
    bool fast = has_fast_commits(j);
    if (j->damage != NULL)
        tree_fault(&j->fs->tree, "journal: transaction %u %s; it and what follows is missing",
                   j->behind, j->damage);
    if (fast)
        tree_fault(&j->fs->tree, "journal: its fast commits are not read; what they changed is "
                                 "missing");
    if (lost > 0 || fast || j->damage != NULL)
        *out = TREE_RECOVERY_NEEDED;
    return true;
}

static bool open_journal(struct journal *j, GError **error)
{
    struct ext *fs = j->fs;
    struct ext_inode inode;
    if (fs->super.journal_inode == 0)
        return fail_unsupported(error, "lies on another device, which is not given");
    if (!ext_inode_read(fs, fs->super.journal_inode, &inode, error))
        return false;
    j->size = inode.stat.size;
    ext_map_init(&j->map, fs, &inode);
    return true;
}

struct block *ext_journal_overlay(struct ext *fs, enum tree_recovery *out)
{
    g_autoptr(GError) why = NULL;
    struct journal j = { .fs = fs, .block_size = fs->super.block_size };
    j.bytes = g_malloc(j.block_size);
    j.newest = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    j.revoked = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    if (!open_journal(&j, &why) || !replay(&j, out, &why)) {
        tree_fault(&fs->tree, "journal: %s; the newest changes are missing", why->message);
        *out = TREE_RECOVERY_NEEDED;
    }
    g_hash_table_unref(j.newest);
    g_hash_table_unref(j.revoked);
    g_free(j.bytes);
    ext_map_done(&j.map);
    return j.overlay;
}
