/* The tree of what is on the disks of a target. */
#include <string.h>

#include "base/error.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/target.h"
#include "frame/formats.h"

static char *format, *output;
static gboolean together;

static const GOptionEntry entries[] = {
    { "format", 0, 0, G_OPTION_ARG_STRING, &format, "table (default) or json", "FORMAT" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Write to FILE", "FILE" },
    { "together", 0, 0, G_OPTION_ARG_NONE, &together, "The targets are disks of one machine",
      NULL },
    { 0 },
};

static const struct frame_mount *mount_of(const struct frame_system *s, const char *volume)
{
    for (unsigned i = 0; i < s->records[FRAME_MOUNT]->len; i++) {
        const struct frame_mount *m = g_ptr_array_index(s->records[FRAME_MOUNT], i);
        if (g_strcmp0(m->volume, volume) == 0)
            return m;
    }
    return NULL;
}

static void append(GString *line, const char *prefix, const char *text)
{
    if (text == NULL || *text == '\0')
        return;
    g_autofree char *safe = text_safe(text);
    g_string_append_printf(line, "  %s%s", prefix, safe);
}

static void show_systems(const struct frame *f, const char *volume, GString *line)
{
    for (unsigned i = 0; i < f->systems->len; i++) {
        const struct frame_system *s = g_ptr_array_index(f->systems, i);
        const struct frame_mount *m = mount_of(s, volume);
        if (m != NULL)
            append(line, "", m->path);
        if (g_str_equal(s->os->root, volume) ||
            (g_str_has_prefix(s->os->root, volume) && s->os->root[strlen(volume)] == '['))
            append(line, "", s->os->pretty_name != NULL ? s->os->pretty_name : s->os->id);
    }
}

static const struct frame_coverage *trouble_of(const struct frame *f, const char *volume)
{
    for (unsigned i = 0; i < f->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(f->coverage, i);
        if (c->state != COVERAGE_READ && c->system == NULL && g_str_equal(c->object, volume))
            return c;
    }
    return NULL;
}

static void show_volume(const struct frame *f, const struct frame_volume *v, unsigned depth,
                        FILE *out)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autofree char *size = text_size(v->size), *name = text_safe(v->name);
    g_autofree char *indented = g_strdup_printf("%*s%s", (int)(2 * depth), "", name);
    const struct frame_coverage *c = trouble_of(f, v->name);
    g_string_append_printf(line, "%-24s %10s", indented, size);
    append(line, "", v->content != NULL ? v->content : "-");
    append(line, "", v->format);
    append(line, "label=", v->label);
    append(line, "uuid=", v->uuid);
    append(line, "", v->image);
    show_systems(f, v->name, line);
    if (c != NULL) {
        g_autofree char *reason = text_safe(c->reason);
        g_string_append_printf(line, "  (%s: %s)", coverage_state_name(c->state), reason);
    }
    (void)fprintf(out, "%s\n", line->str);
}

static void show_below(const struct frame *f, const char *parent, unsigned depth, FILE *out)
{
    for (unsigned i = 0; i < f->volumes->len; i++) {
        const struct frame_volume *v = g_ptr_array_index(f->volumes, i);
        if (g_strcmp0(v->parent, parent) != 0)
            continue;
        show_volume(f, v, depth, out);
        show_below(f, v->name, depth + 1, out);
    }
}

/* One target; status is made worse by what could not be looked at. */
static bool show_target(char **names, size_t count, bool json, FILE *out, enum cli_status *status,
                        GError **error)
{
    struct inspect_options options;
    if (!cli_target_settings(&options, 300))
        return false;
    g_autoptr(inspect_target) t = cli_target_open(names, count, &options, error);
    if (t == NULL)
        return false;
    g_autoptr(frame) f = inspect_volumes(t, &options, error);
    cli_progress_clear();
    if (f == NULL)
        return false;
    enum coverage_state worst = frame_coverage_worst(f);
    if (worst == COVERAGE_PARTIAL || worst == COVERAGE_UNREADABLE)
        *status = CLI_INCOMPLETE;
    if (json)
        return frame_format_find("json")->write(f, out, error);
    show_below(f, NULL, 0, out);
    cli_warn_coverage(f);
    return true;
}

static enum cli_status disk_run(int argc, char **argv)
{
    GError *error = NULL;
    struct cli_output out;
    enum cli_status status = CLI_OK;
    bool json = g_strcmp0(format, "json") == 0, ok = true;
    if (argc < 1)
        return cli_fail("disk: give a target (see 'assay disk --help')");
    if (format != NULL && !json && !g_str_equal(format, "table"))
        return cli_fail("disk: unknown format '%s': table or json", format);
    if (json && argc > 1 && !together)
        return cli_fail("disk: --format json takes one target, or several with --together");
    if (!cli_output_open(&out, output, &error))
        return cli_fail_error(error);
    if (together)
        ok = show_target(argv, (size_t)argc, json, out.file, &status, &error);
    else
        for (int i = 0; ok && i < argc; i++)
            ok = show_target(&argv[i], 1, json, out.file, &status, &error);
    if (!cli_output_finish(&out, ok, ok ? &error : NULL) || !ok)
        return error != NULL ? cli_fail_error(error) : CLI_ERROR;
    return status;
}

const struct cli_command command_disk = {
    .name = "disk",
    .summary = "Show what is on a disk: partitions, volumes, filesystems, systems",
    .usage = "[OPTION…] TARGET…",
    .description =
        "TARGET is a disk image (raw or qcow2; FILE@NAME for an internal snapshot), a block "
        "device, nbd://HOST[:PORT]/EXPORT, nbd+unix:///EXPORT?socket=PATH or "
        "rbd:POOL/[NAMESPACE/]IMAGE[@SNAPSHOT]. Nothing is mounted "
        "and nothing is written.\n\n"
        "The names in the first column are what --volume of ls and cat takes. With --format json "
        "the volumes, mounts and systems are those of the frame (docs/frame.schema.json).\n\n"
        "The exit status is 0, 2 for an error, 3 when something could not be looked at.",
    .examples = "assay disk node.qcow2\n  partitions, volumes, filesystems and the system\n"
                "assay disk --together a.img b.img\n  a volume group over two disks",
    .options = (const GOptionEntry *const[]){ entries, cli_target_options, NULL },
    .run = disk_run,
};
