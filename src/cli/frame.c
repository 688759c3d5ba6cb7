#include "base/error.h"
#include "cli/commands.h"
#include "cli/target.h"
#include "frame/formats.h"

static char *format, *output;
static gboolean together, files, no_types;

static const GOptionEntry entries[] = {
    { "format", 0, 0, G_OPTION_ARG_STRING, &format, "json (default), csv, cyclonedx or spdx",
      "FORMAT" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Write to FILE", "FILE" },
    { "files", 0, 0, G_OPTION_ARG_NONE, &files, "Every file as well, with hashes and type", NULL },
    { "no-media-types", 0, 0, G_OPTION_ARG_NONE, &no_types,
      "With --files: hashes alone, which takes a fraction of the time", NULL },
    { "together", 0, 0, G_OPTION_ARG_NONE, &together, "The targets are disks of one machine",
      NULL },
    { 0 },
};

static enum cli_status frame_run(int argc, char **argv)
{
    GError *error = NULL;
    struct inspect_options options;
    struct cli_output out;
    const struct frame_format *form = frame_format_find(format != NULL ? format : "json");
    if (argc < 1 || (argc > 1 && !together))
        return cli_fail(argc < 1 ? "frame: give a target (see 'assay frame --help')"
                                 : "frame: one target, or several disks of one machine with "
                                   "--together");
    if (form == NULL)
        return cli_fail("frame: unknown format '%s': json, csv, cyclonedx or spdx", format);
    if (!cli_target_settings(&options, files ? 0 : 300))
        return CLI_ERROR;
    options.with_files = files;
    options.no_types = no_types != FALSE;
    g_autoptr(inspect_target) t = cli_target_open(argv, (size_t)argc, &options, &error);
    g_autoptr(frame) f = t != NULL ? inspect_frame(t, &options, &error) : NULL;
    cli_progress_clear();
    if (f == NULL || !cli_output_open(&out, output, &error))
        return cli_fail_error(error);
    bool ok = form->write(f, out.file, &error);
    if (!cli_output_finish(&out, ok, ok ? &error : NULL) || !ok)
        return cli_fail_error(error);
    enum coverage_state worst = frame_coverage_worst(f);
    cli_warn_coverage(f);
    return worst == COVERAGE_PARTIAL || worst == COVERAGE_UNREADABLE ? CLI_INCOMPLETE : CLI_OK;
}

const struct cli_command command_frame = {
    .name = "frame",
    .summary = "Write down the facts of a target: systems, packages, users, files",
    .usage = "[OPTION…] TARGET…",
    .description =
        "TARGET is what 'assay disk' takes. A frame holds what was found and what could not be "
        "looked at; 'assay scan' judges a frame as well as a disk, and 'assay diff' compares two. "
        "The same disk gives the same bytes when SOURCE_DATE_EPOCH is set.\n\n"
        "The exit status is 0, 2 for an error, 3 when something could not be looked at; each such "
        "thing is named on standard error and in the frame.",
    .examples = "assay frame -o node.json node.qcow2\n  to be judged again with later advisories\n"
                "assay frame --format cyclonedx node.qcow2\n  a bill of materials\n"
                "assay frame --files -o node.json node.qcow2\n  every file too, hashed",
    .options = (const GOptionEntry *const[]){ entries, cli_target_options, NULL },
    .run = frame_run,
};
