#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "server/authenticate.h"
#include "server/import.h"
#include "server/routes.h"
#include "server/server.h"
#include "store/credentials.h"
#include "store/things.h"

#define GONE     "import.gone"
#define PAGE     500
#define TOLD_MAX 1000

enum outcome { MADE, CHANGED, SAME, GONE_NOW, REFUSED, OUTCOMES };
static const char *const outcome_names[OUTCOMES] = { "made", "changed", "same", "gone", "refused" };

static const struct source {
    const char *name, *kind; /* kind: the node's source */
    GPtrArray *(*fetch)(struct server *s, const struct import_wish *w, GError **error);
} sources[] = {
    { "hil", "hil", import_from_hil },
    { "m2", "m2", import_from_m2 },
    { "m2-db", "m2", import_from_database },
};

struct merge {
    struct call *call;
    const struct source *source;
    const GPtrArray *found;
    bool dry;
    GHashTable *before; /* name -> struct thing */
    GHashTable *seen;   /* names of what was found */
    guint64 counts[OUTCOMES];
    json_t *told; /* what became of which */
};

/* --- what becomes of a node --------------------------------------------------------------------
 */

static void tell(struct merge *m, const char *name, enum outcome o, const char *reason)
{
    m->counts[o]++;
    if (o == SAME || json_array_size(m->told) >= TOLD_MAX)
        return;
    g_autofree char *safe = text_safe(name);
    json_t *one =
        json_pack("{s:s, s:s, s:s?}", "name", safe, "result", outcome_names[o], "reason", reason);
    if (one != NULL)
        (void)json_array_append_new(m->told, one);
}

static bool is_imported(const char *label)
{
    return g_str_has_prefix(label, "nic.") || g_str_has_prefix(label, "hil.") ||
           g_str_equal(label, GONE);
}

static char *text_of_json(json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(value);
    return text;
}

/* Labels that people gave it stay. free() */
static char *labels_with(const struct thing *old, const json_t *new)
{
    const char *name;
    json_t *value;
    json_t *before = old != NULL ? json_loads(old->labels, 0, NULL) : NULL, *all = json_object();
    json_object_foreach(before, name, value) {
        if (!is_imported(name))
            (void)json_object_set(all, name, value);
    }
    (void)json_object_update(all, (json_t *)new);
    json_decref(before);
    return text_of_json(all);
}

static bool same_json(const char *a, const char *b)
{
    json_t *x = json_loads(a, 0, NULL), *y = json_loads(b, 0, NULL);
    bool same = json_equal(x, y) != 0;
    json_decref(x);
    json_decref(y);
    return same;
}

/* Whether the node may be there; else why not. */
static bool may_be(const struct merge *m, const struct import_node *n, const struct thing *old,
                   GError **error)
{
    const struct call *c = m->call;
    if (!store_name_valid("node", n->name, error))
        return false;
    if (old != NULL && !g_str_equal(old->kind, m->source->kind))
        return fail(error, ASSAY_ERROR_INVALID, "there is one of that name with the source '%s'",
                    old->kind);
    if (n->location == NULL)
        return old != NULL || fail(error, ASSAY_ERROR_INVALID, "no disk of it is known");
    return project_may_examine(c->project, n->location, error);
}

static bool put(struct merge *m, const struct import_node *n, const struct thing *old,
                GError **error)
{
    const char *project = m->call->project->id;
    char *labels = labels_with(old, n->labels);
    char *disks = n->location != NULL ? text_of_json(json_pack("[s]", n->location)) : NULL;
    const struct thing_values v = { .name = n->name,
                                    .where = disks,
                                    .kind = m->source->kind,
                                    .labels = labels,
                                    .schedule = old == NULL ? "" : NULL };
    bool ok = true;
    enum outcome o = old == NULL ? MADE : CHANGED;
    if (old != NULL && same_json(labels, old->labels) &&
        (disks == NULL || same_json(disks, old->where)))
        o = SAME;
    if (!m->dry && o == MADE) {
        g_autofree char *id = thing_create(m->call->db, THING_NODE, project, &v, error);
        ok = id != NULL;
    } else if (!m->dry && o == CHANGED) {
        ok = thing_change(m->call->db, THING_NODE, project, old->id, 0, &v, error);
    }
    if (ok)
        tell(m, n->name, o, NULL);
    free(labels);
    free(disks);
    return ok;
}

static bool put_one(struct merge *m, const struct import_node *n, GError **error)
{
    g_autoptr(GError) reason = NULL;
    const struct thing *old = g_hash_table_lookup(m->before, n->name);
    if (!g_hash_table_add(m->seen, n->name))
        return true; /* told twice */
    if (may_be(m, n, old, &reason))
        return put(m, n, old, error);
    tell(m, n->name, REFUSED, reason->message);
    return true;
}

/* Labels it as gone, unless it is already. */
static bool leave(struct merge *m, const struct thing *old, GError **error)
{
    bool ok = true;
    json_t *labels = json_loads(old->labels, 0, NULL);
    if (labels != NULL && json_object_get(labels, GONE) == NULL) {
        g_autofree char *now = text_time(store_now() / (int64_t)G_USEC_PER_SEC);
        (void)json_object_set_new(labels, GONE, json_string(now));
        char *text = json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS);
        const struct thing_values v = { .labels = text };
        ok = m->dry || thing_change(m->call->db, THING_NODE, old->project, old->id, 0, &v, error);
        free(text);
    }
    json_decref(labels);
    if (ok)
        tell(m, old->name, GONE_NOW, NULL);
    return ok;
}

