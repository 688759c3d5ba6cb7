#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/remote.h"

#define WIDEST 60

static char *format;

const GOptionEntry remote_format_options[] = {
    { "format", 0, 0, G_OPTION_ARG_STRING, &format, "table (default) or json", "FORMAT" },
    { 0 },
};

#define NESTING 6

/* A value as one word of a table; what it holds is in braces. */
static void append_word(GString *text, const json_t *value, unsigned depth)
{
    const char *key, *comma = "";
    json_t *member;
    size_t i;
    if (json_is_string(value))
        text_append_safe(text, json_string_value(value), json_string_length(value));
    else if (json_is_boolean(value))
        g_string_append(text, json_is_true(value) ? "yes" : "no");
    else if (json_is_integer(value))
        g_string_append_printf(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        g_string_append_printf(text, "%g", json_real_value(value));
    bool braces = depth > 0 && (json_is_array(value) || json_is_object(value));
    if (depth > NESTING)
        return;
    g_string_append(text, braces ? "{" : "");
    json_array_foreach(value, i, member) {
        g_string_append(text, comma);
        append_word(text, member, depth + 1);
        comma = " ";
    }
    json_object_foreach((json_t *)value, key, member) {
        g_string_append(text, comma);
        text_append_safe(text, key, strlen(key));
        g_string_append_c(text, '=');
        append_word(text, member, depth + 1);
        comma = " ";
    }
    g_string_append(text, braces ? "}" : "");
}

/* g_free() */
static char *word(const json_t *value)
{
    GString *text = g_string_new(NULL);
    append_word(text, value, 0);
    return g_string_free(text, FALSE);
}

static bool print_list(const json_t *items, const char *const *columns, GError **error)
{
    json_t *item;
    size_t n = g_strv_length((char **)columns), row;
    g_autofree int *widths = g_new0(int, n);
    for (size_t i = 0; i < n; i++)
        widths[i] = (int)strlen(columns[i]);
    json_array_foreach(items, row, item) {
        for (size_t i = 0; i < n; i++) {
            g_autofree char *text = word(json_object_get(item, columns[i]));
            widths[i] = MIN(MAX(widths[i], (int)g_utf8_strlen(text, -1)), WIDEST);
        }
    }
    for (size_t i = 0; i < n; i++) {
        g_autofree char *title = g_ascii_strup(columns[i], -1);
        g_strdelimit(title, "_", ' ');
        (void)printf("%-*s%s", i + 1 < n ? widths[i] : 0, title, i + 1 < n ? "  " : "\n");
    }
    json_array_foreach(items, row, item) {
        for (size_t i = 0; i < n; i++) {
            g_autofree char *text = word(json_object_get(item, columns[i]));
            int pad = i + 1 < n ? MAX(widths[i] - (int)g_utf8_strlen(text, -1), 0) : 0;
            (void)printf("%s%*s%s", text, pad, "", i + 1 < n ? "  " : "\n");
        }
    }
    return fflush(stdout) == 0 || fail_errno(error, errno, "standard output");
}

/* Whether it holds more than what fits into a line. */
static bool is_deep(const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    json_array_foreach(value, i, member) {
        if (json_is_object(member) || json_is_array(member))
            return true;
    }
    json_object_foreach((json_t *)value, key, member) {
        if (json_is_object(member) || json_is_array(member))
            return true;
    }
    return false;
}

/* A line for each member; what is deep follows its name, further to the right. */
static void print_members(const json_t *thing, unsigned depth)
{
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach((json_t *)thing, key, value) {
        bool deep = depth < NESTING && is_deep(value);
        g_autofree char *text = deep ? g_strdup("") : word(value);
        bool alone = *text == '\0';
        (void)printf("%*s%-*s%s%s\n", (int)(2 * depth), "", alone ? 0 : 12, key, alone ? "" : " ",
                     text);
        if (deep)
            print_members(value, depth + 1);
    }
    json_array_foreach(thing, i, value) {
        g_autofree char *text = word(value);
        (void)printf("%*s%s\n", (int)(2 * depth), "", text);
    }
}

static bool print_one(const json_t *thing, GError **error)
{
    print_members(thing, 0);
    return fflush(stdout) == 0 || fail_errno(error, errno, "standard output");
}

static bool print_json(const json_t *value, GError **error)
{
    return (json_dumpf(value, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF &&
            fflush(stdout) == 0) ||
           fail_errno(error, errno, "standard output");
}

static bool wants_json(bool *json, GError **error)
{
    *json = format != NULL && g_str_equal(format, "json");
    return format == NULL || *json || g_str_equal(format, "table") ||
           fail(error, ASSAY_ERROR_INVALID, "no such format: %s", format);
}

enum cli_status remote_do(const char *method, const char *path, json_t *body)
{
    GError *error = NULL;
    json_t *answer = NULL;
    bool json;
    bool ok = wants_json(&json, &error) && remote_call(method, path, body, &answer, &error) &&
              (answer == NULL || (json ? print_json(answer, &error) : print_one(answer, &error)));
    json_decref(answer);
    json_decref(body);
    return ok ? CLI_OK : cli_fail_error(error);
}

enum cli_status remote_show_list(const char *path, const char *const *columns)
{
    return remote_show_member_list(path, "items", columns);
}

enum cli_status remote_show_member_list(const char *path, const char *member,
                                        const char *const *columns)
{
    return remote_show_inner_list(path, member, NULL, columns);
}

/* A row for each of what the items' lists hold, with the item's own members beside it; the item's
 * name is then "thing". A new reference. */
static json_t *rows_of(json_t *items, const char *inner)
{
    json_t *rows = json_array(), *item, *one;
    size_t i, j;
    json_array_foreach(items, i, item) {
        json_array_foreach(json_object_get(item, inner), j, one) {
            json_t *row = json_copy(item);
            (void)json_object_set(row, "thing", json_object_get(item, "name"));
            (void)json_object_update(row, one);
            (void)json_array_append_new(rows, row);
        }
    }
    return rows;
}

enum cli_status remote_show_inner_list(const char *path, const char *member, const char *inner,
                                       const char *const *columns)
{
    GError *error = NULL;
    bool json;
    json_t *items = wants_json(&json, &error) ? remote_member_list(path, member, &error) : NULL;
    json_t *rows = items != NULL && inner != NULL && !json ? rows_of(items, inner) : items;
    bool ok =
        items != NULL && (json ? print_json(items, &error) : print_list(rows, columns, &error));
    if (rows != items)
        json_decref(rows);
    json_decref(items);
    return ok ? CLI_OK : cli_fail_error(error);
}

void remote_add_text(json_t *body, const char *name, const char *text)
{
    if (text != NULL)
        (void)json_object_set_new(body, name, json_string(text));
}

void remote_add_texts(json_t *body, const char *name, char **texts)
{
    json_t *list = texts != NULL ? json_array() : NULL;
    for (; texts != NULL && *texts != NULL; texts++)
        (void)json_array_append_new(list, json_string(*texts));
    if (list != NULL)
        (void)json_object_set_new(body, name, list);
}

bool remote_add_labels(json_t *body, const char *name, char **texts)
{
    json_t *labels = texts != NULL ? json_object() : NULL;
    for (; texts != NULL && *texts != NULL; texts++) {
        const char *equals = strchr(*texts, '=');
        g_autofree char *key = equals != NULL ? g_strndup(*texts, (gsize)(equals - *texts)) : NULL;
        if (key == NULL || key[0] == '\0') {
            json_decref(labels);
            (void)cli_fail("label '%s': not NAME=VALUE", *texts);
            return false;
        }
        (void)json_object_set_new(labels, key, json_string(equals + 1));
    }
    if (labels != NULL)
        (void)json_object_set_new(body, name, labels);
    return true;
}

bool remote_arguments(const char *command, int argc, int least, int most)
{
    if (argc >= least && argc <= most)
        return true;
    (void)cli_fail("%s: too %s arguments (see 'assay %s --help')", command,
                   argc < least ? "few" : "many", command);
    return false;
}
