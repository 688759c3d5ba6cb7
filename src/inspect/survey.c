/* Disks -> volumes -> filesystems, with coverage of each. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "inspect/inspection.h"

#define BLANK_CHECKED (1u << 20) /* bytes that must be zero to call a volume blank */

static void cover(struct emitter *e, const char *kind, const char *object,
                  enum coverage_state state, int code, const char *reason)
{
    const struct frame_coverage c = {
        .kind = kind,
        .object = object,
        .state = state,
        .reason = reason,
        .code = state == COVERAGE_READ ? NULL : assay_error_name(code),
    };
    emit_record(e, FRAME_COVERAGE, &c);
}

void survey_disk_free(struct survey_disk *d)
{
    block_unref(d->block);
    g_clear_error(&d->fault);
    g_free(d->name);
    g_free(d);
}

void survey_done(struct survey *s)
{
    if (s->filesystems != NULL)
        g_ptr_array_unref(s->filesystems);
    volume_set_free(s->volumes);
}

static const char *kind_name(enum volume_kind kind)
{
    static const char *const names[VOLUME_KIND_COUNT] = { "disk", "partition", "logical", "array" };
    return names[kind];
}

/* The word for it in coverage. */
static const char *kind_of(const struct volume *v)
{
    return v->kind == VOLUME_DISK ? "disk" : v->kind == VOLUME_PARTITION ? "partition" : "volume";
}

static bool is_blank(struct block *b)
{
    uint8_t buf[4096];
    uint64_t end = min_u64(b->size, BLANK_CHECKED);
    for (uint64_t off = 0; off < end; off += sizeof buf) {
        size_t got;
        if (!block_read_some(b, off, buf, sizeof buf, &got, NULL))
            return false;
        for (size_t i = 0; i < got; i++) {
            if (buf[i] != 0)
                return false;
        }
    }
    return true;
}

/* Partition types that hold a boot loader's raw code or firmware data, never files. */
static bool holds_no_files(const struct volume *v)
{
    static const char *const types[] = {
        "21686148-6449-6e6f-744e-656564454649", /* BIOS boot */
        "9e1a2d38-c612-4316-aa26-8b49521e5a8b", /* PReP boot */
        "e3c9e316-0b5c-4db8-817d-f92df00215ae", /* Microsoft reserved */
        "0x41",                                 /* PReP boot */
    };
    for (size_t i = 0; v->type != NULL && i < G_N_ELEMENTS(types); i++) {
        if (g_str_equal(v->type, types[i]))
            return true;
    }
    return false;
}

static void cover_unknown(struct emitter *e, const struct volume *v)
{
    if (v->size == 0)
        cover(e, kind_of(v), v->name, COVERAGE_SKIPPED, ASSAY_ERROR_NOT_FOUND, "empty");
    else if (holds_no_files(v))
        cover(e, kind_of(v), v->name, COVERAGE_SKIPPED, ASSAY_ERROR_UNSUPPORTED,
              "holds no files by its type");
    else if (is_blank(v->block))
        cover(e, kind_of(v), v->name, COVERAGE_SKIPPED, ASSAY_ERROR_NOT_FOUND, "blank");
    else
        cover(e, kind_of(v), v->name, COVERAGE_UNREADABLE, ASSAY_ERROR_UNSUPPORTED,
              "holds data of no known filesystem");
}

/* vfat partitions hold firmware and boot loaders, no packages; not to read them leaves no gap in
 * what a scan says. Anything else that is not read yet does. */
static enum coverage_state unread_state(const struct tree_driver *drv)
{
    return drv->open == NULL && g_str_equal(drv->name, "vfat") ? COVERAGE_SKIPPED
                                                               : COVERAGE_UNREADABLE;
}

static struct tree *open_filesystem(struct emitter *e, const struct volume *v,
                                    const struct tree_driver *drv)
{
    g_autoptr(GError) error = NULL;
    struct tree *t = tree_open(v->block, drv, &error);
    if (t == NULL) {
        cover(e, "filesystem", v->name, unread_state(drv), error->code, error->message);
        return NULL;
    }
    if (t->recovery == TREE_RECOVERY_NEEDED)
        cover(e, "filesystem", v->name, COVERAGE_PARTIAL, ASSAY_ERROR_UNSUPPORTED,
              "recovery needed: its newest changes are only in its log, which was not replayed");
    return t;
}

static const struct survey_disk *disk_of(const struct survey *s, const struct volume *v)
{
    for (unsigned i = 0; i < s->disks->len; i++) {
        if (g_ptr_array_index(s->volumes->volumes, i) == v)
            return g_ptr_array_index(s->disks, i);
    }
    return NULL;
}

static void emit_volume(const struct survey *s, struct emitter *e, const struct volume *v,
                        const struct tree *t, const char *content)
{
    const struct survey_disk *disk = disk_of(s, v);
    const struct frame_volume out = {
        .name = v->name,
        .kind = kind_name(v->kind),
        .parent = v->parent != NULL ? v->parent->name : NULL,
        .offset = v->offset,
        .size = v->size,
        .content = content,
        .type = v->type,
        .label = t != NULL && t->label != NULL ? t->label : v->label,
        .uuid = t != NULL ? t->uuid : NULL,
        .part_uuid = v->uuid,
        .recovery = t != NULL ? tree_recovery_name(t->recovery) : NULL,
        .image = disk != NULL ? disk->name : NULL,
        .format = disk != NULL ? disk->format : NULL,
    };
    emit_record(e, FRAME_VOLUME, &out);
}

/* Damage leaves the rest readable; a content that is known but not read (encryption) leaves
 * nothing. */
