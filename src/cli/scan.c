/* The main job: a target's frame, matched with the advisories, as a report. */
#include <unistd.h>

#include "advisory/suppression.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/frame_file.h"
#include "cli/report_options.h"
#include "cli/target.h"
#include "report/report.h"

#define IGNORE_FILE ".assayignore" /* in the current folder */

static char *severity_source;
static char **vex_files, **ignore_files;
static gboolean together, files, show_suppressed, ubuntu_pro, timings;

static const GOptionEntry entries[] = {
    { "vex", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &vex_files,
      "Statements about vulnerabilities (OpenVEX, CSAF, CycloneDX); may be given several times",
      "FILE" },
    { "ignore-file", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &ignore_files,
      "Rules for findings to suppress (default: .assayignore, when there is one); may be given "
      "several times",
      "FILE" },
    { "show-suppressed", 0, 0, G_OPTION_ARG_NONE, &show_suppressed,
      "Show suppressed findings too, with what suppressed them", NULL },
    { "severity-source", 0, 0, G_OPTION_ARG_STRING, &severity_source,
      "Whose severity counts first: vendor (default), nvd or cvss", "SOURCE" },
    { "ubuntu-pro", 0, 0, G_OPTION_ARG_NONE, &ubuntu_pro,
      "Judge by Ubuntu Pro's advisories even if no package shows it", NULL },
    { "together", 0, 0, G_OPTION_ARG_NONE, &together, "The targets are disks of one machine",
      NULL },
    { "files", 0, 0, G_OPTION_ARG_NONE, &files, "Read and hash every file as well", NULL },
    { "timings", 0, 0, G_OPTION_ARG_NONE, &timings, "Say on standard error how long each step took",
      NULL },
    { 0 },
};

enum step { STEP_OPEN, STEP_LOOK, STEP_MATCH, STEP_WRITE, STEP_COUNT };

/* What one call of the command works with. */
struct scan {
    struct report_options report;
    struct match_options match;
    struct fail_on fail_on;
    struct inspect_options inspect;
    const struct report_format *form;
    struct advisory_db *db; /* NULL: there is none */
    GError *no_db;          /* why */
    struct suppressions *suppressions;
    int64_t begun, took[STEP_COUNT]; /* microseconds */
};

/* What has passed since the step before it belongs to this one. */
static void took(struct scan *s, enum step step)
{
    int64_t now = g_get_monotonic_time();
    s->took[step] += now - s->begun;
    s->begun = now;
}

static void tell_timings(const struct scan *s)
{
    static const char *const names[] = { [STEP_OPEN] = "open advisories",
                                         [STEP_LOOK] = "look at targets",
                                         [STEP_MATCH] = "match",
                                         [STEP_WRITE] = "write report" };
    for (int i = 0; i < STEP_COUNT; i++)
        (void)fprintf(stderr, "%s: %.1f ms\n", names[i], (double)s->took[i] / 1000);
}

static bool choose_report(struct scan *s)
{
    struct cli_report_wish wish = cli_report_wish();
    s->form = report_format_find(wish.format != NULL ? wish.format : "table");
    if (s->form == NULL)
        return cli_fail("scan: unknown format '%s': table, json, sarif, html, csv, junit, "
                        "cyclonedx or spdx",
                        wish.format) == CLI_OK;
    if (wish.severity != NULL && !severity_parse(wish.severity, &s->report.min_severity))
        return cli_fail("--severity '%s': unknown, negligible, low, medium, high or critical",
                        wish.severity) == CLI_OK;
    if (severity_source != NULL && !g_str_equal(severity_source, "vendor") &&
        !g_str_equal(severity_source, "nvd") && !g_str_equal(severity_source, "cvss"))
        return cli_fail("--severity-source '%s': vendor, nvd or cvss", severity_source) == CLI_OK;
    s->report.show_suppressed = show_suppressed != FALSE;
    s->match.severity_source = severity_source;
    s->match.ubuntu_pro = ubuntu_pro != FALSE;
    const char *no_color = g_getenv("NO_COLOR");
    s->report.colour =
        wish.output == NULL && isatty(STDOUT_FILENO) && (no_color == NULL || *no_color == '\0');
    s->report.width = cli_report_width();
    return true;
}

static bool load_suppressions(struct scan *s, GError **error)
{
    s->suppressions = suppressions_new();
    for (char **f = vex_files; f != NULL && *f != NULL; f++) {
        if (!suppressions_load_vex(s->suppressions, *f, error))
            return false;
    }
    for (char **f = ignore_files; f != NULL && *f != NULL; f++) {
        if (!suppressions_load_ignore(s->suppressions, *f, error))
            return false;
    }
    return ignore_files != NULL || access(IGNORE_FILE, F_OK) != 0 ||
           suppressions_load_ignore(s->suppressions, IGNORE_FILE, error);
}

static bool prepare(struct scan *s)
{
    GError *error = NULL;
    if (!choose_report(s) || !cli_target_settings(&s->inspect, files ? 0 : 300))
        return false;
    s->inspect.with_files = files != FALSE;
    if (!fail_on_parse(cli_report_wish().fail_on, &s->fail_on, &error) ||
        !load_suppressions(s, &error))
        return cli_fail_error(error) == CLI_OK;
    s->begun = g_get_monotonic_time();
    s->db = cli_database_open(&s->no_db);
    took(s, STEP_OPEN);
    /* Without advisories the packages can still be told, and that they were not judged. */
    if (s->db == NULL &&
        (cli_database_given() || !g_error_matches(s->no_db, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND)))
        return cli_fail_error(g_steal_pointer(&s->no_db)) == CLI_OK;
    return true;
}

