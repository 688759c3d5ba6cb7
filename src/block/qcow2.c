#include "block/qcow2.h"

#include <string.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/text.h"
#include "block/formats.h"

/* --- reading -------------------------------------------------------------------------------- */

/* A backing file that is shorter than the image reads as zeros past its end. */
static bool read_backing(struct qcow2 *q, uint64_t off, uint8_t *buf, size_t len, GError **error)
{
    size_t got = 0;
    if (q->backing != NULL && !block_read_some(q->backing, off, buf, len, &got, error))
        return false;
    memset(buf + got, 0, len - got);
    return true;
}

static bool read_data(struct qcow2 *q, uint64_t off, uint64_t host, uint8_t *buf, size_t len,
                      GError **error)
{
    if (!range_within(host, len, q->data->size))
        return fail_corrupt(error,
                            "%s: the data for offset %" G_GUINT64_FORMAT
                            " lies at %" G_GUINT64_FORMAT ", past the end of %s (%" G_GUINT64_FORMAT
                            " bytes)",
                            q->block.name, off, host, q->data->name, q->data->size);
    return block_read(q->data, host, buf, len, error);
}

static bool qcow2_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct qcow2 *q = (struct qcow2 *)b;
    uint8_t *at = buf;
    while (len > 0) {
        struct qcow2_run run;
        bool ok = qcow2_map(q, off, len, false, &run, error);
        if (!ok)
            return false;
        size_t n = (size_t)run.len;
        switch (run.kind) {
        case QCOW2_UNALLOCATED:
            ok = read_backing(q, off, at, n, error);
            break;
        case QCOW2_ZERO:
            memset(at, 0, n);
            break;
        case QCOW2_DATA:
            ok = read_data(q, off, run.host, at, n, error);
            break;
        case QCOW2_COMPRESSED:
            ok = qcow2_cluster_read(q, run.descriptor, off % qcow2_cluster_size(q), at, n, error);
            break;
        }
        if (!ok)
            return false;
        at += n;
        off += n;
        len -= n;
    }
    return true;
}

/* Unallocated: as the backing file says, asked once, so that a chain costs one answer an image. */
static bool extent_of_backing(struct qcow2 *q, uint64_t off, struct block_extent *out,
                              GError **error)
{
    struct block_extent below;
    out->zero = true;
    if (q->backing == NULL || off >= q->backing->size)
        return true;
    if (!block_extent_at(q->backing, off, &below, error))
        return false;
    out->zero = below.zero;
    /* A hole up to the end of the backing file goes on behind it. */
    if (!below.zero || below.len < q->backing->size - off)
        out->len = min_u64(out->len, below.len);
    return true;
}

static bool qcow2_extent_at(struct block *b, uint64_t off, struct block_extent *out, GError **error)
{
    struct qcow2 *q = (struct qcow2 *)b;
    struct qcow2_run run;
    struct block_extent below;
    if (!qcow2_map(q, off, b->size - off, true, &run, error))
        return false;
    *out = (struct block_extent){ .len = run.len, .zero = run.kind == QCOW2_ZERO };
    if (run.kind == QCOW2_UNALLOCATED)
        return extent_of_backing(q, off, out, error);
    /* Preallocated clusters are holes of the file until they are written. */
    if (run.kind == QCOW2_DATA && run.host < q->data->size) {
        if (!block_extent_at(q->data, run.host, &below, error))
            return false;
        out->zero = below.zero;
        out->len = min_u64(out->len, below.len);
    }
    return true;
}

static void qcow2_close(struct block *b)
{
    struct qcow2 *q = (struct qcow2 *)b;
    if (q->memory != NULL) {
        lru_drop(q->memory->tables, q->l1_owner);
        lru_drop(q->memory->tables, q->l2_owner);
        lru_drop(q->memory->clusters, q->cluster_owner);
    }
    image_memory_unref(q->memory);
    block_unref(q->backing);
    block_unref(q->data);
    block_unref(q->file);
}

static const struct block_driver qcow2_driver = {
    .name = "qcow2",
    .description = "qcow2 image, version 2 and 3",
    .read = qcow2_read,
    .extent_at = qcow2_extent_at,
    .close = qcow2_close,
};

/* --- opening -------------------------------------------------------------------------------- */

/* Names with a protocol ("nbd:...", "json:{...}") are not files; as QEMU, a colon before the first
 * slash makes one. "file:" is the plain file. */
static const char *reference_path(const char *name)
{
    size_t plain = strcspn(name, ":/");
    if (name[plain] != ':')
        return name;
    return g_str_has_prefix(name, "file:") ? name + strlen("file:") : NULL;
}

static struct block *open_reference(struct qcow2 *q, const struct block_image_options *options,
                                    const char *name, const char *what, GError **error)
{
    const struct block_references *references = options->references;
    const char *path = reference_path(name);
    g_autofree char *shown = text_safe(name);
    if (path == NULL) {
        fail_unsupported(error, "%s: %s '%s' is not a plain file name", q->block.name, what, shown);
        return NULL;
    }
    if (references == NULL) {
        fail(error, ASSAY_ERROR_DENIED, "%s: %s '%s' may not be opened", q->block.name, what,
             shown);
        return NULL;
    }
    struct block *b = references->open(references->ctx, q->file, path, error);
    if (b == NULL)
        g_prefix_error(error, "%s: %s '%s': ", q->block.name, what, shown);
    return b;
}

