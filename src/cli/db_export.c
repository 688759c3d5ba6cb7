#include "advisory/cve.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/facts.h"

static char *output;

static const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Write to a file", "FILE" },
    { 0 },
};

static bool write_statement(const struct advisory_statement *s, void *user, GError **error)
{
    struct json_writer w;
    jw_init(&w, user, true);
    facts_write_statement(&w, "statement", s);
    return jw_finish(&w, error);
}

static bool write_record(const struct advisory_record *r, void *user, GError **error)
{
    struct json_writer w;
    jw_init(&w, user, true);
    facts_write_record(&w, "record", r);
    return jw_finish(&w, error);
}

static bool write_score(const struct advisory_score *s, void *user, GError **error)
{
    struct json_writer w;
    char text[CVE_TEXT_MAX];
    jw_init(&w, user, true);
    jw_object_begin(&w, NULL);
    jw_string(&w, "type", "score");
    jw_string(&w, "id", cve_format(s->cve, text));
    facts_write_score(&w, s);
    jw_object_end(&w);
    return jw_finish(&w, error);
}

static bool write_feed(const struct advisory_feed *f, FILE *file, GError **error)
{
    struct json_writer w;
    g_autofree char *imported = text_time(f->imported);
    g_autofree char *date = f->data_date > 0 ? text_time(f->data_date) : NULL;
    jw_init(&w, file, true);
    jw_object_begin(&w, NULL);
    jw_string(&w, "type", "feed");
    jw_string(&w, "feed", f->name);
    jw_u64(&w, "records", f->records);
    jw_string_opt(&w, "data_date", date);
    jw_string(&w, "imported", imported);
    jw_string_opt(&w, "source", f->source);
    jw_string_opt(&w, "sha256", f->sha256);
    jw_object_end(&w);
    return jw_finish(&w, error);
}

static bool export_all(struct advisory_db *db, FILE *file, GError **error)
{
    const struct advisory_filter all = { 0 };
    const GPtrArray *feeds = advisory_db_feeds(db);
    for (guint i = 0; i < feeds->len; i++)
        if (!write_feed(g_ptr_array_index(feeds, i), file, error))
            return false;
    return advisory_each_record(db, &all, write_record, file, error) &&
           advisory_each_statement(db, &all, write_statement, file, error) &&
           advisory_each_score(db, 0, write_score, file, error);
}

static enum cli_status export_run(int argc, char **argv)
{
    if (argc > 0)
        return cli_fail("db export: takes no arguments");
    GError *error = NULL;
    g_autoptr(advisory_db) db = cli_database_open(&error);
    struct cli_output out;
    if (db == NULL || !cli_output_open(&out, output, &error))
        return cli_fail_error(error);
    bool ok = export_all(db, out.file, &error);
    GError *late = NULL;
    if (!cli_output_finish(&out, ok, ok ? &error : &late))
        ok = false;
    g_clear_error(&late);
    return ok ? CLI_OK : cli_fail_error(error);
}

const struct cli_command command_db_export = {
    .name = "db export",
    .summary = "Write the advisory database as JSON lines",
    .usage = "[OPTION…]",
    .description =
        "One object a line; \"type\" tells what it is: \"feed\", \"record\" (what a feed "
        "says about a CVE or an advisory), \"statement\" (about a package of an "
        "ecosystem) or \"score\" (EPSS, known exploitation).",
    .examples = "assay db export | grep '\"package\":\"openssl\"'\n  what is known about a package",
    .options = (const GOptionEntry *const[]){ entries, cli_database_options, NULL },
    .run = export_run,
};
