/* The log of an XFS filesystem: a ring of basic blocks, filled with records: a header block (more
 * for large records) and the data. The first word of each block (second word of header blocks) is
 * the number of the turn of the ring in which it was written; what stood there is in the header.
 * See XADS "Journaling Log".
 *
 * xfs_log.c finds the newest record, and decides; xfs_log_read.c takes the records from the oldest
 * that matters to the newest apart into transactions; xfs_log_replay.c puts these over the blocks
 * of the device, xfs_log_inode.c those of inodes. The device itself is never written. */
#pragma once
#include "fs/xfs.h"

struct xfs_ring {
    const struct xfs *fs;
    struct block *block;
    uint64_t start; /* byte on the device */
    uint64_t count; /* basic blocks */
};

/* The header of a record. */
struct xfs_log_header {
    uint32_t cycle, version, length, crc, ops, format, record_size;
    uint64_t lsn, tail; /* log sequence numbers: turn << 32 | block */
    uint8_t uuid[XFS_UUID_SIZE];
};

static inline uint64_t xfs_lsn_block(uint64_t lsn)
{
    return lsn & 0xffffffff;
}

/* Basic blocks [at, at+count) of the ring, which may reach over its end. at < count of the ring. */
bool xfs_ring_read(const struct xfs_ring *r, uint64_t at, uint64_t count, uint8_t *out,
                   GError **error);
/* False: no header of a record. */
bool xfs_log_header_parse(const uint8_t bytes[XFS_BASIC_BLOCK], struct xfs_log_header *out);
/* Blocks of the header, and of header and data. */
uint64_t xfs_log_header_blocks(const struct xfs_log_header *h);
uint64_t xfs_log_record_blocks(const struct xfs_log_header *h);
/* The last record that begins before `head`. */
bool xfs_log_find_record(const struct xfs_ring *r, uint64_t head, uint64_t *at,
                         struct xfs_log_header *out, GError **error);

/* --- xfs_log_read.c -----------------------------------------------------------------------------
 */

struct xfs_log_region {
    uint8_t *bytes;
    size_t len;
};

/* A change of one object: a description (the first region) and bytes. */
struct xfs_log_item {
    uint16_t type;   /* XFS_LOG_ITEM_... */
    uint16_t total;  /* regions that belong to it */
    GArray *regions; /* struct xfs_log_region */
};

/* All items (struct xfs_log_item *) of a transaction that was committed with the record of that
 * number. False with *error ends the reading. */
typedef bool (*xfs_log_func)(GPtrArray *items, uint64_t lsn, void *user, GError **error);
/* Gives the committed transactions in order. *head: where the log ends, which is moved back over
 * records at the end that did not arrive whole. */
bool xfs_log_read(const struct xfs_ring *r, uint64_t *head, xfs_log_func func, void *user,
                  GError **error);

/* --- xfs_log_replay.c ---------------------------------------------------------------------------
 */

/* Puts the changes between the tail of the log and `head` over the device. *out: a block that has
 * them, or NULL if there are none but to the superblock's own counters. */
bool xfs_log_replay(struct xfs *fs, const struct xfs_ring *r, uint64_t head, struct block **out,
                    GError **error);

/* Basic blocks that the log has changed, kept until they are put over the device. */
struct xfs_replay {
    const struct xfs *fs;
    struct block *overlay;
    GHashTable *cancelled; /* struct cancelled *: buffers that were freed */
    bool changed;          /* more than the superblock */
};
/* Basic blocks of the device as they are by now, and back. `count` blocks from `block` on must have
 * been found to be within the filesystem. */
bool xfs_replay_load(struct xfs_replay *p, uint64_t block, uint64_t count, uint8_t *out,
                     GError **error);
bool xfs_replay_store(struct xfs_replay *p, uint64_t block, uint64_t count, const uint8_t *bytes,
                      GError **error);
/* The buffer was freed later in the log: what is said of it before that does not count. */
bool xfs_replay_cancelled(const struct xfs_replay *p, uint64_t block, uint32_t count);
/* Makes the checksum of the len bytes right. */
void xfs_replay_seal(uint8_t *bytes, size_t len, size_t crc_at);

/* --- xfs_log_inode.c ----------------------------------------------------------------------------
 */

bool xfs_replay_inode(struct xfs_replay *p, const struct xfs_log_item *item, uint64_t lsn,
                      GError **error);
