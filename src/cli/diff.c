#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "advisory/version.h"
#include "base/autoclose.h"
#include "base/error.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "frame/formats.h"

static char *format, *output;

static const GOptionEntry entries[] = {
    { "format", 0, 0, G_OPTION_ARG_STRING, &format, "table (default) or json", "FORMAT" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Write to FILE", "FILE" },
    { 0 },
};

/* The whole file, which may be a pipe. g_byte_array_unref(). */
static GByteArray *read_file(const char *path, GError **error)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)fail_errno(error, errno, "%s", path);
        return NULL;
    }
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    uint8_t piece[65536];
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            (void)fail_errno(error, errno, "%s", path);
            return NULL;
        }
        if (bytes->len + (size_t)n > LIMIT_FRAME_JSON) {
            (void)fail_limit(error, "%s: larger than %u MiB", path, LIMIT_FRAME_JSON >> 20);
            return NULL;
        }
        g_byte_array_append(bytes, piece, (guint)n);
    }
    return g_steal_pointer(&bytes);
}

static struct frame *read_frame(const char *path, GError **error)
{
    g_autoptr(GByteArray) bytes = read_file(path, error);
    return bytes != NULL ? frame_read_json(path, bytes->len > 0 ? (const void *)bytes->data : "",
                                           bytes->len, error)
                         : NULL;
}

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
    g_autoptr(frame) a = read_frame(argv[0], &error);
    if (a == NULL)
        return cli_fail_error(error);
    g_autoptr(frame) b = read_frame(argv[1], &error);
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