static enum coverage_state fault_state(const struct volume *v)
{
    bool unread = v->content != NULL && v->fault_code == ASSAY_ERROR_UNSUPPORTED;
    return v->block == NULL || unread ? COVERAGE_UNREADABLE : COVERAGE_PARTIAL;
}

void survey_cover_notes(struct emitter *e, const char *disk, const struct block *b)
{
    const GPtrArray *notes = b != NULL ? b->notes : NULL;
    for (unsigned i = 0; notes != NULL && i < notes->len; i++) {
        const struct block_note *n = g_ptr_array_index(notes, i);
        cover(e, "disk", disk, n->doubtful ? COVERAGE_PARTIAL : COVERAGE_SKIPPED,
              n->doubtful ? ASSAY_ERROR_CORRUPT : ASSAY_ERROR_UNSUPPORTED, n->text);
    }
}

static void survey_volume(struct survey *s, struct emitter *e, struct volume *v)
{
    const struct tree_driver *drv = NULL;
    struct tree *t = NULL;
    if (v->fault != NULL)
        cover(e, kind_of(v), v->name, fault_state(v), v->fault_code, v->fault);
    if (v->block != NULL && v->content == NULL)
        drv = tree_probe(v->block);
    if (drv != NULL)
        t = open_filesystem(e, v, drv);
    emit_volume(s, e, v, t,
                v->content != NULL ? v->content
                : t != NULL        ? t->type_name
                : drv != NULL      ? drv->name
                                   : NULL);
    if (drv != NULL) {
        struct root_filesystem *fs = g_new0(struct root_filesystem, 1);
        fs->volume = v;
        fs->tree = t;
        g_ptr_array_add(s->filesystems, fs);
    } else if (v->block != NULL && v->content == NULL && v->fault == NULL) {
        cover_unknown(e, v);
    }
}

bool survey_run(struct survey *s, struct emitter *e, GPtrArray *disks, GError **error)
{
    s->volumes = volume_set_new();
    s->filesystems = g_ptr_array_new_with_free_func((GDestroyNotify)root_filesystem_free);
    s->disks = disks;
    for (unsigned i = 0; i < disks->len; i++) {
        const struct survey_disk *d = g_ptr_array_index(disks, i);
        struct volume *v = volume_set_add_disk(s->volumes, d->block);
        if (d->fault != NULL)
            volume_set_fault(v, g_error_copy(d->fault));
        survey_cover_notes(e, v->name, d->block);
    }
    emit_progress(e, "volumes", 0);
    if (!volume_set_scan(s->volumes, error))
        return false;
    for (unsigned i = 0; i < s->volumes->volumes->len; i++)
        survey_volume(s, e, g_ptr_array_index(s->volumes->volumes, i));
    return true;
}

struct root_filesystem *survey_filesystem(struct survey *s, const char *volume, GError **error)
{
    for (unsigned i = 0; i < s->filesystems->len; i++) {
        struct root_filesystem *fs = g_ptr_array_index(s->filesystems, i);
        if (!g_str_equal(fs->volume->name, volume))
            continue;
        if (fs->tree == NULL) /* say why: the same failure again */
            fs->tree = tree_open(fs->volume->block, tree_probe(fs->volume->block), error);
        return fs->tree != NULL ? fs : NULL;
    }
    fail(error, ASSAY_ERROR_NOT_FOUND, "no filesystem on a volume '%s'", volume);
    return NULL;
}

static char *names_of(const GPtrArray *roots)
{
    g_autoptr(GString) names = g_string_new(NULL);
    for (unsigned i = 0; i < roots->len; i++)
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "",
                               ((const struct root *)g_ptr_array_index(roots, i))->name);
    return g_string_free(g_steal_pointer(&names), FALSE);
}

struct root *survey_system(struct survey *s, const char *name, GPtrArray **roots, GError **error)
{
    *roots = root_find(s->filesystems, error);
    if (*roots == NULL)
        return NULL;
    for (unsigned i = 0; i < (*roots)->len; i++) {
        struct root *r = g_ptr_array_index(*roots, i);
        if (name == NULL ? (*roots)->len == 1 : g_str_equal(r->name, name))
            return r;
    }
    g_autofree char *names = names_of(*roots);
    if ((*roots)->len == 0)
        (void)fail(
            error, ASSAY_ERROR_NOT_FOUND,
            "no operating system found; --volume names a filesystem ('assay disk' shows them)");
    else if (name == NULL)
        (void)fail(error, ASSAY_ERROR_NOT_FOUND,
                   "several operating systems; --system names one: %s", names);
    else
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no operating system '%s'; there is %s", name,
                   names);
    return NULL;
}

void survey_cover_faults(struct survey *s, struct emitter *e)
{
    for (unsigned i = 0; i < s->filesystems->len; i++) {
        const struct root_filesystem *fs = g_ptr_array_index(s->filesystems, i);
        if (fs->tree == NULL)
            continue;
        if (fs->tree->fault_count == 0) {
            if (fs->tree->recovery != TREE_RECOVERY_NEEDED)
                cover(e, "filesystem", fs->volume->name, COVERAGE_READ, 0, NULL);
            continue;
        }
        for (unsigned k = 0; k < fs->tree->faults->len; k++)
            cover(e, "filesystem", fs->volume->name, COVERAGE_PARTIAL, ASSAY_ERROR_CORRUPT,
                  g_ptr_array_index(fs->tree->faults, k));
        if (fs->tree->fault_count > fs->tree->faults->len) {
            g_autofree char *more = g_strdup_printf("and %" G_GUINT64_FORMAT " more faults",
                                                    fs->tree->fault_count - fs->tree->faults->len);
            cover(e, "filesystem", fs->volume->name, COVERAGE_PARTIAL, ASSAY_ERROR_LIMIT, more);
        }
    }
}
