/* Ubuntu's CVE tracker in its own form: one text file a CVE, "Name: value" lines, values go on in
 * lines that begin with a blank; and "<release>_<package>: <status> (<note>)". */
#include <string.h>

#include "advisory/cve.h"
#include "advisory/feed_ubuntu.h"
#include "advisory/json_get.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"

static bool text_detect(const struct feed_head *head)
{
    return !head->is_json && feed_head_contains(head, "Candidate: CVE-") &&
           feed_head_contains(head, "\nDescription:");
}

/* "released (1.2-3)", "needed", "ignored (end of life)": the note loses its brackets. */
static void add_package(struct feed_context *c, const char *name, const char *value)
{
    const char *underscore = strchr(name, '_');
    if (underscore == NULL || underscore[1] == '\0')
        return;
    g_autofree char *release = g_strndup(name, (gsize)(underscore - name));
    size_t len = strcspn(value, " \t");
    g_autofree char *status = g_strndup(value, len);
    const char *note = value + len;
    note += strspn(note, " \t(");
    const char *end = strrchr(note, ')');
    const char *kept = g_string_chunk_insert_len(c->strings, note,
                                                 end != NULL ? end - note : (gssize)strlen(note));
    ubuntu_add(c, g_string_chunk_insert(c->strings, underscore + 1), release, status, kept);
}

static void take(struct feed_context *c, const char *name, const char *value)
{
    struct record *r = &c->record;
    if (g_str_equal(name, "Candidate"))
        r->id = g_string_chunk_insert(c->strings, value);
    else if (g_str_equal(name, "PublicDate"))
        r->published = r->modified = feed_time(value);
    else if (g_str_equal(name, "Priority")) {
        g_autofree char *word = g_strndup(value, strcspn(value, " \n"));
        r->severity = severity_of_word(word);
    } else if (g_str_equal(name, "Description"))
        r->title = feed_title(c->strings, value);
    else if (g_str_equal(name, "CVSS")) {
        const char *vector = strstr(value, "CVSS:");
        if (vector != NULL)
            record_add_vector(
                r, NULL,
                g_string_chunk_insert_len(c->strings, vector, (gssize)strcspn(vector, " \n")),
                SEVERITY_UNKNOWN);
    } else if (strchr(name, '_') != NULL && !g_str_has_prefix(name, "Patches_") &&
               !g_str_has_prefix(name, "Tags_") && !g_str_has_prefix(name, "Priority_")) {
        add_package(c, name, value);
    }
}

/* A name is followed by a colon and a blank or the line's end; package names may hold colons. */
static const char *end_of_name(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (line[i] == ':' && (i + 1 == len || line[i + 1] == ' '))
            return line + i;
    return NULL;
}

static bool text_parse(const struct feed_document *doc, struct feed_context *c, GError **error)
{
    const char *pos = doc->text, *end = doc->text + doc->len, *line;
    size_t len;
    g_autofree char *name = NULL;
    g_autoptr(GString) value = g_string_new(NULL);
    while (text_next_line(&pos, end, &line, &len)) {
        if (len > 0 && (*line == ' ' || *line == '\t')) {
            g_string_append_c(value, '\n');
            g_string_append_len(value, line, (gssize)len);
            continue;
        }
        const char *colon = len > 0 && *line != '#' ? end_of_name(line, len) : NULL;
        if (colon == NULL)
            continue;
        if (name != NULL)
            take(c, name, g_strstrip(value->str));
        g_free(name);
        name = g_strndup(line, (gsize)(colon - line));
        g_string_truncate(value, 0);
        g_string_append_len(value, colon + 1, (gssize)(len - (size_t)(colon + 1 - line)));
    }
    if (name != NULL)
        take(c, name, g_strstrip(value->str));
    uint32_t cve;
    if (c->record.id == NULL || !cve_parse(c->record.id, strlen(c->record.id), &cve))
        return fail_corrupt(error, "no candidate that is a CVE");
    return feed_emit(c, error);
}

const struct feed_driver feed_ubuntu_text = {
    .name = "ubuntu-tracker-text",
    .description = "Ubuntu's CVE tracker, its own text files",
    .url = "https://git.launchpad.net/ubuntu-cve-tracker",
    .form = FEED_WHOLE,
    .detect = text_detect,
    .parse = text_parse,
};
