#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/target.h"
#include "frame/record_json.h"

static char *format;
static gboolean long_form, recursive, hash;

static const GOptionEntry entries[] = {
    { "long", 'l', 0, G_OPTION_ARG_NONE, &long_form, "Mode, owner, size and time as well", NULL },
    { "recursive", 'R', 0, G_OPTION_ARG_NONE, &recursive, "Everything below, by full path", NULL },
    { "hash", 0, 0, G_OPTION_ARG_NONE, &hash, "SHA-256 of every file as well", NULL },
    { "format", 0, 0, G_OPTION_ARG_STRING, &format, "text (default), or json: one object a line",
      "FORMAT" },
    { 0 },
};

struct showing {
    bool incomplete, json;
    bool whole_paths;
    GError *failed; /* writing */
};

static char type_letter(const char *type)
{
    static const struct {
        const char *name;
        char letter;
    } types[] = { { "file", '-' },  { "directory", 'd' }, { "symlink", 'l' }, { "char", 'c' },
                  { "block", 'b' }, { "fifo", 'p' },      { "socket", 's' } };
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (g_str_equal(types[i].name, type))
            return types[i].letter;
    }
    return '?';
}

/* "-rwsr-xr-x" as ls(1) shows it. */
static void mode_text(const struct frame_file *f, char out[11])
{
    static const char letters[] = "rwxrwxrwx";
    out[0] = type_letter(f->type);
    for (int i = 0; i < 9; i++)
        out[i + 1] = f->mode & (0400u >> i) ? letters[i] : '-';
    if (f->mode & S_ISUID)
        out[3] = f->mode & S_IXUSR ? 's' : 'S';
    if (f->mode & S_ISGID)
        out[6] = f->mode & S_IXGRP ? 's' : 'S';
    if (f->mode & S_ISVTX)
        out[9] = f->mode & S_IXOTH ? 't' : 'T';
    out[10] = '\0';
}

static void show_text(const struct frame_file *f, const struct showing *s)
{
    const char *slash = strrchr(f->path, '/');
    g_autofree char *name = text_safe(s->whole_paths || slash == NULL ? f->path : slash + 1);
    if (hash)
        (void)printf("%-64s  ", f->sha256 != NULL ? f->sha256 : "-");
    if (long_form) {
        char mode[11];
        g_autofree char *when = text_time(f->mtime);
        mode_text(f, mode);
        (void)printf("%s %3" G_GUINT64_FORMAT " %5" G_GUINT64_FORMAT " %5" G_GUINT64_FORMAT
                     " %11" G_GUINT64_FORMAT " %s ",
                     mode, f->nlink, f->uid, f->gid, f->size, when);
    }
    (void)fputs(name, stdout);
    if (long_form && f->target != NULL) {
        g_autofree char *target = text_safe(f->target);
        (void)printf(" -> %s", target);
    }
    (void)fputc('\n', stdout);
}

static bool on_file(const struct frame_file *f, void *user)
{
    struct showing *s = user;
    cli_progress_clear();
    if (f->fault != NULL) {
        (void)cli_fail("%s: %s", f->path, f->fault);
        s->incomplete = true;
    }
    if (s->json) {
        struct json_writer w;
        jw_init(&w, stdout, true);
        record_write(&w, NULL, FRAME_FILE, f);
        return jw_finish(&w, &s->failed);
    }
    show_text(f, s);
    return !ferror(stdout) || fail_errno(&s->failed, errno, "standard output");
}

static enum cli_status ls_run(int argc, char **argv)
{
    GError *error = NULL;
    struct inspect_options options;
    struct showing s = { .json = g_strcmp0(format, "json") == 0, .whole_paths = recursive };
    if (!cli_place_given(argc))
        return cli_fail("ls: give a target and a path (see 'assay ls --help')");
    if (format != NULL && !s.json && !g_str_equal(format, "text"))
        return cli_fail("ls: unknown format '%s': text or json", format);
    if (!cli_target_settings(&options, recursive || hash ? 0 : 300))
        return CLI_ERROR;
    const struct inspect_list_options list = {
        .place = cli_place(argc, argv),
        .recursive = recursive,
        .hash = hash,
        .types = s.json,
    };
    g_autoptr(inspect_target) t = cli_target_open(argv, (size_t)argc - 1, &options, &error);
    if (t == NULL)
        return cli_fail_error(error);
    bool ok = inspect_list(t, &options, &list, on_file, cli_show_coverage, &s, &error);
    cli_progress_clear();
    if (s.failed != NULL) { /* which ended the listing */
        g_clear_error(&error);
        return cli_fail_error(s.failed);
    }
    if (!ok)
        return cli_target_fail(t, error);
    if (fflush(stdout) != 0)
        return cli_fail("standard output: %s", g_strerror(errno));
    return s.incomplete ? CLI_INCOMPLETE : CLI_OK;
}

const struct cli_command command_ls = {
    .name = "ls",
    .summary = "List files of a system or filesystem on a disk",
    .usage = "[OPTION…] TARGET PATH",
    .description =
        "Without --volume, PATH is one of the installed system, put together from its fstab, and "
        "symbolic links are followed inside it. Names are shown safely: bytes that are no "
        "printable UTF-8 appear as \\xNN. With --format json each line is one file of the frame "
        "(docs/frame.schema.json).\n\n"
        "The exit status is 0, 2 for an error, 3 when something could not be read; what could not "
        "is named on standard error.",
    .examples = "assay ls -l node.qcow2 /etc\n  a folder of the system\n"
                "assay ls -R --hash --volume disk0p1 node.qcow2 /\n"
                "  all of one partition's filesystem, with hashes",
    .options =
        (const GOptionEntry *const[]){ entries, cli_place_options, cli_target_options, NULL },
    .run = ls_run,
};
