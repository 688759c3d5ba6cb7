#include "introspect/course.h"

#include "base/error.h"
#include "introspect/rates.h"
#include "introspect/tell.h"
#include "store/credentials.h"
#include "store/drops.h"

/* --- what is examined, and how -----------------------------------------------------------------
 */

static const char *option_text(const struct reach *r, const char *name)
{
    return json_string_value(json_object_get(r->options, name));
}

bool reach_init(struct reach *r, const struct worker_settings *settings, struct sql *db,
                const struct thing *thing, GError **error)
{
    *r = (struct reach){ .snapshot = { .settings = &settings->snapshots } };
    r->options = json_loads(thing->options, 0, NULL);
    r->snapshot.format = option_text(r, "format");
    r->snapshot.crash_consistent = json_is_true(json_object_get(r->options, "crash_consistent"));
    r->snapshot.quiesce = option_text(r, "quiesce");
    const char *credential = option_text(r, "credential");
    if (credential == NULL)
        return true;
    r->secret = credential_secret(db, settings->seal, thing->project, credential, error);
    r->snapshot.secret = r->secret;
    if (r->secret == NULL)
        g_prefix_error(error, "credential '%s': ", credential);
    return r->secret != NULL;
}

void reach_done(struct reach *r)
{
    json_decref(r->options);
    seal_forget(r->secret);
}

GPtrArray *course_places(const struct thing *t, GError **error)
{
    g_autoptr(GPtrArray) places = g_ptr_array_new_with_free_func(g_free);
    json_t *where = json_loads(t->where, JSON_DECODE_ANY, NULL), *one;
    size_t i;
    if (json_is_string(where))
        g_ptr_array_add(places, g_strdup(json_string_value(where)));
    json_array_foreach(where, i, one) {
        if (json_is_string(one))
            g_ptr_array_add(places, g_strdup(json_string_value(one)));
    }
    json_decref(where);
    if (places->len > 0)
        return g_steal_pointer(&places);
    (void)fail(error, ASSAY_ERROR_INVALID, "it has no disk");
    return NULL;
}

static bool read_identifier(const struct job *j, char **id, GError **error)
{
    json_t *payload = json_loads(j->payload, 0, NULL);
    *id = g_strdup(json_string_value(json_object_get(payload, "introspection")));
    json_decref(payload);
    return *id != NULL || fail(error, ASSAY_ERROR_INVALID, "job %s: names no introspection", j->id);
}

/* Rights may have changed since it was asked for. */
static bool check_places(const struct course *c, GError **error)
{
    if (!introspect_possible(c->row->kind, c->thing, error))
        return false;
    for (guint i = 0; i < c->places->len; i++) {
        if (!project_may_examine(c->project, g_ptr_array_index(c->places, i), error))
            return false;
    }
    return true;
}

static bool wanted(void *user)
{
    const struct course *c = user;
    return c->run->wanted(c->run);
}

static bool load(struct course *c, GError **error)
{
    struct sql *db = c->run->db;
    g_autofree char *id = NULL;
    if (!read_identifier(c->run->job, &id, error))
        return false;
    c->row = introspection_find(db, &caller_service, id, error);
    if (c->row == NULL)
        return false;
    c->project = project_find(db, &caller_service, c->row->project, error);
    if (c->project == NULL)
        return false;
    c->thing = thing_find(db, c->row->kind, &caller_service, c->row->project, c->row->thing, error);
    if (c->thing == NULL)
        return false;
    c->places = course_places(c->thing, error);
    if (c->places == NULL || !reach_init(&c->reach, c->run->settings, db, c->thing, error))
        return false;
    c->reach.snapshot.deep = c->row->deep;
    c->reach.snapshot.wanted = wanted;
    c->reach.snapshot.user = c;
    c->own_limit = rates_one(c->run->settings->rates, c->reach.options);
    c->pool_limit = rates_pool(c->run->settings->rates);
    c->rate = rates_throttle(c->run->settings->rates, c->own_limit);
    return true;
}

char *course_pool(const struct course *c, const char *place)
{
    const struct snapshot_driver *d = snapshot_driver_of(place, NULL);
    return d != NULL && d->pool != NULL ? d->pool(place, &c->reach.snapshot) : NULL;
}

struct course *course_new(struct job_run *run, GError **error)
{
    struct course *c = g_new0(struct course, 1);
    c->run = run;
    if (load(c, error) && check_places(c, error))
        return c;
    if (c->row != NULL)
        g_prefix_error(error, "%s '%s': ", thing_kind_name(c->row->kind), c->row->thing_name);
    course_free(c);
    return NULL;
}

void course_free(struct course *c)
{
    if (c == NULL)
        return;
    introspection_free(c->row);
    project_free(c->project);
    thing_free(c->thing);
    reach_done(&c->reach);
    throttle_unref(c->rate);
    if (c->places != NULL)
        g_ptr_array_unref(c->places);
    g_free(c);
}

