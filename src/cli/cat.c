#include "base/error.h"
#include "cli/commands.h"
#include "cli/target.h"

static char *output;
static gboolean disk;

static const GOptionEntry entries[] = {
    { "disk", 0, 0, G_OPTION_ARG_NONE, &disk, "All bytes of the disk itself, without a PATH",
      NULL },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Write to FILE", "FILE" },
    { 0 },
};

static enum cli_status cat_run(int argc, char **argv)
{
    GError *error = NULL;
    struct inspect_options options;
    struct cli_output out;
    bool incomplete = false;
    if (disk ? argc != 1 : !cli_place_given(argc))
        return cli_fail(disk ? "cat: --disk takes a target and no path"
                             : "cat: give a target and a path (see 'assay cat --help')");
    if (!cli_target_settings(&options, 0))
        return CLI_ERROR;
    const struct inspect_place place = cli_place(argc, argv);
    g_autoptr(inspect_target) t =
        cli_target_open(argv, disk ? 1 : (size_t)argc - 1, &options, &error);
    if (t == NULL || !cli_output_open(&out, output, &error))
        return cli_fail_error(error);
    bool ok = inspect_copy(t, &options, disk ? NULL : &place, out.file, cli_show_coverage,
                           &incomplete, &error);
    cli_progress_clear();
    if (!cli_output_finish(&out, ok, ok ? &error : NULL) || !ok)
        return cli_target_fail(t, error);
    return incomplete ? CLI_INCOMPLETE : CLI_OK;
}

const struct cli_command command_cat = {
    .name = "cat",
    .summary = "Print a file of a system or filesystem on a disk",
    .usage = "[OPTION…] TARGET PATH",
    .description =
        "With --disk, the bytes of the virtual disk: what 'qemu-img convert -O raw' would write. A "
        "file or disk that cannot be read to its end fails with status 2; with --output nothing is "
        "left behind then.\n\n"
        "The exit status is 0, 2 for an error, 3 when the bytes may be wrong, as those of an image "
        "marked corrupt.",
    .examples =
        "assay cat node.qcow2 /etc/os-release\n  a file of the system\n"
        "assay cat --disk -o disk.raw disk.qcow2@before\n  an internal snapshot as raw disk",
    .options =
        (const GOptionEntry *const[]){ entries, cli_place_options, cli_target_options, NULL },
    .run = cat_run,
};
