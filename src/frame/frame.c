#include "frame/frame.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/number.h"
#include "config.h"
#include "frame/field.h"
#include "frame/files.h"

int64_t frame_now(void)
{
    const char *epoch = g_getenv("SOURCE_DATE_EPOCH");
    int64_t seconds;
    if (epoch != NULL && parse_i64(epoch, strlen(epoch), &seconds))
        return seconds;
    return g_get_real_time() / G_USEC_PER_SEC;
}

static void system_free(void *p)
{
    struct frame_system *s = p;
    for (size_t k = 0; k < FRAME_KIND_COUNT; k++) {
        if (s->records[k] != NULL)
            g_ptr_array_free(s->records[k], TRUE);
    }
    frame_files_free(s->files);
    g_free(s);
}

struct frame *frame_new(const char *target)
{
    struct frame *f = g_new0(struct frame, 1);
    f->arena = arena_new(LIMIT_FRAME_MEMORY);
    f->target = g_strdup(target);
    f->version = g_strdup(ASSAY_VERSION);
    f->created = frame_now();
    f->volumes = g_ptr_array_new();
    f->coverage = g_ptr_array_new();
    f->systems = g_ptr_array_new_with_free_func(system_free);
    return f;
}

void frame_free(struct frame *f)
{
    if (f == NULL)
        return;
    g_ptr_array_free(f->volumes, TRUE);
    g_ptr_array_free(f->coverage, TRUE);
    g_ptr_array_free(f->systems, TRUE);
    arena_free(f->arena);
    g_free((char *)f->target);
    g_free((char *)f->version);
    g_free(f);
}

static struct frame_system *last_system(struct frame *f)
{
    return f->systems->len > 0 ? g_ptr_array_index(f->systems, f->systems->len - 1) : NULL;
}

/* --- deep copies -------------------------------------------------------------------------------
 */

/* Many records repeat what the one before says (type, architecture, vendor): those share it. */
static bool copy_string(struct arena *a, const char *s, const char *before, const char **out)
{
    if (s != NULL && before != NULL && strcmp(s, before) == 0)
        *out = before;
    else
        *out = arena_strdup(a, s);
    return s == NULL || *out != NULL;
}

static bool copy_strings(struct arena *a, const char *const *list, const char *const **out)
{
    *out = NULL;
    if (list == NULL)
        return true;
    size_t count = g_strv_length((gchar **)list);
    const char **copy = arena_alloc(a, (count + 1) * sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = arena_strdup(a, list[i]);
        if (copy[i] == NULL)
            return false;
    }
    *out = copy;
    return copy != NULL;
}

/* before: the record of this kind added last; NULL. */
static void *record_copy(struct arena *a, enum frame_kind kind, const void *record,
                         const void *before)
{
    const struct frame_kind_info *info = &frame_kinds[kind];
    void *copy = arena_alloc(a, info->size);
    if (copy == NULL)
        return NULL;
    memcpy(copy, record, info->size);
    for (size_t i = 0; i < info->field_count; i++) {
        const struct frame_field *f = &info->fields[i];
        bool ok = true;
        if (field_is_string(f))
            ok = copy_string(a, field_string(record, f),
                             before != NULL ? field_string(before, f) : NULL,
                             FIELD_SET(copy, f, const char *));
        else if (f->type == FRAME_TYPE_STRINGS)
            ok = copy_strings(a, field_strings(record, f), FIELD_SET(copy, f, const char *const *));
        if (!ok)
            return NULL;
    }
    return copy;
}

/* --- adding ------------------------------------------------------------------------------------
 */

static guint limit_of(enum frame_kind kind)
{
    switch (kind) {
    case FRAME_VOLUME:
    case FRAME_MOUNT:
    case FRAME_KERNEL:
        return LIMIT_VOLUMES;
    case FRAME_OS:
        return LIMIT_SYSTEMS;
    case FRAME_PACKAGE:
        return LIMIT_PACKAGES;
    case FRAME_USER:
    case FRAME_GROUP:
        return LIMIT_USERS;
    case FRAME_COVERAGE:
    case FRAME_FILE:
    case FRAME_KIND_COUNT:
    default:
        return G_MAXUINT / 2; /* bounded by memory */
    }
}

static bool add_file(struct frame *f, struct frame_system *s, const struct frame_file *file,
                     GError **error)
{
    uint64_t held = arena_used(f->arena);
    for (guint i = 0; i < f->systems->len; i++) {
        const struct frame_system *other = g_ptr_array_index(f->systems, i);
        held += other == s ? 0 : frame_files_memory(other->files);
    }
    if (s->files == NULL)
        s->files = frame_files_new();
    return frame_files_add(s->files, file,
                           held < LIMIT_FRAME_MEMORY ? LIMIT_FRAME_MEMORY - held : 0, error);
}

