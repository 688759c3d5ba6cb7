#include "inspect/rpm_header.h"

#include "base/error.h"
#include "base/limits.h"

#define ENTRY_SIZE   16u
#define TRAILER_SIZE 16u

struct entry {
    uint32_t tag, type, offset, count;
};

static bool entry_read(struct cursor *c, struct entry *out)
{
    struct entry e;
    if (!rd_be32(c, &e.tag) || !rd_be32(c, &e.type) || !rd_be32(c, &e.offset) ||
        !rd_be32(c, &e.count))
        return false;
    *out = e;
    return true;
}

static bool entry_at(const struct rpm_header *h, uint32_t n, struct entry *out)
{
    struct cursor c = h->index;
    return cursor_seek(&c, (size_t)n * ENTRY_SIZE) && entry_read(&c, out);
}

/* The region's trailer, at the end of its data, repeats the entry and tells in its offset, as a
 * negative number, how long the region's part of the index is. */
static bool check_region(const struct rpm_header *h, GError **error)
{
    struct entry first, trailer;
    struct cursor data = h->data;
    if (!entry_at(h, 0, &first) || (first.tag != RPM_TAG_IMAGE && first.tag != RPM_TAG_IMMUTABLE))
        return true; /* headers of before rpm 4 have none */
    if (first.type != RPM_TYPE_BIN || first.count != TRAILER_SIZE)
        return fail_corrupt(error, "region of type %u with %u bytes", first.type, first.count);
    if (first.offset == 0 && first.tag == RPM_TAG_IMAGE)
        return true; /* made from a header of rpm 3: all is region, without trailer */
    if (!cursor_seek(&data, first.offset) || !entry_read(&data, &trailer))
        return fail_corrupt(error, "region's end at %u is past the %zu bytes of data", first.offset,
                            h->data.len);
    uint32_t length = -trailer.offset;
    if ((trailer.tag != first.tag && trailer.tag != RPM_TAG_IMAGE) ||
        trailer.type != RPM_TYPE_BIN || trailer.count != TRAILER_SIZE || length % ENTRY_SIZE != 0 ||
        length < ENTRY_SIZE || length / ENTRY_SIZE > h->count)
        return fail_corrupt(error, "no proper end of the region at %u", first.offset);
    return true;
}

bool rpm_header_parse(struct rpm_header *h, const void *bytes, size_t len, GError **error)
{
    struct cursor c = cursor_of(bytes, len);
    uint32_t count, size;
    struct rpm_header out = { 0 };
    if (len > LIMIT_RPM_HEADER)
        return fail_limit(error, "header of %zu bytes", len);
    if (!rd_be32(&c, &count) || !rd_be32(&c, &size))
        return fail_corrupt(error, "header of only %zu bytes", len);
    if (count == 0 || count > LIMIT_RPM_ENTRIES)
        return fail_corrupt(error, "header with %u entries", count);
    if (!rd_sub(&c, (size_t)count * ENTRY_SIZE, &out.index) || !rd_sub(&c, size, &out.data))
        return fail_corrupt(error, "header of %zu bytes with %u entries and %u bytes of data", len,
                            count, size);
    out.count = count;
    if (!check_region(&out, error))
        return false;
    *h = out;
    return true;
}

/* Later entries win: what was added behind the region replaces what is in it. */
static bool find(const struct rpm_header *h, enum rpm_tag tag, struct entry *out)
{
    for (uint32_t n = h->count; n > 0; n--) {
        uint32_t found;
        if (rd_be32_at(&h->index, (size_t)(n - 1) * ENTRY_SIZE, &found) && found == tag)
            return entry_at(h, n - 1, out);
    }
    return false;
}

static bool wrong_type(const struct entry *e, GError **error)
{
    return fail_corrupt(error, "tag %u has type %u", e->tag, e->type);
}

static bool past_data(const struct rpm_header *h, const struct entry *e, GError **error)
{
    return fail_corrupt(error, "tag %u: %u at %u are past the %zu bytes of data", e->tag, e->count,
                        e->offset, h->data.len);
}

