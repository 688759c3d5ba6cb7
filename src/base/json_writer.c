#include "base/json_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define FLUSH_AT (64 * 1024)

void jw_init(struct json_writer *w, FILE *file, bool compact)
{
    *w = (struct json_writer){ .file = file, .first = true, .compact = compact };
    w->buffer = g_string_sized_new(file != NULL ? FLUSH_AT + 4096 : 256);
}

static void jw_flush(struct json_writer *w)
{
    if (!w->failed && w->buffer->len > 0 &&
        fwrite(w->buffer->str, 1, w->buffer->len, w->file) != w->buffer->len) {
        w->failed = true;
        w->error_number = errno;
    }
    g_string_truncate(w->buffer, 0);
}

bool jw_finish(struct json_writer *w, GError **error)
{
    g_string_append_c(w->buffer, '\n');
    jw_flush(w);
    if (!w->failed && fflush(w->file) != 0) {
        w->failed = true;
        w->error_number = errno;
    }
    g_string_free(w->buffer, TRUE);
    w->buffer = NULL;
    return w->failed ? fail_errno(error, w->error_number, "writing JSON") : true;
}

GString *jw_take(struct json_writer *w)
{
    GString *text = w->buffer;
    jw_init(w, NULL, w->compact);
    return text;
}

bool jw_set_compact(struct json_writer *w, bool compact)
{
    bool before = w->compact;
    w->compact = compact;
    return before;
}

static void jw_newline(struct json_writer *w)
{
    if (w->compact)
        return;
    g_string_append_c(w->buffer, '\n');
    for (unsigned i = 0; i < w->depth; i++)
        g_string_append(w->buffer, "  ");
}

static void jw_quote(struct json_writer *w, const char *s, size_t len)
{
    GString *out = w->buffer;
    g_string_append_c(out, '"');
    size_t start = 0;
    for (size_t i = 0; i <= len; i++) {
        unsigned char c = i < len ? (unsigned char)s[i] : 0;
        if (i < len && c >= 0x20 && c != '"' && c != '\\')
            continue;
        if (g_utf8_validate(s + start, (gssize)(i - start), NULL))
            g_string_append_len(out, s + start, (gssize)(i - start));
        else
            text_append_utf8(out, s + start, i - start);
        start = i + 1;
        if (i == len)
            break;
        if (c == '"' || c == '\\')
            g_string_append_printf(out, "\\%c", c);
        else if (c == '\n')
            g_string_append(out, "\\n");
        else if (c == '\t')
            g_string_append(out, "\\t");
        else
            g_string_append_printf(out, "\\u%04x", c);
    }
    g_string_append_c(out, '"');
}

static void jw_begin_value(struct json_writer *w, const char *key)
{
    if (w->buffer->len >= FLUSH_AT && w->file != NULL)
        jw_flush(w);
    if (w->depth > 0) {
        if (!w->first)
            g_string_append_c(w->buffer, ',');
        jw_newline(w);
    }
    w->first = false;
    if (key != NULL) {
        jw_quote(w, key, strlen(key));
        g_string_append(w->buffer, w->compact ? ":" : ": ");
    }
}

static void jw_open(struct json_writer *w, const char *key, char bracket)
{
    jw_begin_value(w, key);
    g_string_append_c(w->buffer, bracket);
    w->depth++;
    w->first = true;
}

static void jw_close(struct json_writer *w, char bracket)
{
    g_assert(w->depth > 0);
    w->depth--;
    if (!w->first)
        jw_newline(w);
    w->first = false;
    g_string_append_c(w->buffer, bracket);
}

void jw_object_begin(struct json_writer *w, const char *key)
{
    jw_open(w, key, '{');
}

void jw_object_end(struct json_writer *w)
{
    jw_close(w, '}');
}

void jw_array_begin(struct json_writer *w, const char *key)
{
    jw_open(w, key, '[');
}

void jw_array_end(struct json_writer *w)
{
    jw_close(w, ']');
}

void jw_string_len(struct json_writer *w, const char *key, const char *value, size_t len)
{
    jw_begin_value(w, key);
    jw_quote(w, value, len);
}

void jw_string(struct json_writer *w, const char *key, const char *value)
{
    if (value == NULL)
        jw_null(w, key);
    else
        jw_string_len(w, key, value, strlen(value));
}

void jw_string_opt(struct json_writer *w, const char *key, const char *value)
{
    if (value != NULL)
        jw_string(w, key, value);
}

void jw_u64(struct json_writer *w, const char *key, uint64_t value)
{
    jw_begin_value(w, key);
    g_string_append_printf(w->buffer, "%" PRIu64, value);
}

void jw_i64(struct json_writer *w, const char *key, int64_t value)
{
    jw_begin_value(w, key);
    g_string_append_printf(w->buffer, "%" PRIi64, value);
}

void jw_decimal(struct json_writer *w, const char *key, double value, int decimals)
{
    char format[16], text[64];
    g_snprintf(format, sizeof format, "%%.%df", CLAMP(decimals, 0, 9));
    jw_begin_value(w, key);
    g_string_append(w->buffer, g_ascii_formatd(text, sizeof text, format, value));
}

void jw_bool(struct json_writer *w, const char *key, bool value)
{
    jw_begin_value(w, key);
    g_string_append(w->buffer, value ? "true" : "false");
}

void jw_null(struct json_writer *w, const char *key)
{
    jw_begin_value(w, key);
    g_string_append(w->buffer, "null");
}

void jw_json(struct json_writer *w, const char *key, const char *json)
{
    jw_begin_value(w, key);
    g_string_append(w->buffer, json);
}