static void add_system(struct frame *f, const struct frame_os *os)
{
    struct frame_system *s = g_new0(struct frame_system, 1);
    s->os = os;
    for (size_t k = 0; k < FRAME_KIND_COUNT; k++) {
        if (frame_kinds[k].of_system && k != FRAME_OS && k != FRAME_FILE)
            s->records[k] = g_ptr_array_new();
    }
    if (f->with_files)
        s->files = frame_files_new();
    g_ptr_array_add(f->systems, s);
}

/* For these managers a package that names no source is its own source. */
static void fill_source(struct frame_package *p)
{
    if (!g_str_equal(p->type, "deb") && !g_str_equal(p->type, "apk"))
        return;
    if (p->source == NULL)
        p->source = p->name;
    if (p->source_version == NULL)
        p->source_version = p->version;
}

bool frame_add(struct frame *f, enum frame_kind kind, const void *record, GError **error)
{
    const struct frame_kind_info *info = &frame_kinds[kind];
    struct frame_system *s = last_system(f);
    struct frame_package package;
    const char *missing = record_missing(kind, record);
    if (missing != NULL)
        return fail(error, ASSAY_ERROR_INVALID, "%s: record of %s without %s", f->target,
                    info->name, missing);
    if (info->of_system && kind != FRAME_OS && s == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "%s: record of %s before any system", f->target,
                    info->name);
    if (kind == FRAME_FILE)
        return add_file(f, s, record, error);
    GPtrArray *list = kind == FRAME_VOLUME     ? f->volumes
                      : kind == FRAME_COVERAGE ? f->coverage
                      : kind == FRAME_OS       ? f->systems
                                               : s->records[kind];
    if (list->len >= limit_of(kind))
        return fail_limit(error, "%s: more than %u records of %s", f->target, limit_of(kind),
                          info->name);
    if (kind == FRAME_PACKAGE) {
        package = *(const struct frame_package *)record;
        fill_source(&package);
        record = &package;
    }
    const void *before =
        kind != FRAME_OS && list->len > 0 ? g_ptr_array_index(list, list->len - 1) : NULL;
    void *copy = record_copy(f->arena, kind, record, before);
    if (copy == NULL)
        return fail_limit(error, "%s: frame larger than %u MiB", f->target,
                          LIMIT_FRAME_MEMORY >> 20);
    if (kind == FRAME_OS)
        add_system(f, copy);
    else
        g_ptr_array_add(list, copy);
    return true;
}

/* --- finishing ----------------------------------------------------------------------------------
 */

static gint compare_records(gconstpointer a, gconstpointer b, gpointer kind)
{
    return frame_record_compare((enum frame_kind)GPOINTER_TO_UINT(kind), *(void *const *)a,
                                *(void *const *)b);
}

static gint compare_systems(gconstpointer a, gconstpointer b)
{
    const struct frame_system *x = *(void *const *)a, *y = *(void *const *)b;
    return frame_record_compare(FRAME_OS, x->os, y->os);
}

static void sort_records(GPtrArray *list, enum frame_kind kind)
{
    g_ptr_array_sort_with_data(list, compare_records, GUINT_TO_POINTER((guint)kind));
}

void frame_finish(struct frame *f)
{
    sort_records(f->volumes, FRAME_VOLUME);
    sort_records(f->coverage, FRAME_COVERAGE);
    g_ptr_array_sort(f->systems, compare_systems);
    for (guint i = 0; i < f->systems->len; i++) {
        struct frame_system *s = g_ptr_array_index(f->systems, i);
        for (size_t k = 0; k < FRAME_KIND_COUNT; k++) {
            if (s->records[k] != NULL)
                sort_records(s->records[k], (enum frame_kind)k);
        }
        frame_files_sort(s->files);
    }
}

/* --- coverage -----------------------------------------------------------------------------------
 */

enum coverage_state frame_coverage_worst(const struct frame *f)
{
    enum coverage_state worst = COVERAGE_READ;
    for (guint i = 0; i < f->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(f->coverage, i);
        if (c->state == COVERAGE_UNREADABLE)
            return COVERAGE_UNREADABLE;
        if (c->state == COVERAGE_PARTIAL)
            worst = COVERAGE_PARTIAL;
    }
    return worst;
}

static const char *const state_names[COVERAGE_STATE_COUNT] = {
    [COVERAGE_READ] = "read",
    [COVERAGE_PARTIAL] = "partial",
    [COVERAGE_UNREADABLE] = "unreadable",
    [COVERAGE_SKIPPED] = "skipped",
};

const char *coverage_state_name(enum coverage_state state)
{
    return (unsigned)state < COVERAGE_STATE_COUNT ? state_names[state] : "unknown";
}

bool coverage_state_parse(const char *name, enum coverage_state *out)
{
    for (size_t i = 0; i < COVERAGE_STATE_COUNT; i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *out = (enum coverage_state)i;
            return true;
        }
    }
    return false;
}