static void scan_done(struct scan *s)
{
    suppressions_free(s->suppressions);
    advisory_db_close(s->db);
    g_clear_error(&s->no_db);
}

static struct frame *frame_of(const struct scan *s, char **names, size_t count, GError **error)
{
    if (count == 1 && s->inspect.format == NULL && cli_frame_probe(names[0]))
        return cli_frame_read(names[0], error);
    g_autoptr(inspect_target) t = cli_target_open(names, count, &s->inspect, error);
    struct frame *f = t != NULL ? inspect_frame(t, &s->inspect, error) : NULL;
    cli_progress_clear();
    return f;
}

static bool judge(const struct scan *s, struct report *r, GError **error)
{
    if (s->db == NULL) {
        struct frame_coverage *c = arena_alloc(r->arena, sizeof *c);
        if (c == NULL)
            return fail_limit(error, "%s: the report is too large", r->frame->target);
        *c = (struct frame_coverage){ .kind = "advisories",
                                      .object = "database",
                                      .state = COVERAGE_UNREADABLE,
                                      .reason = s->no_db->message,
                                      .code = assay_error_name(s->no_db->code) };
        g_ptr_array_add(r->coverage, c);
        return true;
    }
    struct match_options match = s->match;
    match.now = r->now;
    r->feeds = advisory_db_feeds(s->db);
    return advisory_match(s->db, r->frame, &match, r->arena, r->findings, r->coverage, error) &&
           suppressions_apply(s->suppressions, r->frame, r->now, r->arena, r->findings, r->coverage,
                              error);
}

/* Says at once what kept a target from being looked at at all. */
static void tell_failure(const struct frame *f)
{
    for (unsigned i = 0; i < f->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(f->coverage, i);
        if (c->state != COVERAGE_UNREADABLE ||
            (!g_str_equal(c->kind, "target") && !g_str_equal(c->kind, "disk")))
            continue;
        bool named = g_str_has_prefix(c->reason, f->target);
        (void)cli_fail("%s%s%s", named ? "" : f->target, named ? "" : ": ", c->reason);
    }
}

static enum cli_status scan_target(struct scan *s, char **names, size_t count, GPtrArray *reports)
{
    GError *error = NULL;
    struct frame *f = frame_of(s, names, count, &error);
    took(s, STEP_LOOK);
    if (f == NULL)
        return cli_fail_error(error);
    tell_failure(f);
    struct report *r = report_new(f);
    g_ptr_array_add(reports, r);
    bool judged = judge(s, r, &error);
    took(s, STEP_MATCH);
    if (!judged)
        return cli_fail_error(error);
    return fail_on_matches(&s->fail_on, r, &s->report) ? CLI_FINDINGS
           : report_incomplete(r)                      ? CLI_INCOMPLETE
                                                       : CLI_OK;
}

static enum cli_status write_reports(const struct scan *s, const GPtrArray *reports)
{
    GError *error = NULL;
    struct cli_output out;
    if (!cli_output_open(&out, cli_report_wish().output, &error))
        return cli_fail_error(error);
    bool ok = s->form->write(reports, &s->report, out.file, &error);
    if (!cli_output_finish(&out, ok, ok ? &error : NULL) || !ok)
        return cli_fail_error(error);
    return CLI_OK;
}

static enum cli_status scan_run(int argc, char **argv)
{
    struct scan s = { 0 };
    enum cli_status status = CLI_OK;
    g_autoptr(GPtrArray) reports = g_ptr_array_new_with_free_func((GDestroyNotify)report_free);
    if (argc < 1)
        return cli_fail("scan: give a target (see 'assay scan --help')");
    if (!prepare(&s))
        status = CLI_ERROR;
    else if (together)
        status = scan_target(&s, argv, (size_t)argc, reports);
    else
        for (int i = 0; i < argc; i++)
            status = cli_worse(status, scan_target(&s, &argv[i], 1, reports));
    if (reports->len > 0)
        status = cli_worse(status, write_reports(&s, reports));
    took(&s, STEP_WRITE);
    if (timings && status != CLI_ERROR)
        tell_timings(&s);
    g_ptr_array_set_size(reports, 0); /* their texts are the database's */
    scan_done(&s);
    return status;
}

const struct cli_command command_scan = {
    .name = "scan",
    .summary = "Report the vulnerable packages of the systems on a disk",
    .usage = "[OPTION…] TARGET…",
    .description =
        "TARGET is what 'assay disk' takes, or a frame as 'assay frame' writes it. The report "
        "says which packages are vulnerable, how badly, what fixes them, and what could not be "
        "looked at; the advisories come from the database that 'assay db import' and 'assay db "
        "update' make. Nothing is mounted, nothing is written, and the target's bytes are read by "
        "a process of their own that can do nothing else.\n\n"
        "Findings that a VEX document or an ignore file speaks of are suppressed, counted, and "
        "shown with --show-suppressed (docs/suppression.md).\n\n"
        "The exit status is 0 when no finding is meant by --fail-on, 1 when one is, 2 for an "
        "error, 3 when something could not be looked at and status 1 does not apply.",
    .examples = "assay scan node.qcow2\n  one disk\n"
                "assay scan --together a.img b.img\n  a machine with two disks\n"
                "assay scan --fail-on high,kev --format sarif -o report.sarif node.qcow2\n"
                "  for a pipeline\n"
                "assay scan nbd://storage.example/node7\n  whatever an NBD server exports",
    .options = (const GOptionEntry *const[]){ cli_report_options, entries, cli_database_options,
                                              cli_target_options, NULL },
    .run = scan_run,
};
