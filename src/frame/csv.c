/* The frame format of the agentless-system-crawler, so that what reads its frames reads ours: one
 * feature a line, three columns parted by tabs, `type<TAB>"key"<TAB>{...}`, the last two JSON.
 *
 * Each system is a frame of its own, begun by its metadata line. Features that only a running
 * system has are not written; coverage is a feature type of ours, which readers pass over. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "frame/bom.h"
#include "frame/forms.h"

struct writer {
    FILE *out;
    const struct frame *frame;
    struct json_writer key, value;
};

static void line_begin(struct writer *c)
{
    jw_init(&c->key, NULL, true);
    jw_init(&c->value, NULL, true);
    jw_object_begin(&c->value, NULL);
}

static void line_end(struct writer *c, const char *type, const char *key)
{
    jw_object_end(&c->value);
    jw_string(&c->key, NULL, key);
    (void)fprintf(c->out, "%s\t%s\t", type, c->key.buffer->str);
    (void)fwrite(c->value.buffer->str, 1, c->value.buffer->len, c->out);
    (void)fputc('\n', c->out);
    g_string_free(c->key.buffer, TRUE);
    g_string_free(c->value.buffer, TRUE);
}

/* The crawler's "%Y-%m-%dT%H:%M:%S%z". */
static char *crawler_time(int64_t seconds)
{
    g_autofree char *text = text_time(seconds);
    return g_strdup_printf("%.19s+0000", text);
}

static void metadata_line(struct writer *c, const struct frame_system *s, const char *uuid)
{
    struct json_writer *w = &c->value;
    g_autofree char *time = crawler_time(c->frame->created);
    g_autofree char *space = s != NULL && c->frame->systems->len > 1
                                 ? g_strdup_printf("%s:%s", c->frame->target, s->os->root)
                                 : g_strdup(c->frame->target);
    line_begin(c);
    jw_string(w, "system_type", "host");
    jw_string(w, "namespace", space);
    jw_string(w, "timestamp", time);
    jw_string(w, "features",
              s != NULL && s->files != NULL ? "os,package,disk,file,coverage"
                                            : "os,package,disk,coverage");
    jw_string(w, "uuid", uuid);
    jw_string(w, "assay_version", c->frame->version);
    jw_string(w, "coverage", coverage_state_name(frame_coverage_worst(c->frame)));
    line_end(c, "metadata", "metadata");
}

static void os_line(struct writer *c, const struct frame_system *s)
{
    const GPtrArray *kernels = s->records[FRAME_KERNEL];
    const struct frame_kernel *newest =
        kernels->len > 0 ? g_ptr_array_index(kernels, kernels->len - 1) : NULL;
    struct json_writer *w = &c->value;
    line_begin(c);
    jw_string(w, "boottime", "unsupported");
    jw_string(w, "uptime", "unsupported");
    jw_string(w, "ipaddr", "0.0.0.0");
    jw_string(w, "os", s->os->id != NULL ? s->os->id : "unknown");
    jw_string(w, "os_version", s->os->version_id != NULL ? s->os->version_id : "unknown");
    jw_string(w, "os_kernel", newest != NULL ? newest->version : "unknown");
    jw_string(w, "architecture", s->os->architecture != NULL ? s->os->architecture : "unknown");
    line_end(c, "os", "linux");
}

/* The crawler prints what dpkg-query and rpm print: sizes of Debian packages in KiB, versions of
 * RPMs without epoch. */
static void package_line(struct writer *c, const struct frame_package *p)
{
    struct json_writer *w = &c->value;
    bool deb = g_str_equal(p->type, "deb"), rpm = g_str_equal(p->type, "rpm");
    g_autofree char *installed =
        p->installed != 0 ? g_strdup_printf("%" G_GINT64_FORMAT, p->installed) : NULL;
    g_autofree char *size =
        p->size != 0 ? g_strdup_printf("%" G_GUINT64_FORMAT, deb ? p->size / 1024 : p->size) : NULL;
    const char *version = p->version;
    size_t digits = strspn(version, "0123456789");
    if (rpm && version[digits] == ':')
        version += digits + 1;
    line_begin(c);
    jw_string(w, "installed", installed);
    jw_string(w, "pkgname", p->name);
    jw_string(w, "pkgsize", size);
    jw_string(w, "pkgversion", version);
    jw_string(w, "pkgarchitecture", p->arch);
    line_end(c, "package", p->name);
}

