#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "advisory/import.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/database.h"

static char *feed, *keyring;
static gboolean verbose;

static const GOptionEntry entries[] = {
    { "feed", 0, 0, G_OPTION_ARG_STRING, &feed, "Take everything for this feed, not by content",
      "NAME" },
    { "keyring", 0, 0, G_OPTION_ARG_FILENAME, &keyring,
      "Check the signatures of APT mirrors by this keyring (gpgv)", "FILE" },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose,
      "Name malformed records and files that are no feed", NULL },
    { 0 },
};

static void show_note(const char *message, void *user)
{
    g_autofree char *safe = text_safe(message);
    (void)fprintf(stderr, "%s%s\n", *(bool *)user ? "\r\033[K" : "", safe);
}

static void show_progress(const char *source, uint64_t bytes, uint64_t records, void *user)
{
    static gint64 last;
    gint64 now = g_get_monotonic_time();
    if (!*(bool *)user || now - last < G_USEC_PER_SEC / 10)
        return;
    last = now;
    g_autofree char *base = g_path_get_basename(source);
    g_autofree char *safe = text_safe(base), *size = text_size(bytes);
    (void)fprintf(stderr, "\r\033[K%s: %s, %" G_GUINT64_FORMAT " records", safe, size, records);
}

enum cli_status cli_show_import(const struct import_result *result)
{
    enum cli_status status = CLI_OK;
    for (guint i = 0; i < result->feeds->len; i++) {
        const struct import_feed *f = &g_array_index(result->feeds, struct import_feed, i);
        if (f->refused) {
            status = cli_fail("%s: refused: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                              " records malformed; what the database had stays",
                              f->name, f->malformed, f->malformed + f->incoming);
            continue;
        }
        (void)printf("%-30s %8" G_GUINT64_FORMAT " records", f->name, f->incoming);
        if (f->records != f->incoming)
            (void)printf(", %" G_GUINT64_FORMAT " in the database", f->records);
        if (f->malformed > 0)
            (void)printf(", %" G_GUINT64_FORMAT " malformed", f->malformed);
        (void)printf("\n");
    }
    return status;
}

static enum cli_status import_run(int argc, char **argv)
{
    if (argc == 0)
        return cli_fail("db import: nothing to import is given");
    /* A file size limit is then an error like a full disk, and the old database stays. */
    (void)signal(SIGXFSZ, SIG_IGN);
    bool terminal = isatty(STDERR_FILENO) != 0;
    /* Without a slash gpgv would look for it in its own folder. */
    g_autofree char *ring = keyring != NULL ? g_canonicalize_filename(keyring, NULL) : NULL;
    const struct import_options options = {
        .feed = feed,
        .now = (int64_t)time(NULL),
        .note = verbose ? show_note : NULL,
        .warn = show_note,
        .keyring = ring,
        .progress = show_progress,
        .user = &terminal,
    };
    g_autofree char *path = cli_database_path(), *directory = g_path_get_dirname(path);
    if (g_mkdir_with_parents(directory, 0755) != 0)
        return cli_fail("%s: %s", directory, g_strerror(errno));
    struct import_result result;
    GError *error = NULL;
    bool ok = advisory_import(path, argv, &options, &result, &error);
    if (terminal)
        (void)fputs("\r\033[K", stderr);
    enum cli_status status = ok ? cli_show_import(&result) : cli_fail_error(error);
    if (ok && result.unknown > 0)
        (void)fprintf(stderr, "assay: %" G_GUINT64_FORMAT " files are no feed that is known%s\n",
                      result.unknown, verbose ? "" : " (-v names them)");
    import_result_done(&result);
    return status;
}

const struct cli_command command_db_import = {
    .name = "db import",
    .summary = "Import advisory data into the database",
    .usage = "[OPTION…] PATH…",
    .description =
        "Reads files, folders, and zip and tar archives, each also compressed with gzip, zstd, xz "
        "or bzip2. What a file is, is told by its content. A folder that is an APT mirror gives "
        "what its "
        "security and update pockets offer, with the CVEs that the packages' changelogs name.\n\n"
        "The database is replaced as a whole when everything has been read; if anything fails, the "
        "old one stays. A feed is replaced by what is imported of it; OSV records are added and "
        "replaced one by one. Other feeds stay as they are. A feed of which more than one record "
        "in a hundred is malformed is refused.",
    .examples = "assay db import debian-osv.zip kev.json\n  two feeds\n"
                "assay db import --db here.db feeds/\n  every feed of a folder\n"
                "assay db import --keyring debian-archive-keyring.gpg /srv/debian-security\n"
                "  a local APT mirror, its signatures checked",
    .options = (const GOptionEntry *const[]){ entries, cli_database_options, NULL },
    .run = import_run,
};
