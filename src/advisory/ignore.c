/* Ignore files: docs/suppression.md says how they are written. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "advisory/suppression_set.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"

enum key { KEY_ID, KEY_PACKAGE, KEY_PATH, KEY_EXPIRES, KEY_REASON, KEY_COUNT };

static const char *const keys[KEY_COUNT] = {
    [KEY_ID] = "id",           [KEY_PACKAGE] = "package", [KEY_PATH] = "path",
    [KEY_EXPIRES] = "expires", [KEY_REASON] = "reason",
};

/* A line being read. */
struct rule_line {
    struct suppressions *set;
    struct suppression_source *source;
    unsigned number;
    const char *text, *end;
    const char *values[KEY_COUNT]; /* NULL: not there */
};

static bool fail_line(const struct rule_line *l, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static bool fail_line(const struct rule_line *l, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return fail(error, ASSAY_ERROR_INVALID, "%s, line %u: %s", l->source->path, l->number, text);
}

static void skip_blanks(struct rule_line *l)
{
    while (l->text < l->end && g_ascii_isspace(*l->text))
        l->text++;
}

/* A quoted text, in which a backslash takes the byte behind it as it is. */
static bool read_quoted(struct rule_line *l, GString *out, GError **error)
{
    for (l->text++; l->text < l->end && *l->text != '"'; l->text++) {
        if (*l->text == '\\' && l->text + 1 < l->end)
            l->text++;
        g_string_append_c(out, *l->text);
    }
    if (l->text == l->end)
        return fail_line(l, error, "a quotation mark is missing");
    l->text++;
    if (l->text < l->end && !g_ascii_isspace(*l->text))
        return fail_line(l, error, "no blank behind a quoted text");
    return true;
}

/* Up to the next blank, or quoted. */
static bool read_value(struct rule_line *l, GString *out, GError **error)
{
    g_string_truncate(out, 0);
    if (l->text < l->end && *l->text == '"')
        return read_quoted(l, out, error);
    while (l->text < l->end && !g_ascii_isspace(*l->text))
        g_string_append_c(out, *l->text++);
    return true;
}

static bool set_value(struct rule_line *l, enum key key, const char *value, GError **error)
{
    if (l->values[key] != NULL)
        return fail_line(l, error, "%s stands twice", keys[key]);
    if (*value == '\0')
        return fail_line(l, error, "%s is empty", keys[key]);
    l->values[key] = suppressions_text(l->set, value);
    return true;
}

/* "key=value"; the id may stand without its key, as the first word. */
static bool read_word(struct rule_line *l, bool first, GString *buffer, GError **error)
{
    const char *start = l->text;
    size_t len = 0;
    while (start + len < l->end && (g_ascii_isalnum(start[len]) || start[len] == '_'))
        len++;
    if (start + len == l->end || start[len] != '=') {
        if (!read_value(l, buffer, error))
            return false;
        if (!first)
            return fail_line(l, error, "'%.64s' is not of the form key=value", buffer->str);
        return set_value(l, KEY_ID, buffer->str, error);
    }
    l->text += len + 1;
    if (!read_value(l, buffer, error))
        return false;
    for (int key = 0; key < KEY_COUNT; key++)
        if (strlen(keys[key]) == len && memcmp(keys[key], start, len) == 0)
            return set_value(l, (enum key)key, buffer->str, error);
    return fail_line(l, error, "no key '%.*s' (there are id, package, path, expires, reason)",
                     (int)MIN(len, 64), start);
}

/* "2027-01-31" is the end of that day, in UTC. */
static bool parse_expiry(const struct rule_line *l, int64_t *out, GError **error)
{
    const char *text = l->values[KEY_EXPIRES];
    enum { DAY = 10, SECONDS = 24 * 60 * 60 };
    if (text == NULL)
        return true;
    bool parsed = strlen(text) == DAY && text_parse_time(text, out);
    g_autofree char *day = parsed ? text_time(*out) : NULL; /* another for 2027-02-30 */
    if (!parsed || strncmp(day, text, DAY) != 0)
        return fail_line(l, error, "expires: '%.64s' is not a date (YYYY-MM-DD)", text);
    *out += SECONDS - 1;
    return true;
}

static bool add_rule(const struct rule_line *l, GError **error)
{
    const char *const *v = l->values;
    const char *const ids[] = { v[KEY_ID], NULL };
    g_autofree char *by = g_strdup_printf("%s line %u", l->source->path, l->number);
    struct suppression rule = {
        .effect = SUPPRESSION_IGNORE,
        .package = v[KEY_PACKAGE],
        .path = v[KEY_PATH],
        .any_id = v[KEY_ID] == NULL,
        .line = l->number,
        .by = suppressions_text(l->set, by),
        .reason = v[KEY_REASON],
        .source = l->source,
    };
    if (v[KEY_ID] == NULL && v[KEY_PACKAGE] == NULL && v[KEY_PATH] == NULL)
        return fail_line(l, error, "no id, package or path: it would ignore everything");
    return parse_expiry(l, &rule.expires, error) && suppressions_add(l->set, &rule, ids, error);
}

static bool read_line(struct rule_line *l, GString *buffer, GError **error)
{
    size_t len = (size_t)(l->end - l->text);
    if (len > LIMIT_IGNORE_LINE)
        return fail_line(l, error, "longer than %u bytes", LIMIT_IGNORE_LINE);
    if (!g_utf8_validate(l->text, (gssize)len, NULL))
        return fail_line(l, error, "not UTF-8 text");
    skip_blanks(l);
    for (bool first = true; l->text < l->end && *l->text != '#'; first = false) {
        if (!read_word(l, first, buffer, error))
            return false;
        skip_blanks(l);
    }
    for (int key = 0; key < KEY_COUNT; key++)
        if (l->values[key] != NULL)
            return add_rule(l, error);
    return true;
}

bool suppressions_parse_ignore(struct suppressions *s, const char *name, const char *text,
                               size_t size, GError **error)
{
    struct suppression_source *source = suppressions_add_source(s, name, "ignore file", error);
    g_autoptr(GString) buffer = g_string_new(NULL);
    const char *pos = text, *line;
    size_t len;
    for (unsigned number = 1; text_next_line(&pos, text + size, &line, &len); number++) {
        struct rule_line l = {
            .set = s, .source = source, .number = number, .text = line, .end = line + len
        };
        if (source == NULL || !read_line(&l, buffer, error))
            return false;
    }
    return source != NULL;
}

bool suppressions_load_ignore(struct suppressions *s, const char *path, GError **error)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fail_errno(error, errno, "%s", path);
    g_autofree char *text = g_malloc(LIMIT_SMALL_FILE + 1);
    size_t size = fread(text, 1, LIMIT_SMALL_FILE + 1, file);
    int failed = ferror(file) ? errno : 0;
    (void)fclose(file);
    if (failed != 0)
        return fail_errno(error, failed, "%s", path);
    if (size > LIMIT_SMALL_FILE)
        return fail_limit(error, "%s: larger than %u bytes", path, LIMIT_SMALL_FILE);
    return suppressions_parse_ignore(s, path, text, size, error);
}
