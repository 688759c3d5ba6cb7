#include "watch/openstack.h"

#include <string.h>

#include "base/error.h"
#include "introspect/introspect.h"
#include "store/projects.h"
#include "watch/oslo.h"

#define REMEMBERED (7 * 24 * 3600 * (int64_t)G_USEC_PER_SEC)

/* What is looked at, and where it is when the settings do not say: Cinder's own names. */
static const struct {
    const char *type, *thing, *location;
} kinds[] = {
    { "snapshot.create.end", "snapshot", "rbd:volumes/volume-{volume_id}@snapshot-{snapshot_id}" },
    { "backup.create.end", "backup", "rbd:backups/{base}" },
};

/* --- settings ----------------------------------------------------------------------------------
 */

static bool text_or_nothing(const json_t *source, const char *name, GError **error)
{
    const json_t *member = json_object_get(source, name);
    return member == NULL || (json_is_string(member) && json_string_length(member) > 0) ||
           fail(error, ASSAY_ERROR_INVALID, "openstack.notifications: %s: not a text", name);
}

static bool is_kind(const char *type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_str_equal(kinds[i].type, type))
            return true;
    }
    return false;
}

static bool check_locations(json_t *locations, GError **error)
{
    const char *type;
    json_t *template;
    json_object_foreach(locations, type, template) {
        if (!is_kind(type) || !json_is_string(template))
            return fail(error, ASSAY_ERROR_INVALID,
                        "openstack.notifications: locations: of %s or %s, each a text",
                        kinds[0].type, kinds[1].type);
        if (!oslo_template_valid(json_string_value(template), error)) {
            g_prefix_error(error, "openstack.notifications: ");
            return false;
        }
    }
    return true;
}

static bool check_source(json_t *source, GError **error)
{
    static const char *const members[] = { "url",      "queue",     "exchange", "topic",
                                           "projects", "locations", NULL };
    const char *name, *url = json_string_value(json_object_get(source, "url"));
    json_t *value, *projects = json_object_get(source, "projects");
    json_object_foreach(source, name, value) {
        if (!g_strv_contains(members, name))
            return fail(error, ASSAY_ERROR_INVALID,
                        "openstack.notifications: there is no such setting '%s'", name);
    }
    if (url == NULL || !json_is_object(projects))
        return fail(error, ASSAY_ERROR_INVALID,
                    "openstack.notifications: each has a url and projects");
    json_object_foreach(projects, name, value) {
        if (!json_is_string(value))
            return fail(error, ASSAY_ERROR_INVALID,
                        "openstack.notifications: projects: not the name of one");
    }
    return broker_check(url, error) && text_or_nothing(source, "queue", error) &&
           text_or_nothing(source, "exchange", error) && text_or_nothing(source, "topic", error) &&
           check_locations(json_object_get(source, "locations"), error);
}

bool openstack_check(const json_t *openstack, GError **error)
{
    const char *name;
    json_t *value, *source;
    size_t i;
    json_object_foreach((json_t *)openstack, name, value) {
        if (!g_str_equal(name, "notifications") || !json_is_array(value))
            return fail(error, ASSAY_ERROR_INVALID, "openstack: notifications, a list");
        json_array_foreach(value, i, source) {
            if (!check_source(source, error))
                return false;
        }
    }
    return true;
}

static const char *text_of(const json_t *source, const char *name, const char *usual)
{
    const char *text = json_string_value(json_object_get(source, name));
    return text != NULL ? text : usual;
}

/* With an exchange, a queue of our own: what others consume is not taken from them. */
struct broker_queue openstack_queue(const json_t *source)
{
    const char *exchange = text_of(source, "exchange", NULL);
    const char *topic = text_of(source, "topic", "notifications.info");
    return (struct broker_queue){
        .name = text_of(source, "queue", exchange != NULL ? "assay.notifications" : topic),
        .make = exchange != NULL,
        .exchange = exchange,
        .topic = exchange != NULL ? topic : NULL,
    };
}

/* --- messages ----------------------------------------------------------------------------------
 */

struct taking {
    const json_t *source;
    const struct oslo_event *event;
    size_t kind; /* in kinds[] */
    const char *project;
    enum openstack_end end;
};

