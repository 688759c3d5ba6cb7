/* EPSS: FIRST's daily scores, CSV:
 *
 *     #model_version:v2025.03.14,score_date:2026-08-16T00:00:00+0000
 *     cve,epss,percentile
 *     CVE-1999-0001,0.00823,0.73213
 */
#include <string.h>

#include "advisory/cve.h"
#include "advisory/feed.h"
#include "advisory/json_get.h"
#include "base/error.h"

static bool epss_detect(const struct feed_head *head)
{
    return !head->is_json && feed_head_starts(head, "cve,epss,percentile");
}

static bool parse_share(const char *text, double *out)
{
    char *end;
    *out = g_ascii_strtod(text, &end);
    return end != text && (*end == '\0' || *end == '\r') && *out >= 0 && *out <= 1;
}

/* The date stands in the comment in front and goes for all that follows. */
static void remember_date(struct feed_context *c, const char *comment)
{
    const char *date = strstr(comment, "score_date:");
    if (date == NULL)
        return;
    date += strlen("score_date:");
    g_hash_table_insert(c->memory, g_strdup("date"), g_strndup(date, strcspn(date, ",\r")));
}

static bool epss_parse(const struct feed_document *doc, struct feed_context *c, GError **error)
{
    if (*doc->text == '#') {
        remember_date(c, doc->text);
        return true;
    }
    if (g_str_has_prefix(doc->text, "cve,epss"))
        return true;
    g_auto(GStrv) fields = g_strsplit(doc->text, ",", 4);
    struct record *r = &c->record;
    uint32_t cve;
    if (g_strv_length(fields) < 3 || !cve_parse(fields[0], strlen(fields[0]), &cve) ||
        !parse_share(fields[1], &r->epss) || !parse_share(fields[2], &r->epss_percentile))
        return fail_corrupt(error, "not a CVE, a score and a percentile: %.80s", doc->text);
    r->id = fields[0];
    r->modified = feed_time(g_hash_table_lookup(c->memory, "date"));
    return feed_emit(c, error);
}

const struct feed_driver feed_epss = {
    .name = "epss",
    .description = "EPSS scores of FIRST",
    .url = "https://www.first.org/epss/",
    .form = FEED_LINES,
    .detect = epss_detect,
    .parse = epss_parse,
};
