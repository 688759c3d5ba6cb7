/* One run of an introspection's job, step by step.
 *
 * Whatever way it ends, it drops what it made. When it is killed, the next run, or the one that
 * gives the job up, finds the handles in the row and drops what they name. */
#include "base/error.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "frame/formats.h"
#include "inspect/inspect.h"
#include "introspect/judge.h"
#include "introspect/kept.h"
#include "introspect/pace.h"
#include "introspect/tell.h"
#include "introspect/unchanged.h"

/* What is made on the way. */
struct outcome {
    struct frame *frame;
    struct kept_frame_body *body;
    struct kept_frame *reused; /* instead of both */
    struct judging *judging;
    char *identities, *reads;
};

static void outcome_done(struct outcome *o)
{
    frame_free(o->frame);
    kept_frame_body_free(o->body);
    kept_frame_free(o->reused);
    judging_free(o->judging);
    g_free(o->identities);
    g_free(o->reads);
}

/* --- inspecting --------------------------------------------------------------------------------
 */

static bool wanted(void *user)
{
    const struct course *c = user;
    return c->run->wanted(c->run);
}

static bool may_open(const char *path, void *user)
{
    const struct course *c = user;
    return project_may_examine(c->project, path, NULL);
}

/* A backing file, which may lie in another pool than the disk. */
static struct block *guard(struct block *file, void *user)
{
    const struct course *c = user;
    g_autoptr(throttle) pool = views_pool_rate(c, file->name);
    struct throttle *const both[] = { c->rate, pool };
    return block_throttle_new(file, both, G_N_ELEMENTS(both));
}

static void on_progress(const struct inspect_progress *p, void *user)
{
    const struct course *c = user;
    struct json_writer w;
    jw_init(&w, NULL, true);
    jw_object_begin(&w, NULL);
    jw_string(&w, "step", c->row->step);
    jw_string(&w, "phase", p->phase);
    jw_u64(&w, "bytes_read", p->bytes_read);
    jw_u64(&w, "files", p->files);
    jw_object_end(&w);
    g_autoptr(GString) text = jw_take(&w);
    g_string_free(w.buffer, TRUE);
    c->run->progress(c->run, g_strchomp(text->str));
}

/* The disks as the inspector reads them: no faster than is allowed, and remembered. */
static struct inspect_target *open_target(const struct course *c, struct views *v,
                                          const struct inspect_options *options, GError **error)
{
    g_autofree struct inspect_source *sources = g_new0(struct inspect_source, v->disks->len);
    for (guint i = 0; i < v->disks->len; i++) {
        const struct snapshot_disk *d = g_ptr_array_index(v->disks, i);
        g_autoptr(throttle) pool = views_pool_rate(c, d->name);
        struct throttle *const both[] = { c->rate, pool };
        g_autoptr(block) slow = block_throttle_new(d->bytes, both, G_N_ELEMENTS(both));
        struct block *recorder = block_recorder_new(slow);
        g_ptr_array_add(v->recorders, recorder);
        sources[i] =
            (struct inspect_source){ .block = recorder,
                                     .name = d->name,
                                     .path = d->path,
                                     .format =
                                         d->format != NULL ? d->format : c->reach.snapshot.format,
                                     .note = d->note };
    }
    return inspect_target_of_blocks(sources, v->disks->len, options, error);
}

/* Whether the inspector came to its own end: not what it found, but that nothing stopped it. */
static bool inspected_whole(const struct frame *f)
{
    const char *io = assay_error_name(ASSAY_ERROR_IO);
    for (guint i = 0; i < f->coverage->len; i++) {
        const struct frame_coverage *c = g_ptr_array_index(f->coverage, i);
        bool failed = c->state == COVERAGE_PARTIAL || c->state == COVERAGE_UNREADABLE;
        if (failed && (g_str_equal(c->kind, "target") || g_strcmp0(c->code, io) == 0))
            return false;
    }
    return true;
}

/* What was not read must not pass for gone: another run may read it. What the last one cannot read
 * either, its frame tells of. */
