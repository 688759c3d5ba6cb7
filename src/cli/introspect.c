/* Having a service examine nodes and images, and what it knows of them. */
#include <string.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/examine.h"
#include "cli/remote.h"
#include "cli/report_options.h"

static gboolean image, deep, fresh, wait_for_it;

static const GOptionEntry thing_entries[] = {
    { "image", 0, 0, G_OPTION_ARG_NONE, &image, "It is an image, not a node", NULL },
    { 0 },
};
static const GOptionEntry ask_entries[] = {
    { "deep", 0, 0, G_OPTION_ARG_NONE, &deep, "Of a full copy, which does not depend on the disk",
      NULL },
    { "fresh", 0, 0, G_OPTION_ARG_NONE, &fresh, "Read the disk even when it has not changed",
      NULL },
    { "wait", 0, 0, G_OPTION_ARG_NONE, &wait_for_it,
      "Wait for the end and print the report; --format, --output and --fail-on imply it", NULL },
    { 0 },
};

/* The report's address with what the options ask for; g_free() */
static char *report_path(const struct examine_wish *w)
{
    struct cli_report_wish wish = cli_report_wish();
    unsigned columns = cli_report_width();
    g_autofree char *path = examine_path(w, "report");
    g_autofree char *query = remote_path("?format=%s", wish.format != NULL ? wish.format : "table");
    g_autofree char *least =
        wish.severity != NULL ? remote_path("&severity=%s", wish.severity) : g_strdup("");
    g_autofree char *width = columns != 0 ? g_strdup_printf("&width=%u", columns) : g_strdup("");
    return g_strconcat(path, query, least, width, NULL);
}

/* Prints the report; the exit status that it means. */
static enum cli_status print_report(const struct examine_wish *w, const struct fail_on *fail_on)
{
    GError *error = NULL;
    struct cli_output out;
    g_autofree char *path = report_path(w);
    json_t *report = examine_report(w, &error);
    g_autoptr(GString) text = report != NULL ? remote_text(path, &error) : NULL;
    enum cli_status status = report != NULL ? examine_status(report, fail_on) : CLI_ERROR;
    json_decref(report);
    if (text == NULL || !cli_output_open(&out, cli_report_wish().output, &error))
        return cli_fail_error(error);
    bool ok = fwrite(text->str, 1, text->len, out.file) == text->len;
    return cli_output_finish(&out, ok, &error) ? status : cli_fail_error(error);
}

static enum cli_status await(const char *path, const struct examine_wish *w,
                             const struct fail_on *fail_on)
{
    GError *error = NULL;
    json_t *done = examine_wait(path, &error);
    if (done == NULL)
        return cli_fail_error(error);
    const char *state = json_string_value(json_object_get(done, "state"));
    const char *reason = json_string_value(json_object_get(done, "reason"));
    enum cli_status status =
        g_strcmp0(state, "done") == 0
            ? print_report(w, fail_on)
            : cli_fail("%s: %s%s%s", w->name, state != NULL ? state : "?",
                       reason != NULL ? ": " : "", reason != NULL ? reason : "");
    json_decref(done);
    return status;
}

/* All are asked for before the first is waited for. */
static enum cli_status introspect_all(int count, char **argv, const struct fail_on *fail_on)
{
    enum cli_status status = CLI_OK;
    g_auto(GStrv) paths = g_new0(char *, (size_t)count + 1);
    struct examine_wish w = {
        .project = argv[0], .image = image != FALSE, .deep = deep != FALSE, .fresh = fresh != FALSE
    };
    for (int i = 0; i < count; i++) {
        GError *error = NULL;
        json_t *asked = NULL;
        w.name = argv[i + 1];
        paths[i] = examine_ask(&w, &asked, &error);
        if (paths[i] == NULL) {
            paths[i] = g_strdup("");
            status = cli_worse(status, cli_fail_error(error));
        } else if (!wait_for_it) {
            (void)printf("%s\n", json_string_value(json_object_get(asked, "id")));
        }
        json_decref(asked);
    }
    for (int i = 0; wait_for_it && i < count; i++) {
        w.name = argv[i + 1];
        if (paths[i][0] != '\0')
            status = cli_worse(status, await(paths[i], &w, fail_on));
    }
    return status;
}

static enum cli_status introspect_run(int argc, char **argv)
{
    GError *error = NULL;
    struct fail_on fail_on;
    struct cli_report_wish wish = cli_report_wish();
    if (!remote_arguments("introspect", argc, 2, 1000))
        return CLI_ERROR;
    if (!fail_on_parse(wish.fail_on, &fail_on, &error))
        return cli_fail_error(error);
    wait_for_it = wait_for_it || wish.format != NULL || wish.fail_on != NULL || wish.output != NULL;
    if (argc > 2 &&
        (wish.output != NULL || (wish.format != NULL && !g_str_equal(wish.format, "table"))))
        return cli_fail("introspect: --output, and other formats than table, are for one node");
    return introspect_all(argc - 1, argv, &fail_on);
}

static enum cli_status report_run(int argc, char **argv)
{
    GError *error = NULL;
    struct fail_on fail_on;
    struct cli_report_wish wish = cli_report_wish();
    if (!remote_arguments("report", argc, 2, 2))
        return CLI_ERROR;
    if (!fail_on_parse(wish.fail_on, &fail_on, &error))
        return cli_fail_error(error);
    const struct examine_wish w = { .project = argv[0], .name = argv[1], .image = image != FALSE };
    return print_report(&w, &fail_on);
}

static const char statuses[] =
    "The exit status is 0 when no finding is meant by --fail-on, 1 when one is, 2 for an error, 3 "
    "when something could not be looked at and status 1 does not apply.";

const struct cli_command command_introspect = {
    .name = "introspect",
    .summary = "Have a service examine nodes or images",
    .usage = "[OPTION…] PROJECT NODE…",
    .description = statuses,
    .examples = "assay introspect web db1 db2\n  prints two identifiers and does not wait\n"
                "assay introspect --wait --fail-on high web db1\n  for a pipeline",
    .options = (const GOptionEntry *const[]){ thing_entries, ask_entries, cli_report_options,
                                              remote_options, remote_ca_options, NULL },
    .run = introspect_run,
};

const struct cli_command command_report = {
    .name = "report",
    .summary = "Print what a service knows of a node or image",
    .usage = "[OPTION…] PROJECT NODE",
    .description = statuses,
    .examples = "assay report web db1 --format html -o db1.html\n  by the advisories of today",
    .options = (const GOptionEntry *const[]){ thing_entries, cli_report_options, remote_options,
                                              remote_ca_options, NULL },
    .run = report_run,
};
