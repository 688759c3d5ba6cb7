/* The public face: each task as the program asks for it. */
#include "inspect/inspect.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "frame/field.h"
#include "inspect/launch.h"
#include "inspect/target.h"

static struct request *request_of(const struct inspect_target *t, enum inspect_task task,
                                  const struct inspect_options *options)
{
    struct request *r = request_new(task);
    for (unsigned i = 0; i < t->disks->len; i++) {
        const struct target_disk *d = g_ptr_array_index(t->disks, i);
        bool is_file = d->path != NULL && d->served == NULL;
        const struct request_disk disk = { .name = is_file ? d->path : d->name,
                                           .snapshot = d->snapshot,
                                           .export_name = d->export_name,
                                           .format = d->format,
                                           .note = d->note,
                                           .served = d->served != NULL };
        request_add_disk(r, &disk);
    }
    r->with_files = options->with_files;
    r->types = options->with_files && !options->no_types;
    r->memory = options->memory > 0 ? options->memory : INSPECT_DEFAULT_MEMORY;
    r->timeout = options->timeout;
    return r;
}

/* --- frames ---------------------------------------------------------------------------------- */

struct gathering {
    struct frame *frame;
    struct arena *scratch;
    union {
        max_align_t align;
        char bytes[RECORD_SIZE_MAX];
    } record;
};

static bool on_record(unsigned kind, struct cursor payload, void *user, GError **error)
{
    struct gathering *g = user;
    if (kind >= FRAME_KIND_COUNT)
        return fail_corrupt(error, "the inspector sent a message of unknown kind %u", kind);
    arena_clear(g->scratch);
    return frame_wire_decode((enum frame_kind)kind, &payload, g->scratch, &g->record, error) &&
           frame_add(g->frame, (enum frame_kind)kind, &g->record, error);
}

/* What an inspector that failed leaves: the facts it had sent, and why there are no more. */
static bool cover_failure(struct frame *f, const GError *failure, GError **error)
{
    const struct frame_coverage c = { .kind = "target",
                                      .object = f->target,
                                      .state = COVERAGE_UNREADABLE,
                                      .reason = failure->message,
                                      .code = assay_error_name(failure->code) };
    return frame_add(f, FRAME_COVERAGE, &c, error);
}

/* Why a disk that this process serves could not be read: the inspector knows only that. */
static bool cover_served(struct frame *f, const struct inspect_target *t, GError **error)
{
    for (unsigned i = 0; i < t->disks->len; i++) {
        const struct target_disk *d = g_ptr_array_index(t->disks, i);
        g_autoptr(GError) why = d->served != NULL ? block_export_error(d->served) : NULL;
        if (why == NULL)
            continue;
        const struct frame_coverage c = { .kind = "disk",
                                          .object = d->name,
                                          .state = COVERAGE_PARTIAL,
                                          .reason = why->message,
                                          .code = assay_error_name(why->code) };
        if (!frame_add(f, FRAME_COVERAGE, &c, error))
            return false;
    }
    return true;
}

static struct frame *gather(struct inspect_target *t, enum inspect_task task,
                            const struct inspect_options *options, GError **error)
{
    g_autoptr(request) r = request_of(t, task, options);
    g_autoptr(GError) failure = NULL;
    g_autoptr(frame) f = frame_new(t->name);
    g_autoptr(arena) scratch = arena_new(LIMIT_FRAME_MEMORY);
    struct gathering g = { .frame = f, .scratch = scratch };
    bool started;
    f->with_files = options->with_files;
    if (!inspector_run(t, r, options, on_record, &g, &f->bytes_read, &started, &failure)) {
        if (!started || g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_INVALID)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return NULL;
        }
        if (!cover_failure(f, failure, error))
            return NULL;
    }
    if (!cover_served(f, t, error))
        return NULL;
    frame_finish(f);
    return g_steal_pointer(&f);
}

struct frame *inspect_frame(struct inspect_target *t, const struct inspect_options *options,
                            GError **error)
{
    return gather(t, TASK_FRAME, options, error);
}

struct frame *inspect_volumes(struct inspect_target *t, const struct inspect_options *options,
                              GError **error)
{
    return gather(t, TASK_VOLUMES, options, error);
}

/* --- files -------------------------------------------------------------------------------------
 */

struct listing {
    frame_file_func func;
    inspect_coverage_func coverage;
    void *user;
    FILE *out; /* of a copy */
    struct arena *scratch;
};

