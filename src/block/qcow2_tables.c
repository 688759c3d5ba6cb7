/* Cluster mapping: from a guest offset through the L1 and L2 tables to what lies there.
 *
 *     guest offset = | L1 index | L2 index (l2_bits) | offset in cluster (cluster_bits) |
 *
 * Both kinds of table are read in slices of up to 16 KiB, kept in the memory of the chain, so that
 * neither a huge L1 table nor a 2 MiB L2 table costs more than the part that is used. */
#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "block/qcow2.h"

#define SLICE_MAX UINT64_C(16384)
/* Slices that one qcow2_map() looks at: bounds the work for an answer about a long run. */
#define MAP_SLICES 256

/* L1 and L2 table entries: bits 9-55. */
#define ENTRY_OFFSET     UINT64_C(0x00fffffffffffe00)
#define ENTRY_ZERO       (UINT64_C(1) << 0)
#define ENTRY_COMPRESSED (UINT64_C(1) << 62)
#define ENTRY_COPIED     (UINT64_C(1) << 63)

#define SUBCLUSTERS 32

/* One qcow2_map() at work. */
struct map {
    struct qcow2_run run;
    uint64_t max;
    bool join_compressed;
    bool more; /* the run may go on */
};

/* An L2 table entry and what it means for the guest bytes from off on. */
struct entry {
    uint64_t descriptor;
    uint64_t bitmap; /* extended L2 only */
    uint64_t off;    /* guest */
};

/* Bytes [at, at+len) of the image file, through the cache. */
static GBytes *read_slice(struct qcow2 *q, uint32_t owner, uint64_t at, size_t len, GError **error)
{
    GBytes *slice = lru_get(q->memory->tables, owner, at);
    if (slice != NULL)
        return slice;
    g_autofree uint8_t *bytes = g_malloc(len);
    if (!block_read(q->file, at, bytes, len, error))
        return NULL;
    slice = g_bytes_new_take(g_steal_pointer(&bytes), len);
    lru_put(q->memory->tables, owner, at, slice);
    return slice;
}

/* *offset: of the L2 table, 0 when it is not allocated. */
static bool read_l1(struct qcow2 *q, uint64_t index, uint64_t *offset, GError **error)
{
    uint64_t value;
    *offset = 0;
    /* A snapshot taken before the disk grew has a table that ends early. */
    if (index >= q->l1_size)
        return true;
    uint64_t at = index * 8 / SLICE_MAX * SLICE_MAX;
    size_t len = (size_t)min_u64((uint64_t)q->l1_size * 8 - at, SLICE_MAX);
    g_autoptr(GBytes) slice = read_slice(q, q->l1_owner, q->l1_offset + at, len, error);
    if (slice == NULL) {
        g_prefix_error(error, "%s: L1 table: ", q->block.name);
        return false;
    }
    struct cursor c = cursor_of(g_bytes_get_data(slice, NULL), g_bytes_get_size(slice));
    if (!rd_be64_at(&c, (size_t)(index * 8 - at), &value))
        return fail_corrupt(error, "%s: L1 entry %" G_GUINT64_FORMAT " is missing", q->block.name,
                            index);
    value &= ENTRY_OFFSET;
    if (value % qcow2_cluster_size(q) != 0)
        return fail_corrupt(error,
                            "%s: L1 entry %" G_GUINT64_FORMAT " points to %" G_GUINT64_FORMAT
                            ", not a cluster",
                            q->block.name, index, value);
    *offset = value;
    return true;
}

static bool bad_entry(const struct qcow2 *q, const struct entry *e, GError **error, const char *why)
{
    return fail_corrupt(
        error, "%s: L2 entry 0x%016" G_GINT64_MODIFIER "x for offset %" G_GUINT64_FORMAT " %s",
        q->block.name, e->descriptor, e->off, why);
}

/* Extended L2 entries: one allocation and one zero bit a subcluster. False when the two, or the
 * host offset, contradict each other. Offset 0 counts as none, but for an external data file. */
static bool subcluster_kind(const struct qcow2 *q, const struct entry *e, unsigned i,
                            enum qcow2_kind *kind)
{
    bool allocated = (e->bitmap >> i & 1) != 0;
    bool zero = (e->bitmap >> (i + SUBCLUSTERS) & 1) != 0;
    bool has_host = (e->descriptor & (ENTRY_OFFSET | (q->external ? ENTRY_COPIED : 0))) != 0;
    *kind = zero ? QCOW2_ZERO : allocated ? QCOW2_DATA : QCOW2_UNALLOCATED;
    return !(zero && allocated) && (has_host || !allocated);
}

static bool map_subclusters(struct qcow2 *q, const struct entry *e, struct qcow2_run *piece,
                            GError **error)
{
    uint64_t size = qcow2_cluster_size(q) / SUBCLUSTERS;
    uint64_t skip = e->off % qcow2_cluster_size(q);
    unsigned i = (unsigned)(skip / size);
    enum qcow2_kind next;
    if (!subcluster_kind(q, e, i, &piece->kind))
        return bad_entry(q, e, error, "has contradicting subcluster bits");
    do {
        i++;
    } while (i < SUBCLUSTERS && subcluster_kind(q, e, i, &next) && next == piece->kind);
    piece->len = i * size - skip;
    return true;
}

