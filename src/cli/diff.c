#include "advisory/version.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/frame_file.h"
#include "frame/formats.h"

static char *format, *output;

static const GOptionEntry entries[] = {
    { "format", 0, 0, G_OPTION_ARG_STRING, &format, "table (default) or json", "FORMAT" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Write to FILE", "FILE" },
    { 0 },
};

static int compare_versions(const char *type, const char *a, const char *b)
{
    enum version_scheme scheme = g_str_equal(type, "rpm")    ? VERSION_RPM
                                 : g_str_equal(type, "apk")  ? VERSION_APK
                                 : g_str_equal(type, "alpm") ? VERSION_PACMAN
                                                             : VERSION_DPKG;
    return version_compare(scheme, a, b);
}

static enum cli_status diff_run(int argc, char **argv)
{
    GError *error = NULL;
    struct frame_diff_options options = { .compare_versions = compare_versions };
    struct cli_output out;
    bool differ = false;
    options.json = g_strcmp0(format, "json") == 0;
    if (argc != 2)
        return cli_fail("diff: give two frames (see 'assay diff --help')");
    if (format != NULL && !options.json && !g_str_equal(format, "table"))
        return cli_fail("diff: unknown format '%s': table or json", format);
    g_autoptr(frame) a = cli_frame_read(argv[0], &error);
    if (a == NULL)
        return cli_fail_error(error);
    g_autoptr(frame) b = cli_frame_read(argv[1], &error);
    if (b == NULL || !cli_output_open(&out, output, &error))
        return cli_fail_error(error);
    bool ok = frame_diff(a, b, &options, out.file, &differ, &error);
    if (!cli_output_finish(&out, ok, ok ? &error : NULL) || !ok)
        return cli_fail_error(error);
    return differ ? CLI_FINDINGS : CLI_OK;
}

const struct cli_command command_diff = {
    .name = "diff",
    .summary = "Compare two frames",
    .usage = "[OPTION…] BEFORE AFTER",
    .description =
        "BEFORE and AFTER are frames as 'assay frame' writes them. Shows the systems, packages, "
        "users, groups, kernels, mounts and files that were added, removed or changed, and what "
        "of them could be looked at. Times of installation and inode change are passed over.\n\n"
        "The exit status is 0 when nothing differs, 1 when something does, 2 for an error.",
    .examples = "assay diff monday.json tuesday.json\n  what changed over night",
    .options = (const GOptionEntry *const[]){ entries, NULL },
    .run = diff_run,
};
