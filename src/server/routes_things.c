/* Nodes and images: the calls are the same, a few words differ. */
#include <string.h>

#include "base/error.h"
#include "introspect/introspect.h"
#include "server/introspection_json.h"
#include "server/routes.h"
#include "store/findings.h"
#include "store/things.h"
#include "watch/folder_file.h"

static const struct {
    const char *where, *kind, *usual; /* members, and the kind when none is given */
} words[THING_KIND_COUNT] = {
    [THING_NODE] = { "disks", "source", "own" },
    [THING_IMAGE] = { "location", "kind", NULL },
};

static enum thing_kind kind_of(const struct call *c)
{
    return (enum thing_kind)c->route->subject;
}

/* What is known of things, for their lists. */
struct known {
    GHashTable *facts, *introspections; /* identifier of the thing -> ... */
};

static void known_done(struct known *k)
{
    g_clear_pointer(&k->facts, g_hash_table_unref);
    g_clear_pointer(&k->introspections, g_hash_table_unref);
}

static bool known_read(struct call *c, GPtrArray *things, guint count, struct known *out,
                       GError **error)
{
    g_autofree const char **ids = g_new0(const char *, count + 1);
    for (guint i = 0; i < count; i++)
        ids[i] = ((const struct thing *)g_ptr_array_index(things, i))->id;
    *out = (struct known){ .facts = thing_facts_of(c->db, &c->caller, ids, count, error) };
    if (out->facts != NULL)
        out->introspections = introspection_last_of(c->db, ids, count, error);
    if (out->introspections != NULL)
        return true;
    known_done(out);
    return false;
}

/* "report": what its newest frame says by the newest advisories; null before the first. */
static void write_facts(struct json_writer *w, const struct thing_facts *f)
{
    if (f == NULL) {
        jw_null(w, "report");
        return;
    }
    jw_object_begin(w, "report");
    jw_string(w, "frame", f->frame);
    call_write_time(w, "examined", f->examined);
    call_write_time(w, "judged", f->judged);
    call_write_json(w, "summary", f->summary);
    call_write_json(w, "advisories", f->advisories);
    jw_object_end(w);
}

static void write_thing(struct json_writer *w, enum thing_kind kind, const struct thing *t,
                        const struct known *k)
{
    jw_object_begin(w, NULL);
    jw_string(w, "id", t->id);
    jw_string(w, "project", t->project);
    jw_string(w, "name", t->name);
    call_write_json(w, words[kind].where, t->where);
    jw_string(w, words[kind].kind, t->kind);
    call_write_json(w, "labels", t->labels);
    jw_string(w, "schedule", t->schedule[0] != '\0' ? t->schedule : NULL);
    call_write_json(w, "options", t->options);
    call_write_time(w, "next_due", t->next_due < INT64_MAX ? t->next_due : 0);
    call_write_time(w, "created", t->created);
    introspection_write_short(w, "introspection", g_hash_table_lookup(k->introspections, t->id));
    write_facts(w, g_hash_table_lookup(k->facts, t->id));
    jw_object_end(w);
}

/* What lies behind a location may be the server's own or another project's, so a project has a list
 * of what may be named, by administrators, too: what is not in it would be refused when it is
 * examined. And secrets do not belong in it, since it is shown to all members. */
static bool may_name(const struct call *c, const char *location, GError **error)
{
    const char *rest = strstr(location, "://");
    const char *at = rest != NULL ? strchr(rest, '@') : NULL, *slash = NULL;
    if (rest != NULL)
        slash = strchr(rest + 3, '/');
    if (at != NULL && (slash == NULL || at < slash))
        return problem(error, 422, "a location holds no user and password");
    return project_may_examine(c->project, location, error);
}