static bool read_enough(const struct course *c, const struct inspect_target *target, GError **error)
{
    g_autoptr(GError) why = inspect_target_failure(target);
    return why == NULL || queue_last_run(c->run->job, &c->run->settings->limits) ||
           fail(error, ASSAY_ERROR_IO, "%s", why->message);
}

static bool inspect(struct course *c, struct views *v, struct outcome *o, GError **error)
{
    const struct inspect_options options = {
        .references = INSPECT_REFERENCES_ANY,
        .with_files = json_is_true(json_object_get(c->reach.options, "files")),
        .memory = c->run->settings->inspector_memory,
        .timeout = c->run->settings->inspector_seconds,
        .progress = on_progress,
        .wanted = wanted,
        .may_open = may_open,
        .guard = guard,
        .user = c,
        .refuse_used = !c->reach.snapshot.crash_consistent,
    };
    if (!course_step(c, "open", error))
        return false;
    g_autoptr(inspect_target) target = open_target(c, v, &options, error);
    if (target == NULL || !course_step(c, "inspect", error))
        return false;
    o->frame = inspect_frame(target, &options, error);
    if (o->frame == NULL)
        return false;
    if (!c->run->wanted(c->run))
        return worker_stopped(error);
    if (!views_verify(v, error) || !read_enough(c, target, error))
        return false;
    bool whole = inspected_whole(o->frame) && inspect_target_references(target) == 0;
    c->row->bytes_read = (int64_t)o->frame->bytes_read;
    o->identities = views_identities(v);
    o->reads = unchanged_reads(c, v, whole);
    return true;
}

/* --- snapshots ---------------------------------------------------------------------------------
 */

/* What cannot be dropped now does not spoil what was found: the sweep tries again. */
static void tell_left(const struct course *c, const char *step, const GError *failure)
{
    log_line("warning", "introspection %s: %s: %s; tried again later", c->row->id, step,
             failure->message);
}

static enum snapshot_use use_of(const struct outcome *o)
{
    return o->reused != NULL  ? SNAPSHOT_NOT_USED
           : o->reads != NULL ? SNAPSHOT_COMPARED
                              : SNAPSHOT_USED;
}

static bool drop(struct course *c, struct views **v, const struct outcome *o, GError **error)
{
    g_autoptr(GError) failure = NULL;
    bool changed;
    if (!course_step(c, "drop", error))
        return false;
    g_clear_pointer(v, views_free);
    bool dropped = course_drop(c->run->settings, c->run->db, c->row, use_of(o), &changed, &failure);
    pace_release(c, true);
    if (!dropped)
        tell_left(c, "drop", failure);
    return course_save(c, NULL, error);
}

