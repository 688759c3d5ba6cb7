/* Header, header extensions and feature name table of a qcow2 image. */
#include <string.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "block/qcow2.h"

#define HEADER_V2_LENGTH 72
#define HEADER_V3_LENGTH 104
/* "Must not be longer than 1023 bytes" (Header, backing_file_size). */
#define BACKING_NAME_MAX 1023

#define INCOMPATIBLE_KNOWN                                                                         \
    (QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_EXTERNAL_DATA | QCOW2_COMPRESSION | QCOW2_EXTENDED_L2)

enum extension {
    EXTENSION_END = 0,
    EXTENSION_BACKING_FORMAT = 0xe2792aca,
    EXTENSION_FEATURE_NAMES = 0x6803f857,
    EXTENSION_DATA_FILE = 0x44415441
};
#define FEATURE_NAME_ENTRY 48
#define FEATURE_NAME_MAX   46

/* The fixed part that is not kept. */
struct raw_header {
    uint64_t backing_offset;
    uint32_t backing_len;
    uint32_t crypt_method;
    uint32_t header_length;
    struct cursor feature_names;
};

void qcow2_header_clear(struct qcow2_header *h)
{
    g_clear_pointer(&h->backing_file, g_free);
    g_clear_pointer(&h->backing_format, g_free);
    g_clear_pointer(&h->data_file, g_free);
}

static bool parse_fixed(const char *name, struct cursor *c, struct qcow2_header *h,
                        struct raw_header *raw, GError **error)
{
    uint32_t magic;
    if (!rd_be32(c, &magic) || magic != QCOW2_MAGIC || !rd_be32(c, &h->version))
        return fail_corrupt(error, "%s: not a qcow2 image", name);
    if (h->version != 2 && h->version != 3)
        return fail_unsupported(error, "%s: qcow version %u is not read, only 2 and 3", name,
                                h->version);
    bool whole = rd_be64(c, &raw->backing_offset) && rd_be32(c, &raw->backing_len) &&
                 rd_be32(c, &h->cluster_bits) && rd_be64(c, &h->size) &&
                 rd_be32(c, &raw->crypt_method) && rd_be32(c, &h->l1_size) &&
                 rd_be64(c, &h->l1_offset) && cursor_skip(c, 8 + 4) /* refcounts: not needed */ &&
                 rd_be32(c, &h->snapshot_count) && rd_be64(c, &h->snapshots_offset);
    if (!whole)
        return fail_corrupt(error, "%s: the qcow2 header is cut off", name);
    raw->header_length = HEADER_V2_LENGTH;
    if (h->version == 2)
        return true;
    whole = rd_be64(c, &h->incompatible) && cursor_skip(c, 8 + 8 + 4) &&
            rd_be32(c, &raw->header_length);
    if (!whole)
        return fail_corrupt(error, "%s: the qcow2 header is cut off", name);
    if (raw->header_length < HEADER_V3_LENGTH || raw->header_length % 8 != 0)
        return fail_corrupt(error, "%s: impossible qcow2 header length %u", name,
                            raw->header_length);
    /* "A field is considered not present when header_length is less than or equal to the field's
     * offset" (Additional fields). */
    if (raw->header_length > HEADER_V3_LENGTH && !rd_u8(c, &h->compression))
        return fail_corrupt(error, "%s: the qcow2 header is cut off", name);
    return true;
}

static char *text_of(const uint8_t *bytes, size_t len)
{
    return g_strndup((const char *)bytes, len);
}

static bool parse_extension(uint32_t type, struct cursor data, struct qcow2_header *h,
                            struct raw_header *raw)
{
    char **text = type == EXTENSION_BACKING_FORMAT ? &h->backing_format
                  : type == EXTENSION_DATA_FILE    ? &h->data_file
                                                   : NULL;
    if (type == EXTENSION_FEATURE_NAMES)
        raw->feature_names = data;
    if (text == NULL)
        return true;
    /* A name with a NUL in it would mean one file to us and another to somebody else. */
    if (*text != NULL || memchr(data.data, 0, data.len) != NULL)
        return false;
    *text = text_of(data.data, data.len);
    return true;
}

/* Header extensions: from the end of the header up to the backing file name. */
static bool parse_extensions(const char *name, struct cursor area, struct qcow2_header *h,
                             struct raw_header *raw, GError **error)
{
    if (raw->backing_offset > raw->header_length)
        area.len = (size_t)min_u64(area.len, raw->backing_offset);
    else if (raw->backing_offset != 0)
        return true;
    if (!cursor_seek(&area, raw->header_length))
        return fail_corrupt(error, "%s: the qcow2 header is cut off", name);
    while (cursor_left(&area) >= 8) {
        uint32_t type = 0, len = 0;
        struct cursor data;
        size_t at = area.pos;
        (void)rd_be32(&area, &type);
        (void)rd_be32(&area, &len);
        if (type == EXTENSION_END)
            return true;
        if (!rd_sub(&area, len, &data))
            return fail_corrupt(error, "%s: the header extension at %zu reaches past the header",
                                name, at);
        if (!parse_extension(type, data, h, raw))
            return fail_corrupt(error, "%s: bad or repeated header extension 0x%08x at %zu", name,
                                type, at);
        (void)cursor_skip(&area, MIN((8 - len % 8) % 8, cursor_left(&area)));
    }
    return true;
}