/* Of a watched folder, its files: whoever may name them all may have it watched. */
static bool may_watch(const struct call *c, const char *location, GError **error)
{
    g_autofree char *path = NULL, *pattern = NULL;
    if (!folder_location(location, &path, &pattern, error))
        return false;
    g_autofree char *files = g_strconcat(path, pattern != NULL ? pattern : "*", NULL);
    return may_name(c, files, error);
}

static bool may_name_all(const struct call *c, const char *kind, const json_t *where,
                         GError **error)
{
    json_t *one;
    size_t i;
    if (json_is_string(where) && g_str_equal(kind, "folder"))
        return may_watch(c, json_string_value(where), error);
    if (json_is_string(where))
        return may_name(c, json_string_value(where), error);
    json_array_foreach(where, i, one) {
        if (!may_name(c, json_string_value(one), error))
            return false;
    }
    return true;
}

static bool location_fits(const char *kind, const char *location, GError **error)
{
    g_autofree char *path = NULL, *pattern = NULL;
    if (g_str_equal(kind, "folder"))
        return folder_location(location, &path, &pattern, error);
    if (g_str_equal(kind, "file") && location[0] != '/')
        return fail(error, ASSAY_ERROR_INVALID, "'%s': a file has an absolute path", location);
    return !g_str_equal(kind, "rbd") || g_str_has_prefix(location, "rbd:") ||
           fail(error, ASSAY_ERROR_INVALID, "'%s': an RBD image is rbd:POOL/IMAGE", location);
}

/* Of an image as it will be; where NULL: that of before, which is JSON text. */
static bool image_valid(enum thing_kind what, const char *kind, const json_t *where,
                        const char *before, GError **error)
{
    if (what != THING_IMAGE)
        return true;
    json_t *old = where == NULL ? json_loads(before, JSON_DECODE_ANY, NULL) : NULL;
    const char *location = json_string_value(where != NULL ? where : old);
    bool ok = location == NULL || location_fits(kind, location, error);
    json_decref(old);
    return ok;
}

/* What the options become: members that are not there stay as they are, null takes one away. NULL
 * when the body does not speak of them; g_free() */
static char *options_of(const struct call *c, const char *old)
{
    const json_t *given = json_object_get(c->body, "options");
    json_t *all, *value;
    const char *key;
    if (given == NULL)
        return NULL;
    all = json_loads(old, 0, NULL);
    json_object_foreach((json_t *)given, key, value) {
        if (json_is_null(value))
            (void)json_object_del(all, key);
        else
            (void)json_object_set(all, key, value);
    }
    char *text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(all);
    return text;
}

static struct thing *find(struct call *c, GError **error)
{
    enum thing_kind kind = kind_of(c);
    return thing_find(c->db, kind, &c->caller, c->project->id,
                      call_parameter(c, thing_kind_name(kind)), error);
}

static bool answer(struct call *c, const char *id, GError **error)
{
    enum thing_kind kind = kind_of(c);
    g_autoptr(thing) t = thing_find(c->db, kind, &c->caller, c->project->id, id, error);
    struct known k;
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    if (t == NULL)
        return false;
    g_ptr_array_add(one, t);
    if (!known_read(c, one, 1, &k, error))
        return false;
    write_thing(&c->out, kind, t, &k);
    known_done(&k);
    return call_version_and_content(c, t->version);
}

static bool list(struct call *c, GError **error)
{
    struct store_page page;
    enum thing_kind kind = kind_of(c);
    if (!call_page(c, &page, error))
        return false;
    g_autoptr(GPtrArray) things = thing_list(
        c->db, kind, &c->caller, c->project != NULL ? c->project->id : NULL, &page, error);
    if (things == NULL)
        return false;
    const struct thing *last = NULL;
    struct known k;
    guint count = call_list_count(things, &page);
    if (!known_read(c, things, count, &k, error))
        return false;
    call_list_begin(c);
    for (guint i = 0; i < count; i++) {
        last = g_ptr_array_index(things, i);
        write_thing(&c->out, kind, last, &k);
    }
    known_done(&k);
    call_list_end(c, count < things->len ? last->id : NULL);
    return true;
}