static void disk_line(struct writer *c, const struct frame_mount *m)
{
    struct json_writer *w = &c->value;
    const struct frame_volume *volume = NULL;
    for (guint i = 0; i < c->frame->volumes->len && volume == NULL && m->volume != NULL; i++) {
        const struct frame_volume *v = g_ptr_array_index(c->frame->volumes, i);
        volume = g_str_equal(v->name, m->volume) ? v : NULL;
    }
    line_begin(c);
    jw_string(w, "partitionname", m->volume != NULL ? m->volume : m->source);
    jw_null(w, "freepct");
    jw_string(w, "fstype", m->type);
    jw_string(w, "mountpt", m->path);
    jw_string(w, "mountopts", m->options);
    if (volume != NULL)
        jw_u64(w, "partitionsize", volume->size);
    else
        jw_null(w, "partitionsize");
    line_end(c, "disk", m->path);
}

/* Our type, the crawler's, and the type bits of st_mode (inode(7)). */
static const struct file_type {
    const char *name, *crawler;
    unsigned mode;
} file_types[] = {
    { "file", "file", 0100000 }, { "directory", "dir", 0040000 }, { "symlink", "link", 0120000 },
    { "char", "char", 0020000 }, { "block", "block", 0060000 },   { "fifo", "pipe", 0010000 },
    { "socket", NULL, 0140000 },
};

static bool file_line(const struct frame_file *file, void *user)
{
    struct writer *c = user;
    struct json_writer *w = &c->value;
    const struct file_type *type = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(file_types) && type == NULL; i++)
        type = g_str_equal(file_types[i].name, file->type) ? &file_types[i] : NULL;
    const char *slash = strrchr(file->path, '/');
    line_begin(c);
    jw_null(w, "atime");
    jw_i64(w, "ctime", file->ctime);
    jw_u64(w, "gid", file->gid);
    jw_string(w, "linksto", file->target);
    jw_u64(w, "mode", (file->mode & 07777) | (type != NULL ? type->mode : 0));
    jw_i64(w, "mtime", file->mtime);
    jw_string(w, "name", slash != NULL && slash[1] != '\0' ? slash + 1 : file->path);
    jw_string(w, "path", file->path);
    jw_u64(w, "size", file->size);
    jw_string(w, "type", type != NULL ? type->crawler : NULL);
    jw_u64(w, "uid", file->uid);
    line_end(c, "file", file->path);
    return !ferror(c->out);
}

static void coverage_lines(struct writer *c, const struct frame_os *os)
{
    for (guint i = 0; i < c->frame->coverage->len; i++) {
        const struct frame_coverage *v = g_ptr_array_index(c->frame->coverage, i);
        if (v->system != NULL && (os == NULL || !g_str_equal(v->system, os->root)))
            continue;
        g_autofree char *key = g_strdup_printf("%s %s", v->kind, v->object);
        line_begin(c);
        jw_string(&c->value, "kind", v->kind);
        jw_string(&c->value, "object", v->object);
        jw_string(&c->value, "state", coverage_state_name(v->state));
        jw_string(&c->value, "reason", v->reason);
        line_end(c, "coverage", key);
    }
}

static bool system_lines(struct writer *c, const struct frame_system *s, const char *uuid,
                         GError **error)
{
    const GPtrArray *mounts = s->records[FRAME_MOUNT], *packages = s->records[FRAME_PACKAGE];
    metadata_line(c, s, uuid);
    os_line(c, s);
    for (guint i = 0; i < mounts->len; i++)
        disk_line(c, g_ptr_array_index(mounts, i));
    for (guint i = 0; i < packages->len; i++)
        package_line(c, g_ptr_array_index(packages, i));
    bool ok = s->files == NULL || frame_files_each(s->files, file_line, c, error);
    coverage_lines(c, s->os);
    return ok;
}

static bool csv_write(const struct frame *f, FILE *out, GError **error)
{
    struct writer c = { .out = out, .frame = f };
    const struct bom_target target = { f, f->coverage };
    g_autofree char *uuid =
        bom_uuid(&(struct bom){ .targets = &target, .target_count = 1 }, "csv", error);
    bool ok = uuid != NULL;
    for (guint i = 0; i < f->systems->len && ok; i++)
        ok = system_lines(&c, g_ptr_array_index(f->systems, i), uuid, error);
    if (ok && f->systems->len == 0) {
        metadata_line(&c, NULL, uuid);
        coverage_lines(&c, NULL);
    }
    if (ok && (fflush(out) != 0 || ferror(out)))
        return fail_errno(error, errno, "writing CSV");
    return ok;
}

const struct frame_format frame_format_csv = {
    .name = "csv",
    .description = "frame format of the agentless-system-crawler",
    .media_type = "text/csv",
    .write = csv_write,
};
