#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/database.h"

static char *format;

static const GOptionEntry entries[] = {
    { "format", 0, 0, G_OPTION_ARG_STRING, &format, "table (default) or json", "FORMAT" },
    { 0 },
};

static void write_time(struct json_writer *w, const char *key, int64_t seconds)
{
    g_autofree char *text = seconds > 0 ? text_time(seconds) : NULL;
    jw_string(w, key, text);
}

static enum cli_status write_json(const GPtrArray *feeds, const char *path, int64_t now)
{
    struct json_writer w;
    jw_init(&w, stdout, false);
    jw_object_begin(&w, NULL);
    jw_string(&w, "database", path);
    jw_array_begin(&w, "feeds");
    for (guint i = 0; i < feeds->len; i++) {
        const struct advisory_feed *f = g_ptr_array_index(feeds, i);
        jw_object_begin(&w, NULL);
        jw_string(&w, "name", f->name);
        jw_u64(&w, "records", f->records);
        jw_u64(&w, "malformed", f->malformed);
        write_time(&w, "data_date", f->data_date);
        if (f->data_date > 0)
            jw_i64(&w, "age_days", MAX(now - f->data_date, 0) / 86400);
        write_time(&w, "imported", f->imported);
        jw_string(&w, "source", f->source);
        jw_string(&w, "sha256", f->sha256);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    GError *error = NULL;
    return jw_finish(&w, &error) ? CLI_OK : cli_fail_error(error);
}

static void write_table(const GPtrArray *feeds, const char *path, int64_t now)
{
    g_autofree char *safe = text_safe(path);
    int width = 4;
    for (guint i = 0; i < feeds->len; i++) {
        const struct advisory_feed *f = g_ptr_array_index(feeds, i);
        width = MAX(width, (int)MIN(strlen(f->name), 40u));
    }
    (void)printf("%s\n%-*s %9s  %-10s %9s  %-10s  %s\n", safe, width, "FEED", "RECORDS", "DATA OF",
                 "AGE", "IMPORTED", "SOURCE");
    for (guint i = 0; i < feeds->len; i++) {
        const struct advisory_feed *f = g_ptr_array_index(feeds, i);
        g_autofree char *date = f->data_date > 0 ? text_time(f->data_date) : g_strdup("unknown");
        g_autofree char *imported = text_time(f->imported);
        g_autofree char *source = text_safe(f->source), *name = text_safe(f->name);
        g_autofree char *age =
            f->data_date > 0
                ? g_strdup_printf("%" PRId64 " days", MAX(now - f->data_date, 0) / 86400)
                : g_strdup("");
        (void)printf("%-*s %9" PRIu64 "  %-10.10s %9s  %.10s  %s\n", width, name, f->records, date,
                     age, imported, source);
    }
}

static enum cli_status status_run(int argc, char **argv)
{
    bool json = format != NULL && g_str_equal(format, "json");
    if (format != NULL && !json && !g_str_equal(format, "table"))
        return cli_fail("db status: no such format: %s", format);
    if (argc > 0)
        return cli_fail("db status: takes no arguments");
    GError *error = NULL;
    g_autoptr(advisory_db) db = cli_database_open(&error);
    if (db == NULL)
        return cli_fail_error(error);
    g_autofree char *path = cli_database_path();
    int64_t now = (int64_t)time(NULL);
    if (json)
        return write_json(advisory_db_feeds(db), path, now);
    write_table(advisory_db_feeds(db), path, now);
    return CLI_OK;
}

const struct cli_command command_db_status = {
    .name = "db status",
    .summary = "List the feeds in the advisory database",
    .usage = "[OPTION…]",
    .description = "One line a feed: how many records, the date of the newest of them, its age, "
                   "when it was imported and from what.",
    .examples = "assay db status --format json\n  for programs",
    .options = (const GOptionEntry *const[]){ entries, cli_database_options, NULL },
    .run = status_run,
};