/* --- steps -------------------------------------------------------------------------------------
 */

struct save {
    const struct course *course;
    const char *event;
    bool held;
};

static bool save(struct sql *db, void *user, GError **error)
{
    struct save *s = user;
    const struct course *c = s->course;
    if (!queue_holds(db, c->run->job, &s->held, error))
        return false;
    return !s->held || (introspection_save(db, c->row, error) &&
                        (s->event == NULL || introspect_tell(db, c->row, s->event, error)));
}

bool course_save(struct course *c, const char *event, GError **error)
{
    struct save s = { .course = c, .event = event };
    return sql_transaction(c->run->db, save, &s, error) && (s.held || worker_stopped(error));
}

void course_end_step(struct course *c)
{
    int64_t now = g_get_monotonic_time();
    if (c->step_begun == 0)
        return;
    json_t *steps = json_loads(c->row->steps, 0, NULL);
    json_t *step = json_pack("{s:s,s:I}", "step", c->row->step, "microseconds",
                             (json_int_t)(now - c->step_begun));
    (void)json_array_append_new(steps, step);
    char *text = json_dumps(steps, JSON_COMPACT);
    g_free(c->row->steps);
    c->row->steps = g_strdup(text != NULL ? text : "[]");
    free(text);
    json_decref(steps);
    c->step_begun = 0;
}

bool course_step(struct course *c, const char *step, GError **error)
{
    if (!c->run->wanted(c->run))
        return worker_stopped(error);
    course_end_step(c);
    g_free(c->row->step);
    c->row->step = g_strdup(step);
    c->step_begun = g_get_monotonic_time();
    return course_save(c, "step", error);
}

/* --- handles -----------------------------------------------------------------------------------
 */

static void set_handles(struct introspection *row, const json_t *array)
{
    char *text = json_dumps(array, JSON_COMPACT);
    g_free(row->handles);
    row->handles = g_strdup(text);
    free(text);
}

void course_set_handles(struct course *c, const GPtrArray *handles)
{
    const char *credential = option_text(&c->reach, "credential");
    json_t *array = json_array();
    for (guint i = 0; handles != NULL && i < handles->len; i++) {
        json_t *handle = json_loads(g_ptr_array_index(handles, i), 0, NULL);
        if (credential != NULL)
            (void)json_object_set_new(handle, "credential", json_string(credential));
        (void)json_array_append_new(array, handle);
    }
    set_handles(c->row, array);
    json_decref(array);
}

bool course_drop_later(struct sql *db, const struct introspection *row, GError **error)
{
    return g_str_equal(row->handles, "[]") || late_drop_add(db, row->id, row->handles, error);
}

/* The secret of the credential with which what the handle names was made; NULL: none, or not any
 * more. seal_forget() */
static char *secret_of(const struct worker_settings *settings, struct sql *db,
                       const struct introspection *row, const json_t *handle)
{
    const char *name = json_string_value(json_object_get(handle, "credential"));
    return name != NULL ? credential_secret(db, settings->seal, row->project, name, NULL) : NULL;
}

enum which { DROP_ALL, DROP_STAYING, DROP_OTHERS };

static bool is_wanted(enum which which, const json_t *handle)
{
    bool stays = json_object_get(handle, "keep") != NULL;
    return which == DROP_ALL || (which == DROP_STAYING) == stays;
}

static bool drop(const struct worker_settings *settings, struct sql *db, struct introspection *row,
                 enum snapshot_use use, enum which which, bool *changed, GError **error)
{
    json_t *handles = json_loads(row->handles, 0, NULL), *left = json_array(), *one;
    bool ok = true;
    size_t i;
    *changed = false;
    json_array_foreach(handles, i, one) {
        if (!is_wanted(which, one)) {
            (void)json_array_append(left, one);
            continue;
        }
        char *handle = json_dumps(one, JSON_COMPACT), *secret = secret_of(settings, db, row, one);
        const struct snapshot_options options = { .settings = &settings->snapshots,
                                                  .secret = secret,
                                                  .use = use };
        if (snapshot_drop(handle, &options, ok ? error : NULL)) {
            *changed = true;
        } else {
            ok = false;
            (void)json_array_append(left, one);
        }
        seal_forget(secret);
        free(handle);
    }
    set_handles(row, left);
    json_decref(left);
    json_decref(handles);
    return ok;
}

bool course_drop(const struct worker_settings *settings, struct sql *db, struct introspection *row,
                 enum snapshot_use use, bool *changed, GError **error)
{
    enum which which = use == SNAPSHOT_COMPARED ? DROP_OTHERS : DROP_ALL;
    return drop(settings, db, row, use, which, changed, error);
}

bool course_keep(struct course *c, GError **error)
{
    bool changed;
    return drop(c->run->settings, c->run->db, c->row, SNAPSHOT_COMPARED, DROP_STAYING, &changed,
                error);
}