/* --- all of them -------------------------------------------------------------------------------
 */

static bool load(struct merge *m, GError **error)
{
    guint count;
    g_autofree char *after = g_strdup("");
    do {
        const struct store_page page = { .after = after, .limit = PAGE };
        g_autoptr(GPtrArray) things = thing_list(m->call->db, THING_NODE, &caller_service,
                                                 m->call->project->id, &page, error);
        if (things == NULL)
            return false;
        count = things->len;
        g_ptr_array_set_free_func(things, NULL);
        for (guint i = 0; i < count; i++) {
            struct thing *t = g_ptr_array_index(things, i);
            (void)g_hash_table_replace(m->before, t->name, t);
            g_free(after);
            after = g_strdup(t->id);
        }
    } while (count == PAGE);
    return true;
}

static bool merge(struct sql *db, void *user, GError **error)
{
    struct merge *m = user;
    GHashTableIter i;
    gpointer old;
    memset(m->counts, 0, sizeof m->counts);
    (void)json_array_clear(m->told);
    g_hash_table_remove_all(m->before);
    g_hash_table_remove_all(m->seen);
    bool ok = load(m, error);
    for (guint n = 0; ok && n < m->found->len; n++)
        ok = put_one(m, g_ptr_array_index(m->found, n), error);
    g_hash_table_iter_init(&i, m->before);
    while (ok && g_hash_table_iter_next(&i, NULL, &old)) {
        const struct thing *t = old;
        if (g_str_equal(t->kind, m->source->kind) && !g_hash_table_contains(m->seen, t->name))
            ok = leave(m, t, error);
    }
    return ok;
}

static void answer(struct call *c, const struct merge *m)
{
    json_t *all = json_object();
    (void)json_object_set_new(all, "dry_run", json_boolean(m->dry));
    for (int o = 0; o < OUTCOMES; o++)
        (void)json_object_set_new(all, outcome_names[o], json_integer((json_int_t)m->counts[o]));
    (void)json_object_set(all, "nodes", m->told);
    char *text = text_of_json(all);
    g_string_assign(c->response->body, text);
    free(text);
}

static bool merge_found(struct call *c, const struct source *source, const GPtrArray *found,
                        GError **error)
{
    struct merge m = { .call = c,
                       .source = source,
                       .found = found,
                       .dry = json_is_true(json_object_get(c->body, "dry_run")),
                       .before = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                                       (GDestroyNotify)thing_free),
                       .seen = g_hash_table_new(g_str_hash, g_str_equal),
                       .told = json_array() };
    bool ok = sql_transaction(c->db, merge, &m, error);
    if (ok)
        answer(c, &m);
    g_hash_table_unref(m.before);
    g_hash_table_unref(m.seen);
    json_decref(m.told);
    return ok;
}

/* --- the call ----------------------------------------------------------------------------------
 */

/* What other services answer is no fault of ours, nor of the caller's. */
static bool explain(GError *why, GError **error)
{
    unsigned status = !(why->domain == ASSAY_ERROR)        ? 500
                      : why->code == ASSAY_ERROR_NOT_FOUND ? 422
                      : why->code == ASSAY_ERROR_DENIED    ? 403
                      : why->code == ASSAY_ERROR_INVALID   ? 422
                                                           : 503;
    (void)problem(error, status, "%s", why->message);
    g_error_free(why);
    return false;
}

/* The credentials for HIL: of the body, of the call itself, or of the project. */
static bool credentials(struct call *c, char **user, char **password, GError **error)
{
    const char *name = call_text(c, "credential");
    *user = g_strdup(call_text(c, "user"));
    if (name != NULL) {
        *password = credential_secret(c->db, c->server->seal, c->project->id, name, error);
        return *password != NULL;
    }
    *password = g_strdup(call_text(c, "password"));
    if (*user == NULL)
        (void)call_basic(c->request, user, password);
    return true;
}

static bool import(struct call *c, GError **error)
{
    size_t i = 0;
    GError *why = NULL;
    char *user = NULL, *password = NULL;
    const char *from = call_text(c, "from"), *project = call_text(c, "project");
    while (!g_str_equal(sources[i].name, from)) /* which the description lists */
        i++;
    if (project != NULL && !c->caller.admin)
        return problem(error, 403, "project: another project there is for administrators to name");
    bool ok = credentials(c, &user, &password, error);
    if (ok && user == NULL && sources[i].fetch != import_from_database)
        ok = problem(error, 422, "user: a user of HIL is wanted, and a password or credential");
    const struct import_wish w = { .project = project != NULL ? project : c->project->name,
                                   .user = user,
                                   .password = password != NULL ? password : "",
                                   .disk = call_text(c, "disk") };
    g_autoptr(GPtrArray) found = ok ? sources[i].fetch(c->server, &w, &why) : NULL;
    g_free(user);
    seal_forget(password);
    if (!ok)
        return false;
    return found != NULL ? merge_found(c, &sources[i], found, error) : explain(why, error);
}

const struct route routes_imports[] = {
    { "POST", "/v1/projects/{project}/imports", ACCESS_OPERATOR, SCOPE_WRITE, import, ROUTE_ALONE },
    { NULL },
};
