/* Systems: found, put together, analyzed. */
#include "base/error.h"
#include "base/limits.h"
#include "inspect/inspection.h"

static enum coverage_state mount_state(const struct root_mount *m)
{
    return m->state == ROOT_MOUNT_FOUND     ? COVERAGE_READ
           : m->state == ROOT_MOUNT_SKIPPED ? COVERAGE_SKIPPED
                                            : COVERAGE_UNREADABLE;
}

static void emit_mounts(struct inspection *in)
{
    for (unsigned i = 0; i < in->root->mounts->len; i++) {
        const struct root_mount *m = g_ptr_array_index(in->root->mounts, i);
        const struct frame_mount out = {
            .path = m->path,
            .source = m->source,
            .type = m->type,
            .options = m->options,
            .volume = m->fs != NULL ? m->fs->volume->name : NULL,
            .state = mount_state(m),
        };
        inspection_emit(in, FRAME_MOUNT, &out);
        if (m->state != ROOT_MOUNT_FOUND) {
            g_autofree char *object = g_strdup_printf("%s (%s)", m->path, m->source);
            inspection_cover(in, "mount", object, out.state, assay_error_name(m->code), m->reason);
        }
    }
}

/* A system of which no package is known is none without flaws: its database may be on a filesystem
 * that is not here, or lost in a crash. */
static void cover_no_packages(struct inspection *in)
{
    if (in->has_packages || in->has_database_fault)
        return;
    inspection_cover(in, "package database", "any", COVERAGE_UNREADABLE,
                     assay_error_name(ASSAY_ERROR_NOT_FOUND),
                     in->has_database ? "the package databases hold no package"
                                      : "no package database was found");
}

static void examine_one(struct emitter *e, struct root *r, struct hasher *hasher)
{
    g_autoptr(arena) arena = arena_new(LIMIT_PACKAGE_DB);
    struct inspection in = { .emitter = e, .root = r, .arena = arena, .hasher = hasher };
    for (const struct analyzer *const *a = analyzers; *a != NULL; a++) {
        if ((*a)->for_files && hasher == NULL)
            continue;
        emit_progress(e, (*a)->name, 0);
        (*a)->run(&in);
        if (a == analyzers)
            emit_mounts(&in);
    }
    cover_no_packages(&in);
    inspection_cover(&in, "system", r->name, COVERAGE_READ, NULL, NULL);
    if (r->skipped != NULL)
        inspection_cover(&in, "snapshots", r->name, COVERAGE_SKIPPED, NULL, r->skipped);
}

static void cover_none(struct emitter *e)
{
    const struct frame_coverage none = {
        .kind = "system",
        .object = "target",
        .state = COVERAGE_UNREADABLE,
        .code = assay_error_name(ASSAY_ERROR_NOT_FOUND),
        .reason = "no operating system found",
    };
    emit_record(e, FRAME_COVERAGE, &none);
}

bool examine_names(struct survey *s, struct emitter *e, GError **error)
{
    g_autoptr(GPtrArray) roots = root_find(s->filesystems, error);
    if (roots == NULL)
        return false;
    for (unsigned i = 0; i < roots->len; i++) {
        g_autoptr(arena) arena = arena_new(LIMIT_PACKAGE_DB);
        struct inspection in = { .emitter = e,
                                 .root = g_ptr_array_index(roots, i),
                                 .arena = arena };
        analyzers[0]->run(&in);
        emit_mounts(&in);
    }
    return true;
}

bool examine_systems(struct survey *s, struct emitter *e, struct hasher *hasher, GError **error)
{
    g_autoptr(GPtrArray) roots = root_find(s->filesystems, error);
    if (roots == NULL)
        return false;
    for (unsigned i = 0; i < roots->len; i++)
        examine_one(e, g_ptr_array_index(roots, i), hasher);
    if (roots->len == 0)
        cover_none(e);
    return true;
}
