/* qcow2 images, versions 2 and 3, read-only: what the files of this format share.
 *
 * Section names are those of the format's description in QEMU, docs/interop/qcow2.
 *
 *     header (qcow2_header.c) -> which L1 table (qcow2_snapshot.c) -> where a guest offset lies
 *     (qcow2_tables.c) -> bytes (qcow2_cluster.c for compressed ones, qcow2.c for all others) */
#pragma once
#include "block/block.h"
#include "block/image_memory.h"

#define QCOW2_MAGIC            0x514649fbu
#define QCOW2_CLUSTER_BITS_MIN 9
#define QCOW2_CLUSTER_BITS_MAX 21

/* Header, incompatible_features. */
#define QCOW2_DIRTY         (UINT64_C(1) << 0)
#define QCOW2_CORRUPT       (UINT64_C(1) << 1)
#define QCOW2_EXTERNAL_DATA (UINT64_C(1) << 2)
#define QCOW2_COMPRESSION   (UINT64_C(1) << 3)
#define QCOW2_EXTENDED_L2   (UINT64_C(1) << 4)

struct qcow2_header {
    uint32_t version;
    uint32_t cluster_bits;
    uint64_t size; /* virtual disk, bytes */
    uint64_t l1_offset;
    uint32_t l1_size;     /* entries */
    bool l1_may_be_short; /* of a snapshot that does not tell its disk's size */
    uint64_t snapshots_offset;
    uint32_t snapshot_count;
    uint64_t incompatible;
    uint8_t compression;  /* 0 zlib, 1 zstd */
    char *backing_file;   /* NULL: none */
    char *backing_format; /* NULL: not given */
    char *data_file;      /* NULL: none named */
};

/* Reads the header and its extensions; refuses what this reader cannot read. On success the
 * caller owns the strings (qcow2_header_clear). */
bool qcow2_header_read(struct block *file, struct qcow2_header *h, GError **error);
void qcow2_header_clear(struct qcow2_header *h);

/* Points h's L1 table and size to an internal snapshot, found by id, else by name. */
bool qcow2_snapshot_select(struct block *file, struct qcow2_header *h, const char *wanted,
                           GError **error);
/* "2 internal snapshots (first, second)", for a note; NULL when there are none. A damaged table
 * is said so in the text. g_free(). */
char *qcow2_snapshot_summary(struct block *file, const struct qcow2_header *h);

struct qcow2 {
    struct block block;
    struct block *file;    /* the image file */
    struct block *data;    /* where standard clusters lie: file, or the external data file */
    struct block *backing; /* NULL: none */
    struct image_memory *memory;
    uint32_t l1_owner, l2_owner, cluster_owner; /* of the memory's caches */
    uint32_t version;
    uint32_t cluster_bits;
    uint32_t entry_bits; /* log2 of the bytes of an L2 entry: 3, or 4 with subclusters */
    uint32_t l2_bits;    /* log2 of the entries of an L2 table */
    uint64_t l1_offset;
    uint32_t l1_size;
    uint8_t compression;
    bool external; /* data is an external data file */
};

static inline uint64_t qcow2_cluster_size(const struct qcow2 *q)
{
    return UINT64_C(1) << q->cluster_bits;
}

enum qcow2_kind {
    QCOW2_UNALLOCATED, /* the backing file's bytes, zeros without one */
    QCOW2_ZERO,
    QCOW2_DATA,
    QCOW2_COMPRESSED
};

/* Guest bytes of one kind, that follow each other in the host as well if they are data. */
struct qcow2_run {
    enum qcow2_kind kind;
    uint64_t len;        /* > 0 */
    uint64_t host;       /* QCOW2_DATA: offset in q->data */
    uint64_t descriptor; /* QCOW2_COMPRESSED: of the first cluster */
};

/* What lies at guest offset off (< size). Merges what follows, up to max bytes and a bounded number
 * of table reads; neighbouring compressed clusters only if join_compressed (the run's descriptor
 * is that of the first). Damage behind the first piece only ends the run. */
bool qcow2_map(struct qcow2 *q, uint64_t off, uint64_t max, bool join_compressed,
               struct qcow2_run *run, GError **error);

/* len bytes, from `skip` on, of the compressed cluster that a descriptor points to. */
bool qcow2_cluster_read(struct qcow2 *q, uint64_t descriptor, uint64_t skip, void *buf, size_t len,
                        GError **error);
