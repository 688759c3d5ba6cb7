#include "base/json_scan.h"

#include <jansson.h>
#include <string.h>

#include "base/error.h"

#define DEPTH_MAX 64

struct json_scan json_scan_of(const char *text, size_t len)
{
    return (struct json_scan){ .text = text, .len = len, .first = true };
}

struct json_scan json_scan_part(const struct json_part *part)
{
    struct json_scan s = json_scan_of(part->text - part->offset, part->offset + part->len);
    s.pos = part->offset;
    return s;
}

static bool wrong(const struct json_scan *s, const char *expected, GError **error)
{
    return fail_corrupt(error, "JSON: %s expected at byte %zu", expected, s->pos);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static void skip_space(struct json_scan *s)
{
    while (s->pos < s->len && is_space(s->text[s->pos]))
        s->pos++;
}

/* The next character that is not space; NUL at the end. */
static char peek(struct json_scan *s)
{
    skip_space(s);
    return s->pos < s->len ? s->text[s->pos] : '\0';
}

bool json_scan_open(struct json_scan *s, char bracket, GError **error)
{
    if (peek(s) != bracket)
        return wrong(s, bracket == '{' ? "an object" : "an array", error);
    s->pos++;
    s->close = bracket == '{' ? '}' : ']';
    s->first = true;
    return true;
}

bool json_scan_next(struct json_scan *s, bool *more, GError **error)
{
    char c = peek(s);
    *more = c != s->close;
    if (!*more || (!s->first && c == ',')) {
        s->pos++;
    } else if (!s->first) {
        return wrong(s, "a comma or the end", error);
    }
    s->first = false;
    return true;
}

/* Moves behind the string that begins at the position. */
static bool skip_string(struct json_scan *s, GError **error)
{
    for (s->pos++; s->pos < s->len; s->pos++) {
        char c = s->text[s->pos];
        if (c == '"') {
            s->pos++;
            return true;
        }
        if (c == '\\')
            s->pos++;
    }
    s->pos = s->len;
    return wrong(s, "the end of a string", error);
}

static bool skip_brackets(struct json_scan *s, GError **error)
{
    guint64 is_object = 0; /* one bit a level */
    unsigned depth = 0;
    do {
        char c = peek(s);
        if (c == '"') {
            if (!skip_string(s, error))
                return false;
            continue;
        }
        if (c == '\0')
            return wrong(s, "a closing bracket", error);
        if (c == '{' || c == '[') {
            if (depth == DEPTH_MAX)
                return fail_limit(error, "JSON: more than %d levels at byte %zu", DEPTH_MAX,
                                  s->pos);
            is_object = is_object << 1 | (c == '{');
            depth++;
        } else if (c == '}' || c == ']') {
            if ((is_object & 1) != (c == '}'))
                return wrong(s, c == '}' ? "']'" : "'}'", error);
            is_object >>= 1;
            depth--;
        }
        s->pos++;
    } while (depth > 0);
    return true;
}

bool json_scan_value(struct json_scan *s, struct json_part *out, GError **error)
{
    char c = peek(s);
    size_t start = s->pos;
    if (c == '"') {
        if (!skip_string(s, error))
            return false;
    } else if (c == '{' || c == '[') {
        if (!skip_brackets(s, error))
            return false;
    } else {
        while (s->pos < s->len && memchr(",]}: \t\r\n", s->text[s->pos], 8) == NULL)
            s->pos++;
        if (s->pos == start)
            return wrong(s, "a value", error);
    }
    *out = (struct json_part){ .text = s->text + start, .len = s->pos - start, .offset = start };
    return true;
}

char *json_scan_key(struct json_scan *s, GError **error)
{
    struct json_part part;
    if (peek(s) != '"') {
        (void)wrong(s, "a name", error);
        return NULL;
    }
    if (!json_scan_value(s, &part, error))
        return NULL;
    json_t *name = json_loadb(part.text, part.len, JSON_DECODE_ANY, NULL);
    char *key = g_strdup(json_string_value(name));
    json_decref(name);
    if (key == NULL) {
        (void)wrong(s, "a proper name before here", error);
        return NULL;
    }
    if (peek(s) != ':') {
        (void)wrong(s, "a colon", error);
        g_free(key);
        return NULL;
    }
    s->pos++;
    return key;
}

bool json_scan_end(struct json_scan *s, GError **error)
{
    skip_space(s);
    return s->pos == s->len || wrong(s, "the end", error);
}