static bool create(struct call *c, GError **error)
{
    enum thing_kind kind = kind_of(c);
    g_autofree char *where = call_json(c, words[kind].where), *labels = call_json(c, "labels");
    g_autofree char *options = options_of(c, "{}");
    const char *schedule = call_text(c, "schedule"), *of = call_text(c, words[kind].kind);
    const struct thing_values v = { .name = call_text(c, "name"),
                                    .where = where,
                                    .kind = of != NULL ? of : words[kind].usual,
                                    .labels = labels != NULL ? labels : "{}",
                                    .schedule = schedule != NULL ? schedule : "",
                                    .options = options };
    if (!image_valid(kind, v.kind, json_object_get(c->body, words[kind].where), NULL, error) ||
        !may_name_all(c, v.kind, json_object_get(c->body, words[kind].where), error))
        return false;
    g_autofree char *id = thing_create(c->db, kind, c->project->id, &v, error);
    if (id == NULL)
        return false;
    call_created(c, "/v1/projects/%s/%ss/%s", c->project->id, thing_kind_name(kind), id);
    return answer(c, id, error);
}

static bool show(struct call *c, GError **error)
{
    return answer(c, call_parameter(c, thing_kind_name(kind_of(c))), error);
}

static bool change(struct call *c, GError **error)
{
    int64_t version;
    enum thing_kind kind = kind_of(c);
    const json_t *schedule = json_object_get(c->body, "schedule");
    g_autofree char *where = call_json(c, words[kind].where), *labels = call_json(c, "labels");
    g_autoptr(thing) t = find(c, error);
    if (t == NULL)
        return false;
    g_autofree char *options = options_of(c, t->options);
    const struct thing_values v = { .name = call_text(c, "name"),
                                    .where = where,
                                    .kind = call_text(c, words[kind].kind),
                                    .labels = labels,
                                    .schedule =
                                        json_is_null(schedule) ? "" : json_string_value(schedule),
                                    .options = options };
    const json_t *new = json_object_get(c->body, words[kind].where);
    const char *of = v.kind != NULL ? v.kind : t->kind;
    return image_valid(kind, of, new, t->where, error) && may_name_all(c, of, new, error) &&
           call_if_match(c, &version, error) &&
           thing_change(c->db, kind, c->project->id, t->id, version, &v, error) &&
           answer(c, t->id, error);
}

static bool delete (struct call *c, GError **error)
{
    int64_t version;
    g_autoptr(thing) t = find(c, error);
    return t != NULL && call_if_match(c, &version, error) && introspect_forget(c->db, t, error) &&
           thing_delete(c->db, kind_of(c), c->project->id, t->id, version, error) &&
           call_no_content(c);
}

#define ROUTES(all, of_project, one, kind)                                                         \
    { "GET", all, ACCESS_USER, SCOPE_READ, list, 0, kind },                                        \
        { "GET", of_project, ACCESS_VIEWER, SCOPE_READ, list, 0, kind },                           \
        { "POST", of_project, ACCESS_OPERATOR, SCOPE_WRITE, create, 0, kind },                     \
        { "GET", one, ACCESS_VIEWER, SCOPE_READ, show, 0, kind },                                  \
        { "PATCH", one, ACCESS_OPERATOR, SCOPE_WRITE, change, 0, kind },                           \
    {                                                                                              \
        "DELETE", one, ACCESS_OPERATOR, SCOPE_WRITE, delete, 0, kind                               \
    }

const struct route routes_things[] = {
    ROUTES("/v1/nodes", "/v1/projects/{project}/nodes", "/v1/projects/{project}/nodes/{node}",
           THING_NODE),
    ROUTES("/v1/images", "/v1/projects/{project}/images", "/v1/projects/{project}/images/{image}",
           THING_IMAGE),
    { NULL },
};