static enum qcow2_kind cluster_kind(const struct qcow2 *q, uint64_t descriptor)
{
    if ((descriptor & ENTRY_ZERO) != 0)
        return QCOW2_ZERO;
    if ((descriptor & ENTRY_OFFSET) != 0)
        return QCOW2_DATA;
    /* Offset 0 is the header, except in an external data file, where bit 63 tells. */
    return q->external && (descriptor & ENTRY_COPIED) != 0 ? QCOW2_DATA : QCOW2_UNALLOCATED;
}

/* From e->off to the end of its cluster, or of its run of like subclusters. */
static bool map_entry(struct qcow2 *q, const struct entry *e, struct qcow2_run *piece,
                      GError **error)
{
    uint64_t cluster = qcow2_cluster_size(q);
    uint64_t skip = e->off % cluster;
    *piece = (struct qcow2_run){ .len = cluster - skip };
    if ((e->descriptor & ENTRY_COMPRESSED) != 0) {
        if (q->external)
            return bad_entry(q, e, error, "is compressed in spite of an external data file");
        piece->kind = QCOW2_COMPRESSED;
        piece->descriptor = e->descriptor;
        return true;
    }
    if (q->entry_bits == 4) {
        if (!map_subclusters(q, e, piece, error))
            return false;
    } else {
        if ((e->descriptor & ENTRY_ZERO) != 0 && q->version < 3)
            return bad_entry(q, e, error, "has the zero flag, which version 2 lacks");
        piece->kind = cluster_kind(q, e->descriptor);
    }
    if (piece->kind != QCOW2_DATA)
        return true;
    uint64_t host = e->descriptor & ENTRY_OFFSET;
    if (host % cluster != 0)
        return bad_entry(q, e, error, "does not point to a cluster");
    /* Incompatible bit 2: the offset "must match the guest offset". */
    if (q->external && host != e->off - skip)
        return bad_entry(q, e, error, "does not match its place in the external data file");
    piece->host = host + skip;
    return true;
}

/* Adds a piece to the run if it continues it. The first piece always does. */
static bool join(struct map *m, const struct qcow2_run *piece)
{
    struct qcow2_run *run = &m->run;
    uint64_t end;
    if (run->len == 0) {
        *run = *piece;
        return true;
    }
    if (run->kind != piece->kind ||
        (run->kind == QCOW2_DATA && run->host + run->len != piece->host) ||
        (run->kind == QCOW2_COMPRESSED && !m->join_compressed))
        return false;
    if (!checked_add(run->len, piece->len, &end))
        return false;
    run->len = end;
    return true;
}

/* Joins the entries of one L2 slice from guest offset off on. */
static bool map_slice(struct qcow2 *q, uint64_t l2_offset, uint64_t off, struct map *m,
                      GError **error)
{
    uint64_t cluster = qcow2_cluster_size(q);
    size_t len = (size_t)min_u64(cluster, SLICE_MAX);
    uint64_t in_table = (off >> q->cluster_bits & ((UINT64_C(1) << q->l2_bits) - 1))
                        << q->entry_bits;
    uint64_t at = in_table / len * len;
    m->more = false;
    g_autoptr(GBytes) slice = read_slice(q, q->l2_owner, l2_offset + at, len, error);
    if (slice == NULL) {
        g_prefix_error(error, "%s: L2 table: ", q->block.name);
        return false;
    }
    struct cursor c = cursor_of(g_bytes_get_data(slice, NULL), g_bytes_get_size(slice));
    (void)cursor_seek(&c, (size_t)(in_table - at));
    struct entry e = { .off = off };
    while (m->run.len < m->max) {
        struct qcow2_run piece;
        size_t start = c.pos;
        if (!rd_be64(&c, &e.descriptor) || (q->entry_bits == 4 && !rd_be64(&c, &e.bitmap))) {
            m->more = true;
            return true;
        }
        if (!map_entry(q, &e, &piece, error))
            return false;
        if (!join(m, &piece))
            return true;
        e.off += piece.len;
        if (e.off % cluster != 0)
            c.pos = start; /* more subclusters of the same cluster */
    }
    return true;
}

bool qcow2_map(struct qcow2 *q, uint64_t off, uint64_t max, bool join_compressed,
               struct qcow2_run *run, GError **error)
{
    struct map m = { .max = max, .join_compressed = join_compressed, .more = true };
    unsigned table_bits = q->cluster_bits + q->l2_bits;
    for (unsigned i = 0; i < MAP_SLICES && m.more && m.run.len < max; i++) {
        g_autoptr(GError) local = NULL;
        uint64_t at = off + m.run.len, l2_offset;
        bool ok = read_l1(q, at >> table_bits, &l2_offset, &local);
        if (ok && l2_offset != 0) {
            ok = map_slice(q, l2_offset, at, &m, &local);
        } else if (ok) {
            uint64_t table = UINT64_C(1) << table_bits;
            const struct qcow2_run piece = { .kind = QCOW2_UNALLOCATED, .len = table - at % table };
            m.more = join(&m, &piece);
        }
        if (!ok && m.run.len == 0) {
            g_propagate_error(error, g_steal_pointer(&local));
            return false;
        }
        m.more = m.more && ok;
    }
    m.run.len = min_u64(m.run.len, max);
    *run = m.run;
    return true;
}
