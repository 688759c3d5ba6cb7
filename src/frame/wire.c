#include "frame/wire.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/varint.h"
#include "frame/field.h"

static void put_bytes(GByteArray *out, const char *s, size_t len)
{
    g_byte_array_append(out, (const guint8 *)s, (guint)len);
}

static void put_string(GByteArray *out, const char *s)
{
    size_t len = s == NULL ? 0 : strlen(s);
    varint_append(out, s == NULL ? 0 : (uint64_t)len + 1);
    put_bytes(out, s, len);
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void put_hex(GByteArray *out, const char *s)
{
    size_t len = s == NULL ? 0 : strlen(s);
    bool packed = len % 2 == 0;
    for (size_t i = 0; i < len && packed; i++)
        packed = hex_value(s[i]) >= 0;
    if (s == NULL) {
        varint_append(out, 0);
    } else if (packed) {
        varint_append(out, 1 + ((uint64_t)len / 2 << 1 | 1));
        for (size_t i = 0; i < len; i += 2) {
            uint8_t byte = (uint8_t)(hex_value(s[i]) << 4 | hex_value(s[i + 1]));
            g_byte_array_append(out, &byte, 1);
        }
    } else {
        varint_append(out, 1 + ((uint64_t)len << 1));
        put_bytes(out, s, len);
    }
}

static void put_strings(GByteArray *out, const char *const *list)
{
    size_t count = list == NULL ? 0 : g_strv_length((gchar **)list);
    varint_append(out, list == NULL ? 0 : (uint64_t)count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(list[i]);
        varint_append(out, len);
        put_bytes(out, list[i], len);
    }
}

static void put_byte(GByteArray *out, uint8_t byte)
{
    g_byte_array_append(out, &byte, 1);
}

void wire_put_fields(GByteArray *out, enum frame_kind kind, const void *record)
{
    const struct frame_kind_info *info = &frame_kinds[kind];
    for (size_t i = 0; i < info->field_count; i++) {
        const struct frame_field *f = &info->fields[i];
        int64_t time;
        switch (f->type) {
        case FRAME_TYPE_STRING:
        case FRAME_TYPE_BYTES:
            put_string(out, field_string(record, f));
            break;
        case FRAME_TYPE_HEX:
            put_hex(out, field_string(record, f));
            break;
        case FRAME_TYPE_STRINGS:
            put_strings(out, field_strings(record, f));
            break;
        case FRAME_TYPE_U64:
        case FRAME_TYPE_OCTAL:
            varint_append(out, field_u64(record, f));
            break;
        case FRAME_TYPE_TIME:
            time = field_time(record, f);
            varint_append(out, (uint64_t)time << 1 ^ (time < 0 ? UINT64_MAX : 0));
            break;
        case FRAME_TYPE_BOOL:
            put_byte(out, field_bool(record, f));
            break;
        case FRAME_TYPE_STATE:
            put_byte(out, (uint8_t)field_state(record, f));
            break;
        case FRAME_TYPE_COUNT:
        default:
            g_assert_not_reached();
        }
    }
}

bool frame_wire_append(GByteArray *out, enum frame_kind kind, const void *record, GError **error)
{
    static const uint8_t room[FRAME_WIRE_HEADER];
    guint start = out->len;
    g_byte_array_append(out, room, sizeof room);
    wire_put_fields(out, kind, record);
    size_t len = out->len - start - FRAME_WIRE_HEADER;
    if (len > LIMIT_FRAME_RECORD) {
        g_byte_array_set_size(out, start);
        return fail_limit(error, "record of %s: %zu bytes are more than the limit of %u",
                          frame_kinds[kind].name, len, LIMIT_FRAME_RECORD);
    }
    uint8_t *header = out->data + start;
    header[0] = (uint8_t)kind;
    for (unsigned i = 0; i < 4; i++)
        header[1 + i] = (uint8_t)(len >> (8 * i));
    return true;
}

/* What went wrong with one field; GError is made once, at the end. */
enum get_result { GET_OK, GET_CORRUPT, GET_LIMIT };

static enum get_result get_text(struct cursor *c, uint64_t len, struct arena *a, const char **out)
{
    const uint8_t *bytes;
    if (len > cursor_left(c) || !rd_bytes(c, (size_t)len, &bytes) ||
        memchr(bytes, 0, (size_t)len) != NULL)
        return GET_CORRUPT;
    *out = arena_strndup(a, (const char *)bytes, (size_t)len);
    return *out != NULL ? GET_OK : GET_LIMIT;
}

static enum get_result get_string(struct cursor *c, struct arena *a, const char **out)
{
    uint64_t len;
    *out = NULL;
    if (!varint_read(c, &len))
        return GET_CORRUPT;
    return len == 0 ? GET_OK : get_text(c, len - 1, a, out);
}

static enum get_result get_hex(struct cursor *c, struct arena *a, const char **out)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t code;
    const uint8_t *bytes;
    *out = NULL;
    if (!varint_read(c, &code))
        return GET_CORRUPT;
    if (code == 0)
        return GET_OK;
    uint64_t len = (code - 1) >> 1;
    if (((code - 1) & 1) == 0)
        return get_text(c, len, a, out);
    if (len > cursor_left(c) || !rd_bytes(c, (size_t)len, &bytes))
        return GET_CORRUPT;
    char *s = arena_alloc(a, (size_t)len * 2 + 1);
    if (s == NULL)
        return GET_LIMIT;
    for (size_t i = 0; i < len; i++) {
        s[2 * i] = digits[bytes[i] >> 4];
        s[2 * i + 1] = digits[bytes[i] & 15];
    }
    *out = s;
    return GET_OK;
}

