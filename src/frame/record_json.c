#include "frame/record_json.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "frame/field.h"

/* --- writing ------------------------------------------------------------------------------------
 */

static void write_bytes(struct json_writer *w, const char *name, const char *s)
{
    if (s == NULL)
        return;
    jw_string(w, name, s);
    if (g_utf8_validate(s, -1, NULL))
        return;
    g_autofree char *key = g_strdup_printf("%s_base64", name);
    g_autofree char *value = g_base64_encode((const guchar *)s, strlen(s));
    jw_string(w, key, value);
}

static void write_strings(struct json_writer *w, const char *name, const char *const *list)
{
    if (list == NULL)
        return;
    jw_array_begin(w, name);
    for (; *list != NULL; list++)
        jw_string(w, NULL, *list);
    jw_array_end(w);
}

void field_write(struct json_writer *w, const struct frame_field *f, const void *record)
{
    g_autofree char *text = NULL;
    switch (f->type) {
    case FRAME_TYPE_STRING:
    case FRAME_TYPE_HEX:
        jw_string_opt(w, f->name, field_string(record, f));
        break;
    case FRAME_TYPE_BYTES:
        write_bytes(w, f->name, field_string(record, f));
        break;
    case FRAME_TYPE_STRINGS:
        write_strings(w, f->name, field_strings(record, f));
        break;
    case FRAME_TYPE_U64:
        /* Readers of JSON have signed numbers at best; no size or id is larger than those. */
        jw_u64(w, f->name, MIN(field_u64(record, f), (uint64_t)INT64_MAX));
        break;
    case FRAME_TYPE_OCTAL:
        text = g_strdup_printf("%04" PRIo64, field_u64(record, f));
        jw_string(w, f->name, text);
        break;
    case FRAME_TYPE_TIME:
        text = text_time(field_time(record, f));
        jw_string_opt(w, f->name, field_time(record, f) == 0 ? NULL : text);
        break;
    case FRAME_TYPE_BOOL:
        jw_bool(w, f->name, field_bool(record, f));
        break;
    case FRAME_TYPE_STATE:
        jw_string(w, f->name, coverage_state_name(field_state(record, f)));
        break;
    case FRAME_TYPE_COUNT:
    default:
        g_assert_not_reached();
    }
}

void record_write_members(struct json_writer *w, enum frame_kind kind, const void *record)
{
    for (size_t i = 0; i < frame_kinds[kind].field_count; i++)
        field_write(w, &frame_kinds[kind].fields[i], record);
}

void record_write(struct json_writer *w, const char *key, enum frame_kind kind, const void *record)
{
    jw_object_begin(w, key);
    bool before = jw_set_compact(w, true);
    record_write_members(w, kind, record);
    jw_object_end(w);
    (void)jw_set_compact(w, before);
}

/* --- reading ------------------------------------------------------------------------------------
 */

enum read_result { READ_OK, READ_WRONG, READ_LIMIT };

static enum read_result read_text(const json_t *value, struct arena *a, const char **out)
{
    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
        return READ_WRONG; /* also a NUL within */
    *out = arena_strdup(a, json_string_value(value));
    return *out != NULL ? READ_OK : READ_LIMIT;
}

static enum read_result read_base64(const json_t *value, struct arena *a, const char **out)
{
    gsize len;
    if (!json_is_string(value))
        return READ_WRONG;
    g_autofree guchar *bytes = g_base64_decode(json_string_value(value), &len);
    if (bytes == NULL || memchr(bytes, 0, len) != NULL)
        return READ_WRONG;
    *out = arena_strndup(a, (const char *)bytes, len);
    return *out != NULL ? READ_OK : READ_LIMIT;
}

static enum read_result read_strings(const json_t *value, struct arena *a, const char *const **out)
{
    if (!json_is_array(value))
        return READ_WRONG;
    size_t count = json_array_size(value);
    const char **list = arena_alloc(a, (count + 1) * sizeof *list);
    enum read_result result = list != NULL ? READ_OK : READ_LIMIT;
    for (size_t i = 0; i < count && result == READ_OK; i++)
        result = read_text(json_array_get(value, i), a, &list[i]);
    *out = list;
    return result;
}

static enum read_result read_number(const json_t *value, uint64_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return READ_WRONG;
    *out = (uint64_t)json_integer_value(value);
    return READ_OK;
}

static enum read_result read_octal(const json_t *value, uint64_t *out)
{
    const char *s = json_string_value(value);
    if (s == NULL || *s == '\0' || strlen(s) > 22 || (strlen(s) == 22 && *s != '1'))
        return READ_WRONG;
    for (*out = 0; *s >= '0' && *s <= '7'; s++)
        *out = *out << 3 | (uint64_t)(*s - '0');
    return *s == '\0' ? READ_OK : READ_WRONG;
}

static enum read_result read_field(const json_t *value, const struct frame_field *f,
                                   struct arena *a, void *record)
{
    const char *text = json_string_value(value);
    switch (f->type) {
    case FRAME_TYPE_STRING:
    case FRAME_TYPE_HEX:
    case FRAME_TYPE_BYTES:
        return read_text(value, a, FIELD_SET(record, f, const char *));
    case FRAME_TYPE_STRINGS:
        return read_strings(value, a, FIELD_SET(record, f, const char *const *));
    case FRAME_TYPE_U64:
        return read_number(value, FIELD_SET(record, f, uint64_t));
    case FRAME_TYPE_OCTAL:
        return read_octal(value, FIELD_SET(record, f, uint64_t));
    case FRAME_TYPE_TIME:
        return text != NULL && text_parse_time(text, FIELD_SET(record, f, int64_t)) ? READ_OK
                                                                                    : READ_WRONG;
    case FRAME_TYPE_BOOL:
        *FIELD_SET(record, f, bool) = json_is_true(value);
        return json_is_boolean(value) ? READ_OK : READ_WRONG;
    case FRAME_TYPE_STATE:
        return text != NULL && coverage_state_parse(text, FIELD_SET(record, f, enum coverage_state))
                   ? READ_OK
                   : READ_WRONG;
    case FRAME_TYPE_COUNT:
    default:
        g_assert_not_reached();
    }
}

bool record_read(const json_t *object, enum frame_kind kind, struct arena *a, void *record,
                 GError **error)
{
    const struct frame_kind_info *info = &frame_kinds[kind];
    memset(record, 0, info->size);
    if (!json_is_object(object))
        return fail_corrupt(error, "%s: record is not an object", info->name);
    for (size_t i = 0; i < info->field_count; i++) {
        const struct frame_field *f = &info->fields[i];
        enum read_result result = READ_OK;
        const json_t *value = json_object_get(object, f->name);
        const json_t *bytes = NULL;
        if (f->type == FRAME_TYPE_BYTES) {
            char key[64];
            (void)g_snprintf(key, sizeof key, "%s_base64", f->name);
            bytes = json_object_get(object, key);
        }
        if (bytes != NULL)
            result = read_base64(bytes, a, FIELD_SET(record, f, const char *));
        else if (value != NULL)
            result = read_field(value, f, a, record);
        if (result == READ_LIMIT)
            return fail_limit(error, "%s: no memory left for a record", info->name);
        if (result == READ_WRONG || (value == NULL && bytes == NULL && f->required))
            return fail_corrupt(error, "%s: %s member \"%s\"", info->name,
                                result == READ_WRONG ? "bad" : "record without", f->name);
    }
    return true;
}
