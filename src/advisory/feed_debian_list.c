/* Debian's lists of advisories, data/DSA/list and data/DLA/list of the security tracker:
 *
 *     [21 Aug 2026] DSA-6458-1 gst-plugins-bad1.0 - security update
 *             {CVE-2026-12891 CVE-2026-12892}
 *             [trixie] - gst-plugins-bad1.0 1.26.2-3+deb13u3
 */
#include <string.h>

#include "advisory/cve.h"
#include "advisory/ecosystem.h"
#include "advisory/feed.h"
#include "advisory/json_get.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/number.h"
#include "base/text.h"

static bool list_detect(const struct feed_head *head)
{
    return feed_head_starts(head, "[") &&
           (feed_head_contains(head, "] DSA-") || feed_head_contains(head, "] DLA-"));
}

/* "21 Aug 2026" in Unix seconds; 0 if it is none. */
static int64_t date_of(const char *text, size_t len)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    g_autofree char *copy = g_strndup(text, len);
    g_auto(GStrv) parts = g_strsplit(copy, " ", 3);
    if (g_strv_length(parts) != 3 || strlen(parts[1]) != 3)
        return 0;
    const char *month = strstr(months, parts[1]);
    g_autofree char *iso = g_strdup_printf("%.4s-%02d-%02d", parts[2],
                                           month != NULL ? (int)((month - months) / 3 + 1) : 0,
                                           (int)g_ascii_strtoull(parts[0], NULL, 10));
    return feed_time(iso);
}

/* "[trixie] - package 1.2-3", "... <not-affected> (why)", "... <unfixed>", "... <end-of-life>" */
static bool parse_package(struct feed_context *c, const char *line, GError **error)
{
    g_auto(GStrv) words = g_strsplit_set(line, " \t", 6);
    size_t codename = strlen(words[0]);
    if (g_strv_length(words) < 4 || codename < 3 || words[0][codename - 1] != ']' ||
        !g_str_equal(words[1], "-"))
        return fail_corrupt(error, "%s: not a package line: %s", c->record.id, line);
    words[0][codename - 1] = '\0';
    const char *release = debian_release_of(words[0] + 1);
    if (release == NULL)
        return true;
    g_autofree char *key = g_strdup_printf("Debian:%s", release);
    const char *version = words[3];
    bool marked = *version == '<';
    if (marked && !g_str_equal(version, "<unfixed>") && !g_str_equal(version, "<end-of-life>"))
        return true; /* <not-affected>, <undetermined>: the advisory mends nothing there */
    struct record_statement *s =
        record_add(&c->record, g_string_chunk_insert_const(c->strings, key),
                   g_string_chunk_insert(c->strings, words[2]), NULL,
                   marked ? NULL : g_string_chunk_insert(c->strings, version));
    if (g_str_equal(version, "<end-of-life>"))
        s->state = FINDING_END_OF_LIFE;
    return true;
}

static bool parse_heading(struct feed_context *c, const char *line, size_t len, GError **error)
{
    const char *close = memchr(line, ']', len);
    if (*line != '[' || close == NULL || len - (size_t)(close - line) < 3)
        return fail_corrupt(error, "no date: %.*s", (int)MIN(len, (size_t)80), line);
    struct record *r = &c->record;
    r->published = r->modified = date_of(line + 1, (size_t)(close - line - 1));
    g_auto(GStrv) words = g_strsplit(close + 2, " ", 2);
    if (r->published == 0 || words[0] == NULL ||
        (!g_str_has_prefix(words[0], "DSA-") && !g_str_has_prefix(words[0], "DLA-")))
        return fail_corrupt(error, "neither date nor advisory: %.*s", (int)MIN(len, (size_t)80),
                            line);
    r->id = g_string_chunk_insert(c->strings, words[0]);
    r->title = feed_title(c->strings, words[1]);
    r->feed = r->id[1] == 'S' ? "debian-dsa" : "debian-dla";
    return true;
}

static bool list_parse(const struct feed_document *doc, struct feed_context *c, GError **error)
{
    const char *pos = doc->text, *end = doc->text + doc->len, *line;
    size_t len;
    bool heading = true;
    while (text_next_line(&pos, end, &line, &len)) {
        while (len > 0 && g_ascii_isspace(*line)) {
            line++;
            len--;
        }
        if (len == 0 || *line == '#')
            continue;
        const char *text = g_string_chunk_insert_len(c->strings, line, (gssize)len);
        if (heading && !parse_heading(c, text, len, error))
            return false;
        if (!heading && *text == '{')
            cve_find_all(text, len, c->record.cves);
        if (!heading && *text == '[' && !parse_package(c, text, error))
            return false;
        heading = false;
    }
    return heading || feed_emit(c, error);
}

const struct feed_driver feed_debian_list = {
    .name = "debian-list",
    .description = "Debian's lists of advisories (data/DSA/list, data/DLA/list)",
    .url = "https://salsa.debian.org/security-tracker-team/security-tracker",
    .form = FEED_PARAGRAPHS,
    .detect = list_detect,
    .parse = list_parse,
};
