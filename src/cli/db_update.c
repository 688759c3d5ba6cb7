#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "advisory/download.h"
#include "advisory/update.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/database.h"

static char *mirror;
static gboolean list;

static const GOptionEntry entries[] = {
    { "from", 0, 0, G_OPTION_ARG_STRING, &mirror,
      "Fetch from a mirror: a URL or folder that keeps files as HOST/PATH", "MIRROR" },
    { "list", 0, 0, G_OPTION_ARG_NONE, &list, "List what can be fetched, and from where", NULL },
    { 0 },
};

static enum cli_status list_downloads(void)
{
    for (const struct download *d = downloads; d->name != NULL; d++)
        (void)printf("%-12s %-22s %s\n", d->system, d->name, d->url);
    return CLI_OK;
}

static bool is_time(void)
{
    static gint64 last;
    gint64 now = g_get_monotonic_time();
    if (now - last < G_USEC_PER_SEC / 10)
        return false;
    last = now;
    return true;
}

static void show_fetch(const char *url, uint64_t bytes, uint64_t total, void *user)
{
    if (!*(bool *)user || !is_time())
        return;
    g_autofree char *have = text_size(bytes), *whole = text_size(total), *safe = text_safe(url);
    (void)fprintf(stderr, "\r\033[K%s: %s%s%s", safe, have, total > 0 ? " of " : "",
                  total > 0 ? whole : "");
}

static void show_import(const char *source, uint64_t bytes, uint64_t records, void *user)
{
    if (!*(bool *)user || !is_time())
        return;
    (void)fprintf(stderr, "\r\033[Kimporting: %" G_GUINT64_FORMAT " records", records);
}

static enum cli_status report(const struct update_result *result)
{
    enum cli_status status = CLI_OK;
    for (guint i = 0; i < result->items->len; i++) {
        const struct update_item *item = &g_array_index(result->items, struct update_item, i);
        if (item->failure != NULL)
            status = cli_fail("%s: %s", item->name, item->failure);
        else
            (void)printf("%-24s %s\n", item->name, item->unchanged ? "unchanged" : "fetched");
    }
    enum cli_status imported = cli_show_import(&result->import);
    return status != CLI_OK ? status : imported;
}

static enum cli_status update_run(int argc, char **argv)
{
    if (list)
        return list_downloads();
    (void)signal(SIGXFSZ, SIG_IGN); /* as in db import */
    bool terminal = isatty(STDERR_FILENO) != 0;
    const struct update_options options = {
        .import = { .now = (int64_t)time(NULL), .progress = show_import, .user = &terminal },
        .mirror = mirror,
        .progress = show_fetch,
        .user = &terminal,
    };
    g_autofree char *path = cli_database_path(), *directory = g_path_get_dirname(path);
    if (g_mkdir_with_parents(directory, 0755) != 0)
        return cli_fail("%s: %s", directory, g_strerror(errno));
    struct update_result result;
    GError *error = NULL;
    bool ok = advisory_update(path, argv, &options, &result, &error);
    if (terminal)
        (void)fputs("\r\033[K", stderr);
    enum cli_status status = ok ? report(&result) : cli_fail_error(error);
    update_result_done(&result);
    return status;
}

const struct cli_command command_db_update = {
    .name = "db update",
    .summary = "Fetch feeds and import them",
    .usage = "[OPTION…] [SYSTEM|FEED]…",
    .description =
        "Fetches the public feeds of the systems named (debian, ubuntu, alpine...), and imports "
        "them as db import does. kev (known exploitation) and epss are feeds to name like others. "
        "Without names, what was fetched before is fetched again.\n\n"
        "A file that has not changed is not fetched; a transfer that broke off goes on where it "
        "was, in the next call too. When nothing can be reached, one line says so, the status is "
        "2, and the database stays as it is.",
    .examples = "assay db update debian kev epss\n  for Debian systems\n"
                "assay db update --from /srv/mirror debian\n  from a copy made with wget -x",
    .options = (const GOptionEntry *const[]){ entries, cli_database_options, NULL },
    .run = update_run,
};