static bool on_coverage(struct listing *l, struct cursor *payload, GError **error)
{
    struct frame_coverage c = { 0 };
    if (!frame_wire_decode(FRAME_COVERAGE, payload, l->scratch, &c, error))
        return false;
    if (c.state == COVERAGE_PARTIAL || c.state == COVERAGE_UNREADABLE)
        l->coverage(&c, l->user);
    return true;
}

static bool on_listed(unsigned kind, struct cursor payload, void *user, GError **error)
{
    struct listing *l = user;
    struct frame_file file = { 0 };
    arena_clear(l->scratch);
    if (kind == FRAME_COVERAGE)
        return on_coverage(l, &payload, error);
    if (kind == FRAME_VOLUME)
        return true;
    if (kind == CHANNEL_DATA && l->out != NULL)
        return fwrite(payload.data + payload.pos, 1, cursor_left(&payload), l->out) ==
                   cursor_left(&payload) ||
               fail_errno(error, errno, "writing");
    if (kind != FRAME_FILE || l->func == NULL)
        return fail_corrupt(error, "the inspector sent a message of unexpected kind %u", kind);
    return frame_wire_decode(FRAME_FILE, &payload, l->scratch, &file, error) &&
           (l->func(&file, l->user) || fail(error, ASSAY_ERROR_IO, "the listing was ended"));
}

static bool run_listing(struct inspect_target *t, const struct request *r,
                        const struct inspect_options *options, struct listing *l, GError **error)
{
    uint64_t bytes_read;
    bool started;
    g_autoptr(arena) scratch = arena_new(LIMIT_FRAME_MEMORY);
    l->scratch = scratch;
    bool ok = inspector_run(t, r, options, on_listed, l, &bytes_read, &started, error);
    for (unsigned i = 0; i < t->disks->len; i++) {
        const struct target_disk *d = g_ptr_array_index(t->disks, i);
        g_autoptr(GError) why = d->served != NULL ? block_export_error(d->served) : NULL;
        if (!ok && error != NULL && why != NULL) {
            /* The inspector knows only that it could not be read. */
            g_clear_error(error);
            g_propagate_error(error, g_steal_pointer(&why));
        }
    }
    return ok;
}

static void set_place(struct request *r, const struct inspect_place *place)
{
    r->volume = g_strdup(place->volume);
    r->system = g_strdup(place->system);
    r->path = g_strdup(place->path);
}

bool inspect_list(struct inspect_target *t, const struct inspect_options *options,
                  const struct inspect_list_options *list, frame_file_func func,
                  inspect_coverage_func coverage, void *user, GError **error)
{
    g_autoptr(request) r = request_of(t, TASK_LIST, options);
    struct listing l = { .func = func, .coverage = coverage, .user = user };
    set_place(r, &list->place);
    r->recursive = list->recursive;
    r->hash = list->hash;
    r->types = list->types;
    return run_listing(t, r, options, &l, error);
}

bool inspect_copy(struct inspect_target *t, const struct inspect_options *options,
                  const struct inspect_place *place, FILE *out, inspect_coverage_func coverage,
                  void *user, GError **error)
{
    g_autoptr(request) r = request_of(t, place != NULL ? TASK_COPY_FILE : TASK_COPY_DISK, options);
    struct listing l = { .coverage = coverage, .user = user, .out = out };
    if (place != NULL)
        set_place(r, place);
    return run_listing(t, r, options, &l, error);
}

/* --- sandbox -----------------------------------------------------------------------------------
 */

static bool on_text(unsigned kind, struct cursor payload, void *user, GError **error)
{
    if (kind != CHANNEL_TEXT)
        return fail_corrupt(error, "the inspector sent a message of unexpected kind %u", kind);
    g_string_append_len(user, (const char *)payload.data + payload.pos,
                        (gssize)cursor_left(&payload));
    return true;
}

bool inspect_sandbox_check(FILE *out, GError **error)
{
    const struct inspect_options options = { .timeout = 30 };
    g_autoptr(inspect_target) none = inspect_target_open(NULL, 0, &options, error);
    if (none == NULL)
        return false;
    g_autoptr(request) r = request_of(none, TASK_CHECK_SANDBOX, &options);
    g_autoptr(GString) text = g_string_new(NULL);
    uint64_t bytes_read;
    bool started;
    if (!inspector_run(none, r, &options, on_text, text, &bytes_read, &started, error))
        return false;
    (void)fputs(text->str, out);
    return strstr(text->str, "POSSIBLE") == NULL;
}