static enum get_result get_strings(struct cursor *c, struct arena *a, const char *const **out)
{
    uint64_t count, len;
    *out = NULL;
    if (!varint_read(c, &count))
        return GET_CORRUPT;
    if (count-- == 0)
        return GET_OK;
    if (count > cursor_left(c)) /* each takes a byte at least */
        return GET_CORRUPT;
    const char **list = arena_alloc(a, ((size_t)count + 1) * sizeof *list);
    if (list == NULL)
        return GET_LIMIT;
    for (uint64_t i = 0; i < count; i++) {
        if (!varint_read(c, &len))
            return GET_CORRUPT;
        enum get_result result = get_text(c, len, a, &list[i]);
        if (result != GET_OK)
            return result;
    }
    *out = list;
    return GET_OK;
}

static enum get_result get_time(struct cursor *c, int64_t *out)
{
    uint64_t n;
    if (!varint_read(c, &n))
        return GET_CORRUPT;
    *out = (int64_t)(n >> 1 ^ ((n & 1) != 0 ? UINT64_MAX : 0));
    return GET_OK;
}

static enum get_result get_field(const struct frame_field *f, struct cursor *c, struct arena *a,
                                 void *record)
{
    uint8_t byte;
    switch (f->type) {
    case FRAME_TYPE_STRING:
    case FRAME_TYPE_BYTES:
        return get_string(c, a, FIELD_SET(record, f, const char *));
    case FRAME_TYPE_HEX:
        return get_hex(c, a, FIELD_SET(record, f, const char *));
    case FRAME_TYPE_STRINGS:
        return get_strings(c, a, FIELD_SET(record, f, const char *const *));
    case FRAME_TYPE_U64:
    case FRAME_TYPE_OCTAL:
        return varint_read(c, FIELD_SET(record, f, uint64_t)) ? GET_OK : GET_CORRUPT;
    case FRAME_TYPE_TIME:
        return get_time(c, FIELD_SET(record, f, int64_t));
    case FRAME_TYPE_BOOL:
        if (!rd_u8(c, &byte) || byte > 1)
            return GET_CORRUPT;
        *FIELD_SET(record, f, bool) = byte == 1;
        return GET_OK;
    case FRAME_TYPE_STATE:
        if (!rd_u8(c, &byte) || byte >= COVERAGE_STATE_COUNT)
            return GET_CORRUPT;
        *FIELD_SET(record, f, enum coverage_state) = (enum coverage_state)byte;
        return GET_OK;
    case FRAME_TYPE_COUNT:
    default:
        g_assert_not_reached();
    }
}

bool wire_get_fields(enum frame_kind kind, struct cursor *c, struct arena *a, void *record,
                     GError **error)
{
    const struct frame_kind_info *info = &frame_kinds[kind];
    memset(record, 0, info->size);
    for (size_t i = 0; i < info->field_count; i++) {
        const struct frame_field *f = &info->fields[i];
        size_t start = c->pos;
        enum get_result result = get_field(f, c, a, record);
        if (result == GET_LIMIT)
            return fail_limit(error, "record of %s: no memory left for its %s", info->name,
                              f->name);
        if (result == GET_CORRUPT ||
            (f->required && field_is_string(f) && field_string(record, f) == NULL))
            return fail_corrupt(error, "record of %s: bad %s at byte %zu", info->name, f->name,
                                start);
    }
    return true;
}

bool frame_wire_decode(enum frame_kind kind, struct cursor *c, struct arena *a, void *record,
                       GError **error)
{
    if ((unsigned)kind >= FRAME_KIND_COUNT)
        return fail_corrupt(error, "record of unknown kind %u", (unsigned)kind);
    if (cursor_left(c) > LIMIT_FRAME_RECORD)
        return fail_limit(error, "record of %s: %zu bytes are more than the limit of %u",
                          frame_kinds[kind].name, cursor_left(c), LIMIT_FRAME_RECORD);
    if (!wire_get_fields(kind, c, a, record, error))
        return false;
    if (cursor_left(c) != 0)
        return fail_corrupt(error, "record of %s: %zu bytes too many at byte %zu",
                            frame_kinds[kind].name, cursor_left(c), c->pos);
    return true;
}
