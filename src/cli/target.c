#include "cli/target.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/number.h"
#include "base/text.h"
#include "block/rbd.h"

static char *format, *backing, *memory, *ceph_conf, *ceph_user;
static gint timeout = -1;
static gboolean quiet;

const GOptionEntry cli_target_options[] = {
    { "input-format", 0, 0, G_OPTION_ARG_STRING, &format,
      "Format of the image, raw or qcow2 (default: by content)", "FORMAT" },
    { "allow-backing", 0, 0, G_OPTION_ARG_STRING, &backing,
      "Which files an image may name as its backing or data file: tree (below its own folder, the "
      "default), none, or any",
      "WHICH" },
    { "timeout", 0, 0, G_OPTION_ARG_INT, &timeout,
      "Give up on a target after this time; 0: never (default: 300, without limit when every file "
      "is read)",
      "SECONDS" },
    { "memory", 0, 0, G_OPTION_ARG_STRING, &memory,
      "Ceiling of what the inspector allocates (default: 1G)", "SIZE" },
    { "ceph-conf", 0, 0, G_OPTION_ARG_FILENAME, &ceph_conf,
      "Configuration of the cluster of rbd: targets (default: ASSAY_CEPH_CONF, or Ceph's own)",
      "FILE" },
    { "ceph-user", 0, 0, G_OPTION_ARG_STRING, &ceph_user,
      "Ceph's user for rbd: targets, without \"client.\" (default: admin)", "NAME" },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "No progress on the terminal", NULL },
    { 0 },
};

static char *volume, *system_name;
static gboolean together;

const GOptionEntry cli_place_options[] = {
    { "volume", 0, 0, G_OPTION_ARG_STRING, &volume,
      "The filesystem on this volume (see 'assay disk') instead of the system's root", "NAME" },
    { "system", 0, 0, G_OPTION_ARG_STRING, &system_name,
      "The root of this system, when there are several", "NAME" },
    { "together", 0, 0, G_OPTION_ARG_NONE, &together,
      "All arguments but the last are disks of one machine", NULL },
    { 0 },
};

struct inspect_place cli_place(int argc, char **argv)
{
    return (
        struct inspect_place){ .volume = volume, .system = system_name, .path = argv[argc - 1] };
}

bool cli_place_given(int argc)
{
    return argc == 2 || (argc > 2 && together);
}

static bool shown; /* a progress line is on the terminal */

static void show_progress(const struct inspect_progress *p, void *user)
{
    g_autofree char *bytes = text_size(p->bytes_read);
    g_autofree char *phase = text_safe(p->phase);
    (void)fprintf(stderr, "\r\033[K%s: %s read", phase, bytes);
    if (p->files > 0)
        (void)fprintf(stderr, ", %" G_GUINT64_FORMAT " files", p->files);
    shown = true;
}

void cli_progress_clear(void)
{
    if (shown)
        (void)fputs("\r\033[K", stderr);
    shown = false;
}

bool cli_target_settings(struct inspect_options *out, unsigned default_timeout)
{
    static struct rbd_access ceph;
    ceph.conf = ceph_conf != NULL ? ceph_conf : g_getenv("ASSAY_CEPH_CONF");
    if (ceph.conf != NULL && ceph.conf[0] == '\0')
        ceph.conf = NULL;
    ceph.user = ceph_user;
    *out = (struct inspect_options){ .format = format, .timeout = default_timeout, .ceph = &ceph };
    if (backing != NULL && !inspect_references_parse(backing, &out->references))
        return cli_fail("--allow-backing '%s': tree, none or any", backing) == CLI_OK;
    if (memory != NULL && (!parse_size(memory, &out->memory) || out->memory < 32u << 20))
        return cli_fail("--memory '%s': a size of at least 32M", memory) == CLI_OK;
    if (timeout >= 0)
        out->timeout = (unsigned)timeout;
    else if (timeout != -1)
        return cli_fail("--timeout %d: a number of seconds, or 0", timeout) == CLI_OK;
    if (!quiet && isatty(STDERR_FILENO))
        out->progress = show_progress;
    return true;
}

struct inspect_target *cli_target_open(char **names, size_t count,
                                       const struct inspect_options *options, GError **error)
{
    return inspect_target_open(names, count, options, error);
}

enum cli_status cli_target_fail(const struct inspect_target *t, GError *error)
{
    const char *name = inspect_target_name(t), *at = strchr(name, '@');
    g_autofree char *file = at != NULL ? g_strndup(name, (size_t)(at - name)) : g_strdup(name);
    if (!g_str_has_prefix(error->message, file))
        g_prefix_error(&error, "%s: ", name);
    return cli_fail_error(error);
}

void cli_show_coverage(const struct frame_coverage *c, void *user)
{
    cli_progress_clear();
    (void)cli_fail("%s: %s: %s", c->object, coverage_state_name(c->state),
                   c->reason != NULL ? c->reason : "no reason given");
    *(bool *)user = true;
}

void cli_warn_coverage(const struct frame *f)
{
    for (unsigned i = 0; i < f->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(f->coverage, i);
        if (c->state == COVERAGE_PARTIAL || c->state == COVERAGE_UNREADABLE)
            (void)cli_fail("%s: %s: %s: %s", f->target, c->object, coverage_state_name(c->state),
                           c->reason != NULL ? c->reason : "no reason given");
    }
}