/* Feature name table: what the image itself calls an incompatible feature. */
static void append_feature(GString *out, struct cursor names, unsigned bit)
{
    uint8_t type, number;
    const uint8_t *text;
    g_string_append(out, out->len > 0 ? ", " : "");
    while (rd_u8(&names, &type) && rd_u8(&names, &number) &&
           rd_bytes(&names, FEATURE_NAME_ENTRY - 2, &text)) {
        size_t len = strnlen((const char *)text, FEATURE_NAME_MAX);
        if (type != 0 || number != bit || len == 0)
            continue;
        g_string_append_c(out, '\'');
        text_append_safe(out, (const char *)text, len);
        g_string_append_printf(out, "' (bit %u)", bit);
        return;
    }
    g_string_append_printf(out, "bit %u", bit);
}

static bool check_features(const char *name, const struct qcow2_header *h,
                           const struct raw_header *raw, GError **error)
{
    uint64_t unknown = h->incompatible & ~INCOMPATIBLE_KNOWN;
    if (unknown != 0) {
        g_autoptr(GString) list = g_string_new(NULL);
        for (unsigned bit = 0; bit < 64; bit++) {
            if ((unknown >> bit & 1) != 0)
                append_feature(list, raw->feature_names, bit);
        }
        return fail_unsupported(error, "%s: unknown incompatible qcow2 feature %s", name,
                                list->str);
    }
    if (raw->crypt_method != 0)
        return fail_unsupported(error, "%s: the image is encrypted (%s)", name,
                                raw->crypt_method == 1   ? "AES"
                                : raw->crypt_method == 2 ? "LUKS"
                                                         : "unknown method");
    /* Additional fields, compression_type: the bit is set if and only if it is not zlib. */
    if (((h->incompatible & QCOW2_COMPRESSION) != 0) != (h->compression != 0))
        return fail_corrupt(error, "%s: the compression type contradicts its feature bit", name);
    if (h->compression > 1)
        return fail_unsupported(error, "%s: unknown compression type %u", name, h->compression);
    return true;
}

static bool check_geometry(const char *name, const struct qcow2_header *h,
                           const struct raw_header *raw, GError **error)
{
    if (h->cluster_bits < QCOW2_CLUSTER_BITS_MIN || h->cluster_bits > QCOW2_CLUSTER_BITS_MAX)
        return fail_corrupt(error, "%s: cluster size of 2^%u bytes is outside 2^%d..2^%d", name,
                            h->cluster_bits, QCOW2_CLUSTER_BITS_MIN, QCOW2_CLUSTER_BITS_MAX);
    if (raw->header_length > UINT64_C(1) << h->cluster_bits)
        return fail_corrupt(error, "%s: the header is longer than a cluster", name);
    /* Header, cluster_bits: extended L2 entries need clusters of 16 KiB, 32 sectors. */
    if ((h->incompatible & QCOW2_EXTENDED_L2) != 0 && h->cluster_bits < 14)
        return fail_corrupt(error, "%s: subclusters need clusters of 16 KiB or more", name);
    if (h->size > INT64_MAX)
        return fail_corrupt(error, "%s: impossible disk size %" G_GUINT64_FORMAT, name, h->size);
    return true;
}

static bool read_backing_name(struct block *file, struct qcow2_header *h,
                              const struct raw_header *raw, GError **error)
{
    uint8_t bytes[BACKING_NAME_MAX];
    if (raw->backing_offset == 0 || raw->backing_len == 0)
        return true;
    /* Header extensions: the name lies in the first cluster. */
    if (raw->backing_len > BACKING_NAME_MAX ||
        !range_within(raw->backing_offset, raw->backing_len, UINT64_C(1) << h->cluster_bits))
        return fail_corrupt(error,
                            "%s: the backing file's name (%u bytes at %" G_GUINT64_FORMAT
                            ") is too long or outside the first cluster",
                            file->name, raw->backing_len, raw->backing_offset);
    if (!block_read(file, raw->backing_offset, bytes, raw->backing_len, error))
        return false;
    if (memchr(bytes, 0, raw->backing_len) != NULL)
        return fail_corrupt(error, "%s: the backing file's name contains a NUL", file->name);
    h->backing_file = text_of(bytes, raw->backing_len);
    return true;
}

bool qcow2_header_read(struct block *file, struct qcow2_header *h, GError **error)
{
    struct qcow2_header got = { 0 };
    struct raw_header raw = { 0 };
    g_autofree uint8_t *area = g_malloc(LIMIT_IMAGE_HEADER);
    size_t len;
    if (!block_read_some(file, 0, area, LIMIT_IMAGE_HEADER, &len, error))
        return false;
    struct cursor c = cursor_of(area, len);
    if (!parse_fixed(file->name, &c, &got, &raw, error) ||
        !check_geometry(file->name, &got, &raw, error))
        return false;
    c.len = (size_t)min_u64(c.len, UINT64_C(1) << got.cluster_bits);
    if (!parse_extensions(file->name, c, &got, &raw, error) ||
        !check_features(file->name, &got, &raw, error) ||
        !read_backing_name(file, &got, &raw, error)) {
        qcow2_header_clear(&got);
        return false;
    }
    *h = got;
    return true;
}