/* One that is there for the same snapshot or backup, else a new one. NULL with *error. */
static struct thing *image_of(struct sql *db, const struct taking *t, const char *project,
                              const char *location, GError **error)
{
    const struct oslo_event *e = t->event;
    const char *of = g_str_equal(kinds[t->kind].thing, "backup") ? e->backup : e->snapshot;
    g_autofree char *name =
        g_strdup_printf("%s-%s", kinds[t->kind].thing, of != NULL ? of : e->message);
    g_autoptr(GError) failure = NULL;
    struct thing *found = thing_find(db, THING_IMAGE, &caller_service, project, name, &failure);
    if (found != NULL)
        return found;
    if (!g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    json_t *where = json_string(location);
    json_t *labels =
        json_pack("{s:s, s:s*}", "openstack", kinds[t->kind].thing, "volume", e->volume);
    g_autofree char *where_text = json_dumps(where, JSON_ENCODE_ANY);
    g_autofree char *labels_text = json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(where);
    json_decref(labels);
    const struct thing_values v = { .name = name,
                                    .where = where_text,
                                    .kind = g_str_has_prefix(location, "rbd:") ? "rbd" : "file",
                                    .labels = labels_text,
                                    .schedule = "" };
    g_autofree char *id = thing_create(db, THING_IMAGE, project, &v, error);
    return id != NULL ? thing_find(db, THING_IMAGE, &caller_service, project, id, error) : NULL;
}

static bool ask(struct sql *db, const struct taking *t, GError **error)
{
    const char *template =
        text_of(json_object_get(t->source, "locations"), t->event->type, kinds[t->kind].location);
    g_autofree char *location = oslo_location(template, t->event, error);
    g_autoptr(project) p =
        location != NULL ? project_find(db, &caller_service, t->project, error) : NULL;
    if (p == NULL || !project_may_examine(p, location, error))
        return false;
    g_autoptr(thing) image = image_of(db, t, p->id, location, error);
    g_autofree char *by = g_strconcat("openstack:", t->event->type, NULL);
    const struct introspection_wish wish = {
        .kind = THING_IMAGE, .thing = image, .requested_by = by, .priority = JOB_PRIORITY_SCHEDULED
    };
    g_autofree char *id = image != NULL ? introspect_request(db, &wish, error) : NULL;
    return id != NULL;
}

static bool take(struct sql *db, void *user, GError **error)
{
    struct taking *t = user;
    uint64_t new;
    if (!sql_run(db, &new, error,
                 "INSERT INTO openstack_message (id, time) VALUES ($1, $2)"
                 " ON CONFLICT (id) DO NOTHING",
                 "si", t->event->message, store_now()))
        return false;
    t->end = new == 1 ? OPENSTACK_DONE : OPENSTACK_REPEAT;
    return new == 0 || ask(db, t, error);
}

static enum openstack_end take_event(struct sql *db, const json_t *source,
                                     const struct oslo_event *e, GError **error)
{
    struct taking t = { .source = source, .event = e };
    GError *failure = NULL;
    while (t.kind < G_N_ELEMENTS(kinds) && !g_str_equal(kinds[t.kind].type, e->type))
        t.kind++;
    if (t.kind == G_N_ELEMENTS(kinds) || e->tenant == NULL)
        return OPENSTACK_IGNORED;
    t.project = json_string_value(json_object_get(json_object_get(source, "projects"), e->tenant));
    if (t.project == NULL)
        return OPENSTACK_IGNORED;
    if (sql_transaction(db, take, &t, &failure))
        return t.end;
    bool store = failure->domain == SQL_ERROR;
    g_propagate_prefixed_error(error, failure, "%s of tenant %s: ", e->type, e->tenant);
    return store ? OPENSTACK_FAILED : OPENSTACK_REFUSED;
}

enum openstack_end openstack_take(struct sql *db, const json_t *source, GBytes *body,
                                  GError **error)
{
    struct oslo_event e;
    gsize len = 0;
    const void *data = body != NULL ? g_bytes_get_data(body, &len) : NULL;
    if (body == NULL) {
        (void)fail_limit(error, "notification: too large");
        return OPENSTACK_REFUSED;
    }
    if (!oslo_parse(data != NULL ? data : "", len, &e, error))
        return OPENSTACK_REFUSED;
    enum openstack_end end = take_event(db, source, &e, error);
    oslo_event_clear(&e);
    return end;
}

bool openstack_expire(struct sql *db, GError **error)
{
    return sql_run(db, NULL, error, "DELETE FROM openstack_message WHERE time < $1", "i",
                   store_now() - REMEMBERED);
}
