#include <string.h>

#include "advisory/cve.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/facts.h"

static char *format;

static const GOptionEntry entries[] = {
    { "format", 0, 0, G_OPTION_ARG_STRING, &format, "table (default) or json", "FORMAT" },
    { 0 },
};

struct lookup {
    struct json_writer *json; /* NULL: table */
    uint64_t found;
};

/* --- as JSON ---------------------------------------------------------------------------------- */

static bool json_record(const struct advisory_record *r, void *user, GError **error)
{
    struct lookup *l = user;
    l->found++;
    facts_write_record(l->json, NULL, r);
    return true;
}

static bool json_statement(const struct advisory_statement *s, void *user, GError **error)
{
    struct lookup *l = user;
    l->found++;
    facts_write_statement(l->json, NULL, s);
    return true;
}

static bool json_score(const struct advisory_score *s, void *user, GError **error)
{
    struct lookup *l = user;
    l->found++;
    facts_write_score(l->json, s);
    return true;
}

/* --- as a table ------------------------------------------------------------------------------- */

static void show(const char *label, const char *text)
{
    if (text == NULL)
        return;
    g_autofree char *safe = text_safe(text);
    (void)printf("  %-10s %s\n", label, safe);
}

static void show_cves(const uint32_t *cves, unsigned count)
{
    g_autoptr(GString) line = g_string_new(NULL);
    for (unsigned i = 0; i < count; i++) {
        char text[CVE_TEXT_MAX];
        g_string_append_printf(line, "%s%s", i > 0 ? " " : "", cve_format(cves[i], text));
    }
    if (count > 0)
        show("about", line->str);
}

static bool show_record(const struct advisory_record *r, void *user, GError **error)
{
    struct lookup *l = user;
    l->found++;
    g_autofree char *published = r->published > 0 ? text_time(r->published) : NULL;
    g_autofree char *id = text_safe(r->id);
    if (published != NULL)
        published[10] = '\0';
    (void)printf("%s (%s)\n", id, r->feed);
    show("title", r->title);
    if (r->severity != SEVERITY_UNKNOWN)
        show("severity", severity_name(r->severity));
    show("published", published);
    for (unsigned i = 0; i < r->vector_count; i++) {
        const struct advisory_vector *v = &r->vectors[i];
        g_autofree char *text =
            g_strdup_printf("%s%s%s%s", v->vector != NULL ? v->vector : severity_name(v->severity),
                            v->source != NULL ? " (" : "", v->source != NULL ? v->source : "",
                            v->source != NULL ? ")" : "");
        show("score", text);
    }
    show_cves(r->cves, r->cve_count);
    return true;
}

static bool show_statement(const struct advisory_statement *s, void *user, GError **error)
{
    struct lookup *l = user;
    if (l->found++ == 0)
        (void)printf("%-28s %-28s %-20s %-20s %s\n", "ECOSYSTEM", "PACKAGE", "ID", "STATE",
                     "FIXED");
    g_autofree char *package = text_safe(s->package), *ecosystem = text_safe(s->ecosystem);
    g_autofree char *id = text_safe(s->id), *fixed = text_safe(s->fixed);
    g_autofree char *module = s->module != NULL ? g_strdup_printf(" (module %s)", s->module) : NULL;
    (void)printf("%-28s %-28s %-20s %-20s %s%s\n", ecosystem, package, id,
                 finding_state_name(s->state), fixed, module != NULL ? module : "");
    return true;
}

static bool show_score(const struct advisory_score *s, void *user, GError **error)
{
    struct lookup *l = user;
    l->found++;
    if (s->epss >= 0) {
        (void)printf("EPSS %.5f, more than %.1f %% of all\n", s->epss, s->epss_percentile * 100);
        return true;
    }
    g_autofree char *added = s->kev_added > 0 ? text_time(s->kev_added) : g_strdup("unknown date");
    (void)printf("Known to be exploited since %.10s%s\n", added,
                 s->ransomware ? ", by ransomware too" : "");
    return true;
}

/* --- both --------------------------------------------------------------------------------------
 */

static bool look_up(struct advisory_db *db, const char *name, struct lookup *l, GError **error)
{
    bool json = l->json != NULL;
    struct advisory_filter filter = { 0 };
    filter.by_cve = cve_parse(name, strlen(name), &filter.cve);
    if (filter.by_cve) {
        if (!advisory_each_score(db, filter.cve, json ? json_score : show_score, l, error))
            return false;
    } else {
        filter.advisory = name;
    }
    if (json)
        jw_array_begin(l->json, "records");
    if (!advisory_each_record(db, &filter, json ? json_record : show_record, l, error))
        return false;
    if (json) {
        jw_array_end(l->json);
        jw_array_begin(l->json, "statements");
    }
    /* What is neither a CVE nor an advisory is the name of a package. */
    if (!filter.by_cve && l->found == 0)
        filter = (struct advisory_filter){ .package = name };
    struct lookup statements = { .json = l->json };
    bool ok = advisory_each_statement(db, &filter, json ? json_statement : show_statement,
                                      &statements, error);
    if (json)
        jw_array_end(l->json);
    l->found += statements.found;
    return ok;
}

static enum cli_status lookup_run(int argc, char **argv)
{
    bool json = format != NULL && g_str_equal(format, "json");
    if (format != NULL && !json && !g_str_equal(format, "table"))
        return cli_fail("db lookup: no such format: %s", format);
    if (argc != 1)
        return cli_fail("db lookup: give one CVE, advisory or package");
    GError *error = NULL;
    g_autoptr(advisory_db) db = cli_database_open(&error);
    if (db == NULL)
        return cli_fail_error(error);
    struct json_writer writer;
    struct lookup l = { .json = json ? &writer : NULL };
    if (json) {
        jw_init(&writer, stdout, false);
        jw_object_begin(&writer, NULL);
        jw_string(&writer, "query", argv[0]);
    }
    if (!look_up(db, argv[0], &l, &error))
        return cli_fail_error(error);
    if (json) {
        jw_object_end(&writer);
        if (!jw_finish(&writer, &error))
            return cli_fail_error(error);
    }
    return l.found > 0 ? CLI_OK : cli_fail("%s: nothing in the database", argv[0]);
}

const struct cli_command command_db_lookup = {
    .name = "db lookup",
    .summary = "Show what the database knows about a CVE, advisory or package",
    .usage = "[OPTION…] CVE|ADVISORY|PACKAGE",
    .description = "What the feeds say about it as such, and about which packages of which "
                   "distributions. Exit status 2 when there is nothing.",
    .examples = "assay db lookup CVE-2024-6387\n  one vulnerability\n"
                "assay db lookup openssl\n  one package, in every distribution",
    .options = (const GOptionEntry *const[]){ entries, cli_database_options, NULL },
    .run = lookup_run,
};
