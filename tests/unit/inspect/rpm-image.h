/* RPM headers and databases made by hand, so that every field can be wrong on purpose. */
#pragma once
#include <glib.h>
#include <string.h>

#include "base/error.h"
#include "block/block.h"
#include "inspect/rpm_database.h"
#include "inspect/rpm_header.h"

static inline void put_be(GByteArray *out, uint64_t value, unsigned len)
{
    for (unsigned i = len; i-- > 0;) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        g_byte_array_append(out, &byte, 1);
    }
}

static inline void put_le(GByteArray *out, uint64_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        g_byte_array_append(out, &byte, 1);
    }
}

/* A header in the making: index and data apart. */
struct header_image {
    GByteArray *index, *data;
};

static inline struct header_image *header_new(void)
{
    struct header_image *h = g_new0(struct header_image, 1);
    h->index = g_byte_array_new();
    h->data = g_byte_array_new();
    return h;
}

static inline void header_entry(struct header_image *h, uint32_t tag, uint32_t type,
                                uint32_t offset, uint32_t count)
{
    put_be(h->index, tag, 4);
    put_be(h->index, type, 4);
    put_be(h->index, offset, 4);
    put_be(h->index, count, 4);
}

static inline void header_bytes(struct header_image *h, uint32_t tag, uint32_t type,
                                const void *bytes, size_t len, uint32_t count)
{
    header_entry(h, tag, type, h->data->len, count);
    g_byte_array_append(h->data, bytes, (guint)len);
}

static inline void header_text(struct header_image *h, uint32_t tag, const char *text)
{
    header_bytes(h, tag, RPM_TYPE_STRING, text, strlen(text) + 1, 1);
}

static inline void header_number(struct header_image *h, uint32_t tag, uint32_t number)
{
    while (h->data->len % 4 != 0)
        put_be(h->data, 0, 1);
    header_entry(h, tag, RPM_TYPE_INT32, h->data->len, 1);
    put_be(h->data, number, 4);
}

/* Ends the making. g_bytes_unref() */
static inline GBytes *header_done(struct header_image *h)
{
    GByteArray *out = g_byte_array_new();
    put_be(out, h->index->len / 16, 4);
    put_be(out, h->data->len, 4);
    g_byte_array_append(out, h->index->data, h->index->len);
    g_byte_array_append(out, h->data->data, h->data->len);
    g_byte_array_unref(h->index);
    g_byte_array_unref(h->data);
    g_free(h);
    return g_byte_array_free_to_bytes(out);
}

static inline GBytes *header_of(const char *name, const char *version, const char *release)
{
    struct header_image *h = header_new();
    header_text(h, RPM_TAG_NAME, name);
    header_text(h, RPM_TAG_VERSION, version);
    header_text(h, RPM_TAG_RELEASE, release);
    return header_done(h);
}

/* --- blocks of memory ---------------------------------------------------------------------------
 */

struct memory_block {
    struct block block;
    GBytes *bytes;
    unsigned reads, failing; /* the read of that number fails; 0: none */
};

static bool memory_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct memory_block *m = (struct memory_block *)b;
    const uint8_t *bytes = g_bytes_get_data(m->bytes, NULL);
    if (++m->reads == m->failing)
        return fail(error, ASSAY_ERROR_IO, "%s: made to fail", b->name);
    memcpy(buf, bytes + off, len);
    return true;
}

static void memory_close(struct block *b)
{
    g_bytes_unref(((struct memory_block *)b)->bytes);
}

static const struct block_driver memory_driver = {
    .name = "memory", .description = "bytes of a test", .read = memory_read, .close = memory_close
};

static inline struct block *memory_block(const void *bytes, size_t len, const char *name)
{
    struct memory_block *m = block_alloc(sizeof *m, &memory_driver, name, len);
    m->bytes = g_bytes_new(bytes, len);
    return &m->block;
}

/* --- what a database gives out ------------------------------------------------------------------
 */

struct harvest {
    GString *headers;  /* "id:length " for each, or the first bytes as text if asked for */
    GString *faults;   /* a line for each */
    GHashTable *blobs; /* id -> GBytes */
};

static bool harvest_header(void *user, uint64_t id, const uint8_t *bytes, size_t len)
{
    struct harvest *h = user;
    g_string_append_printf(h->headers, "%" G_GUINT64_FORMAT ":%zu ", id, len);
    g_hash_table_insert(h->blobs, GSIZE_TO_POINTER((gsize)id), g_bytes_new(bytes, len));
    return true;
}

static void harvest_fault(void *user, GError *error)
{
    struct harvest *h = user;
    g_string_append_printf(h->faults, "%s\n", error->message);
    g_error_free(error);
}

static inline struct harvest *harvest_new(void)
{
    struct harvest *h = g_new0(struct harvest, 1);
    h->headers = g_string_new(NULL);
    h->faults = g_string_new(NULL);
    h->blobs = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_bytes_unref);
    return h;
}

static inline void harvest_free(struct harvest *h)
{
    g_string_free(h->headers, TRUE);
    g_string_free(h->faults, TRUE);
    g_hash_table_unref(h->blobs);
    g_free(h);
}

/* Reads a database of these bytes. The error, if any, is added to the faults. */
static inline struct harvest *harvest(const struct rpm_backend *backend, const void *bytes,
                                      size_t len)
{
    struct harvest *h = harvest_new();
    const struct rpm_sink sink = { harvest_header, harvest_fault, h };
    struct rpm_files files = { .main = memory_block(bytes, len, "db") };
    GError *error = NULL;
    if (!backend->each(&files, &sink, &error))
        harvest_fault(h, error);
    block_unref(files.main);
    return h;
}

/* Reads the database as often as it takes reads, each time with another one failing: what is not
 * given out then is told. */
static inline void torture(const struct rpm_backend *backend, const void *bytes, size_t len)
{
    struct harvest *whole = harvest(backend, bytes, len);
    unsigned failing = 1, reads;
    do {
        struct harvest *h = harvest_new();
        const struct rpm_sink sink = { harvest_header, harvest_fault, h };
        struct rpm_files files = { .main = memory_block(bytes, len, "db") };
        struct memory_block *m = (struct memory_block *)files.main;
        GError *error = NULL;
        m->failing = failing;
        if (!backend->each(&files, &sink, &error))
            harvest_fault(h, error);
        reads = m->reads;
        if (reads >= failing && !g_str_equal(h->headers->str, whole->headers->str))
            g_assert_nonnull(strstr(h->faults->str, "made to fail"));
        block_unref(files.main);
        harvest_free(h);
    } while (reads >= failing++);
    g_assert_cmpuint(failing, >, 3);
    harvest_free(whole);
}