/* Views of the disks, unless the frame that is kept still holds: then *views is NULL. */
static bool look(struct course *c, struct views **v, struct outcome *o, GError **error)
{
    g_autoptr(GError) failure = NULL;
    bool same = false;
    if (!course_step(c, "snapshot", error))
        return false;
    g_autoptr(kept_frame) kept = c->row->fresh ? NULL : unchanged_candidate(c, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (kept != NULL && !unchanged_by_storage(c, kept, &same, error))
        return false;
    if (!same) {
        pace_hold(c);
        *v = views_make(c, error);
        /* Storage that does not answer is not spared by a pause after it does again. */
        if (*v == NULL || !views_hold(*v))
            pace_release(c, false);
        if (*v == NULL)
            return false;
        same = kept != NULL && unchanged_by_identity(kept, *v);
    }
    if (same)
        o->reused = g_steal_pointer(&kept);
    return true;
}

/* --- the frame ---------------------------------------------------------------------------------
 */

static bool pack(struct course *c, struct outcome *o, GError **error)
{
    char *text = NULL;
    size_t len = 0;
    if (!course_step(c, "frame", error))
        return false;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return fail(error, ASSAY_ERROR_IO, "no memory for the frame");
    bool ok = frame_format_find("json")->write(o->frame, out, error);
    ok = fclose(out) == 0 && ok;
    o->body = ok ? kept_frame_pack(text, len, error) : NULL;
    free(text);
    return o->body != NULL;
}

static bool match(struct course *c, struct outcome *o, GError **error)
{
    if (!course_step(c, "match", error))
        return false;
    o->judging = judging_new(c->run->db, c->run->settings->advisories, o->frame, error);
    return o->judging != NULL;
}

/* --- the end -----------------------------------------------------------------------------------
 */

struct ending {
    struct course *course;
    const struct outcome *outcome;
    const char *left; /* handles of what could not be dropped */
};

static char *places_json(const struct course *c)
{
    json_t *array = json_array();
    for (guint i = 0; i < c->places->len; i++)
        (void)json_array_append_new(array, json_string(g_ptr_array_index(c->places, i)));
    char *text = json_dumps(array, JSON_COMPACT);
    char *copy = g_strdup(text);
    free(text);
    json_decref(array);
    return copy;
}

static bool keep_frame(struct sql *db, struct course *c, const struct outcome *o, const char *left,
                       GError **error)
{
    g_autofree char *places = places_json(c);
    if (!kept_pass_on(db, c, left, places, o->identities, error))
        return false;
    const struct kept_frame_values values = { .kind = c->row->kind,
                                              .thing = c->thing,
                                              .introspection = c->row->id,
                                              .locations = places,
                                              .identities = o->identities,
                                              .reads = o->reads };
    g_free(c->row->frame);
    c->row->frame = kept_frame_add(db, &values, o->body, error);
    const int64_t set = c->run->settings->frames_kept;
    return c->row->frame != NULL &&
           kept_frame_trim(db, c->thing->id, set > 0 ? set : KEPT_FRAMES_USUAL, error);
}

static bool tell_judgement(struct sql *db, struct course *c, const struct outcome *o,
                           GError **error)
{
    struct judged judged = { 0 };
    bool ok = o->reused != NULL ? judging_repeat(db, c->thing->id, &judged, error)
                                : judging_keep(db, o->judging, c->row->kind, c->thing,
                                               c->row->frame, &judged, error);
    if (!ok)
        return false;
    g_free(c->row->summary);
    g_free(c->row->changes);
    g_free(c->row->coverage);
    c->row->summary = g_steal_pointer(&judged.summary);
    c->row->changes = g_steal_pointer(&judged.changes);
    c->row->coverage = g_strdup(judged.coverage);
    return true;
}

/* In the transaction that ends the job: all of it, or nothing. May be run again. */
static bool end(struct sql *db, void *user, GError **error)
{
    struct ending *e = user;
    struct course *c = e->course;
    if (e->outcome->reused != NULL) {
        g_free(c->row->frame);
        c->row->frame = g_strdup(e->outcome->reused->id);
    } else if (!keep_frame(db, c, e->outcome, e->left, error)) {
        return false;
    }
    return tell_judgement(db, c, e->outcome, error) && introspection_save(db, c->row, error) &&
           introspect_tell(db, c->row, "finished", error);
}

static bool finish(struct course *c, const struct outcome *o, bool *mine, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *handles = g_strdup(c->row->handles);
    if (use_of(o) == SNAPSHOT_COMPARED && !course_keep(c, &failure))
        tell_left(c, "keep", failure);
    g_autofree char *left = g_strdup(c->row->handles);
    struct ending e = { .course = c, .outcome = o, .left = left };
    g_autofree char *result = g_strdup_printf("{\"introspection\":\"%s\"}", c->row->id);
    course_end_step(c);
    g_free(c->row->step);
    c->row->step = g_strdup("");
    g_clear_pointer(&c->row->reason, g_free);
    c->row->state = INTROSPECTION_DONE;
    c->row->finished = store_now();
    c->row->reused = o->reused != NULL;
    bool ok = queue_done(c->run->db, c->run->job, result, end, &e, mine, error);
    if (!ok || !*mine) { /* then nothing stays, either */
        g_free(c->row->handles);
        c->row->handles = g_steal_pointer(&handles);
    }
    return ok;
}

/* --- the run -----------------------------------------------------------------------------------
 */

/* Before anything is waited for: what a run before left costs as long as it is there. */
static bool clear_left(struct course *c, GError **error)
{
    bool changed;
    if (c->row->state == INTROSPECTION_QUEUED && g_str_equal(c->row->handles, "[]"))
        return true;
    g_free(c->row->step);
    c->row->step = g_strdup("");
    if (!course_drop_later(c->run->db, c->row, error))
        return false;
    if (!course_drop(c->run->settings, c->run->db, c->row, SNAPSHOT_NOT_USED, &changed, error)) {
        g_prefix_error(error, "clearing away what a run before left: ");
        return false;
    }
    c->row->state = INTROSPECTION_QUEUED;
    return course_save(c, NULL, error);
}

static bool begin(struct course *c, GError **error)
{
    c->row->state = INTROSPECTION_RUNNING;
    c->row->started = store_now();
    g_free(c->row->steps);
    c->row->steps = g_strdup("[]");
    g_free(c->row->step);
    c->row->step = g_strdup("");
    return course_save(c, "started", error);
}

/* What was read and held is paid for by those who come next, however this ended. */
static void charge(struct course *c)
{
    g_autoptr(GError) failure = NULL;
    if (!pace_charge(c, &failure))
        log_line("warning", "introspection %s: %s", c->row->id, failure->message);
}

/* All but the end. */
static bool go(struct course *c, struct views **v, struct outcome *o, GError **error)
{
    if (!begin(c, error) || !look(c, v, o, error))
        return false;
    if (o->reused == NULL && !inspect(c, *v, o, error))
        return false;
    if (*v != NULL && !drop(c, v, o, error))
        return false;
    if (o->reused == NULL && (!pack(c, o, error) || !match(c, o, error)))
        return false;
    return course_step(c, "report", error);
}

/* The reason has the thing's name and the step before it. */
static void explain(const struct course *c, GError **error)
{
    g_prefix_error(error, "%s '%s': %s%s", thing_kind_name(c->row->kind), c->row->thing_name,
                   c->row->step, c->row->step[0] != '\0' ? ": " : "");
}

/* After a failure, or when it is not wanted any more: another run begins from the start, or the job
 * is given up (introspect_abandon()). What cannot be dropped now is left to those. */
static void undo(struct course *c, const GError *failure)
{
    g_autoptr(GError) error = NULL;
    bool changed;
    if (!course_drop(c->run->settings, c->run->db, c->row, SNAPSHOT_NOT_USED, &changed, &error))
        log_line("warning", "introspection %s: %s", c->row->id, error->message);
    g_clear_error(&error);
    g_free(c->row->reason);
    c->row->reason = worker_is_stopped(failure) ? NULL : g_strdup(failure->message);
    g_clear_pointer(&c->row->frame, g_free);
    c->row->state = INTROSPECTION_QUEUED;
    c->row->finished = 0;
    if (!course_save(c, NULL, &error) && !worker_is_stopped(error))
        log_line("warning", "introspection %s: %s", c->row->id, error->message);
}

enum job_outcome introspect_run(struct job_run *run, GError **error)
{
    g_autoptr(GError) failure = NULL;
    struct outcome o = { 0 };
    struct views *v = NULL;
    bool mine = true;
    g_autoptr(course) c = course_new(run, error);
    if (c == NULL)
        return JOB_FAILED;
    bool later = false;
    bool ok = clear_left(c, &failure) && pace_wait(c, &later, &failure);
    if (later && ok)
        return JOB_LATER;
    pace_begin(c);
    ok = ok && go(c, &v, &o, &failure);
    if (ok) {
        charge(c);
        ok = finish(c, &o, &mine, &failure);
    }
    g_clear_pointer(&v, views_free);
    if (!ok || !mine) {
        /* Whatever was interrupted says so in its own words. */
        if ((ok && !mine) || !run->wanted(run)) {
            g_clear_error(&failure);
            (void)worker_stopped(&failure);
        }
        explain(c, &failure);
        undo(c, failure);
        pace_release(c, true);
        charge(c);
        g_propagate_error(error, g_steal_pointer(&failure));
    }
    outcome_done(&o);
    return ok && mine ? JOB_DONE : JOB_FAILED;
}