static bool open_data(struct qcow2 *q, const struct qcow2_header *h,
                      const struct block_image_options *options, GError **error)
{
    q->external = (h->incompatible & QCOW2_EXTERNAL_DATA) != 0;
    if (!q->external) {
        q->data = block_ref(q->file);
        return true;
    }
    if (h->data_file == NULL)
        return fail(error, ASSAY_ERROR_NOT_FOUND,
                    "%s: its data is in an external file that it does not name", q->block.name);
    q->data = open_reference(q, options, h->data_file, "external data file", error);
    return q->data != NULL;
}

/* What QEMU writes for a file without a format of its own. */
static const char *backing_format(const struct qcow2_header *h)
{
    const char *format = h->backing_format;
    if (g_strcmp0(format, "file") == 0 || g_strcmp0(format, "host_device") == 0)
        return "raw";
    return format;
}

static bool open_backing(struct qcow2 *q, const struct qcow2_header *h,
                         const struct block_image_options *options, GError **error)
{
    if (h->backing_file == NULL)
        return true;
    const struct block_image_options nested = { .format = backing_format(h),
                                                .references = options->references,
                                                .depth = options->depth + 1,
                                                .memory = q->memory };
    g_autoptr(block) file = open_reference(q, options, h->backing_file, "backing file", error);
    if (file == NULL)
        return false;
    q->backing = block_image_open(file, &nested, error);
    return q->backing != NULL;
}

/* The L1 table must lie in the file and, for the active state, describe the whole disk. */
static bool check_l1(const struct qcow2 *q, const struct qcow2_header *h, GError **error)
{
    unsigned table_bits = q->cluster_bits + q->l2_bits;
    uint64_t needed =
        (q->block.size >> table_bits) + ((q->block.size & ((UINT64_C(1) << table_bits) - 1)) != 0);
    if (q->l1_offset % qcow2_cluster_size(q) != 0 ||
        !range_within(q->l1_offset, (uint64_t)q->l1_size * 8, q->file->size))
        return fail_corrupt(error,
                            "%s: the L1 table (%u entries at %" G_GUINT64_FORMAT
                            ") is misplaced or reaches past the end (%" G_GUINT64_FORMAT " bytes)",
                            q->block.name, q->l1_size, q->l1_offset, q->file->size);
    if (needed > q->l1_size && !h->l1_may_be_short)
        return fail_corrupt(error,
                            "%s: the L1 table has %u entries, the disk of %" G_GUINT64_FORMAT
                            " bytes needs %" G_GUINT64_FORMAT,
                            q->block.name, q->l1_size, q->block.size, needed);
    return true;
}

static void add_notes(struct qcow2 *q, const struct qcow2_header *h, bool snapshot)
{
    struct block *b = &q->block;
    if ((h->incompatible & QCOW2_CORRUPT) != 0)
        block_note(b, true, "%s: the image is marked corrupt", b->name);
    if ((h->incompatible & QCOW2_DIRTY) != 0)
        block_note(b, false, "%s: the image is marked dirty: it was not closed properly", b->name);
    g_autofree char *others = snapshot ? NULL : qcow2_snapshot_summary(q->file, h);
    if (others != NULL)
        block_note(b, false, "%s: %s not looked at", b->name, others);
    if (q->backing != NULL)
        block_note_all(b, q->backing);
}

static struct qcow2 *qcow2_alloc(struct block *file, const struct qcow2_header *h,
                                 const struct block_image_options *options)
{
    g_autofree char *name = options->snapshot == NULL
                                ? g_strdup(file->name)
                                : g_strdup_printf("%s@%s", file->name, options->snapshot);
    struct qcow2 *q = block_alloc(sizeof *q, &qcow2_driver, name, h->size);
    q->file = block_ref(file);
    q->memory = image_memory_get(options->memory);
    q->l1_owner = lru_owner_new(q->memory->tables);
    q->l2_owner = lru_owner_new(q->memory->tables);
    q->cluster_owner = lru_owner_new(q->memory->clusters);
    q->version = h->version;
    q->cluster_bits = h->cluster_bits;
    q->entry_bits = (h->incompatible & QCOW2_EXTENDED_L2) != 0 ? 4 : 3;
    q->l2_bits = q->cluster_bits - q->entry_bits;
    q->l1_offset = h->l1_offset;
    q->l1_size = h->l1_size;
    q->compression = h->compression;
    return q;
}

static struct block *qcow2_open(struct block *file, const struct block_image_options *options,
                                GError **error)
{
    struct qcow2_header h;
    struct qcow2 *q = NULL;
    if (!qcow2_header_read(file, &h, error))
        return NULL;
    bool ok =
        options->snapshot == NULL || qcow2_snapshot_select(file, &h, options->snapshot, error);
    if (ok) {
        q = qcow2_alloc(file, &h, options);
        ok = check_l1(q, &h, error) && open_data(q, &h, options, error) &&
             open_backing(q, &h, options, error);
    }
    if (ok)
        add_notes(q, &h, options->snapshot != NULL);
    qcow2_header_clear(&h);
    if (ok)
        return &q->block;
    if (q != NULL)
        block_unref(&q->block);
    return NULL;
}

static bool qcow2_probe(const uint8_t *head, size_t len)
{
    struct cursor c = cursor_of(head, len);
    uint32_t magic;
    return rd_be32(&c, &magic) && magic == QCOW2_MAGIC;
}

const struct block_format qcow2_format = {
    .name = "qcow2",
    .description = "QEMU copy-on-write image, version 2 and 3",
    .probe = qcow2_probe,
    .open = qcow2_open,
};