/* A cursor at the entry's data; true only when there is an entry with something in it. */
static bool find_data(const struct rpm_header *h, enum rpm_tag tag, struct entry *e,
                      struct cursor *data, GError **error)
{
    if (!find(h, tag, e) || e->count == 0 || e->type == RPM_TYPE_NULL)
        return false;
    *data = h->data;
    return cursor_seek(data, e->offset) || past_data(h, e, error);
}

static bool is_text(const struct entry *e)
{
    return e->type == RPM_TYPE_STRING || e->type == RPM_TYPE_STRING_ARRAY ||
           e->type == RPM_TYPE_I18NSTRING;
}

static const char *take_text(struct cursor *c)
{
    const uint8_t *text = c->data + c->pos, *end = memchr(text, '\0', cursor_left(c));
    if (end == NULL)
        return NULL;
    c->pos += (size_t)(end - text) + 1;
    return (const char *)text;
}

const char *rpm_header_string(const struct rpm_header *h, enum rpm_tag tag, GError **error)
{
    struct entry e;
    struct cursor data;
    if (!find_data(h, tag, &e, &data, error))
        return NULL;
    if (!is_text(&e)) {
        wrong_type(&e, error);
        return NULL;
    }
    const char *text = take_text(&data);
    if (text == NULL)
        past_data(h, &e, error);
    return text;
}

static bool number_read(struct cursor *c, uint32_t type, uint64_t *out)
{
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    switch (type) {
    case RPM_TYPE_CHAR:
    case RPM_TYPE_INT8:
        if (!rd_u8(c, &u8))
            return false;
        *out = u8;
        return true;
    case RPM_TYPE_INT16:
        if (!rd_be16(c, &u16))
            return false;
        *out = u16;
        return true;
    case RPM_TYPE_INT32:
        if (!rd_be32(c, &u32))
            return false;
        *out = u32;
        return true;
    default:
        return rd_be64(c, out);
    }
}

bool rpm_header_number_at(const struct rpm_header *h, enum rpm_tag tag, uint32_t n, uint64_t *out,
                          GError **error)
{
    static const uint8_t sizes[RPM_TYPE_COUNT] = { [RPM_TYPE_CHAR] = 1,
                                                   [RPM_TYPE_INT8] = 1,
                                                   [RPM_TYPE_INT16] = 2,
                                                   [RPM_TYPE_INT32] = 4,
                                                   [RPM_TYPE_INT64] = 8 };
    struct entry e;
    struct cursor data;
    if (!find_data(h, tag, &e, &data, error) || n >= e.count)
        return false;
    if (e.type >= RPM_TYPE_COUNT || sizes[e.type] == 0)
        return wrong_type(&e, error);
    if (!cursor_skip(&data, (size_t)n * sizes[e.type]) || !number_read(&data, e.type, out))
        return past_data(h, &e, error);
    return true;
}

bool rpm_header_number(const struct rpm_header *h, enum rpm_tag tag, uint64_t *out, GError **error)
{
    return rpm_header_number_at(h, tag, 0, out, error);
}

const uint8_t *rpm_header_bytes(const struct rpm_header *h, enum rpm_tag tag, size_t *len,
                                GError **error)
{
    struct entry e;
    struct cursor data;
    const uint8_t *bytes = NULL;
    if (!find_data(h, tag, &e, &data, error))
        return NULL;
    if (e.type != RPM_TYPE_BIN) {
        wrong_type(&e, error);
        return NULL;
    }
    if (!rd_bytes(&data, e.count, &bytes)) {
        past_data(h, &e, error);
        return NULL;
    }
    *len = e.count;
    return bytes;
}

bool rpm_header_strings(const struct rpm_header *h, enum rpm_tag tag, struct rpm_strings *out,
                        GError **error)
{
    struct entry e;
    struct cursor data;
    if (!find_data(h, tag, &e, &data, error))
        return false;
    if (e.type != RPM_TYPE_STRING_ARRAY && e.type != RPM_TYPE_I18NSTRING)
        return wrong_type(&e, error);
    *out = (struct rpm_strings){ .data = data, .left = e.count };
    return true;
}

const char *rpm_strings_next(struct rpm_strings *s)
{
    if (s->left == 0)
        return NULL;
    s->left--;
    s->index += s->started;
    s->started = true;
    return take_text(&s->data);
}
