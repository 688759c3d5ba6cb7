#include "server/server.h"

#include <string.h>

#include "base/error.h"
#include "server/listeners.h"
#include "server/router.h"
#include "store/hooks.h"
#include "store/requests.h"
#include "store/secret.h"
#include "store/tokens.h"
#include "store/users.h"

#define HASHES_AT_ONCE 8

bool server_outside(const json_t *keystone, const json_t *hil, struct keystone **k, struct hil **h,
                    GError **error)
{
    *k = keystone_new(keystone, error);
    if (keystone != NULL && *k == NULL)
        return false;
    *h = hil_new(hil, error);
    if (hil == NULL || *h != NULL)
        return true;
    g_clear_pointer(k, keystone_free);
    return false;
}

static struct server *open_server(const struct server_options *o, GError **error)
{
    g_autoptr(sql) db = store_open(o->store, error);
    g_autoptr(seal) seal = db != NULL ? seal_open(db, o->key_file, error) : NULL;
    struct openapi *api = seal != NULL ? openapi_load(route_tables, error) : NULL;
    if (api == NULL)
        return NULL;
    struct server *s = g_new0(struct server, 1);
    s->store = g_strdup(o->store);
    s->seal = g_steal_pointer(&seal);
    s->session_seconds = (gint)o->session_seconds;
    s->api = api;
    s->advisories = o->advisories != NULL ? g_strdup(o->advisories) : advisory_db_default_path();
    s->metrics = metrics_new();
    s->reports = report_cache_new();
    s->listeners = listeners_new(o->store);
    g_mutex_init(&s->lock);
    s->idle = g_ptr_array_new_with_free_func((GDestroyNotify)sql_close);
    g_ptr_array_add(s->idle, g_steal_pointer(&db));
    return s;
}

/* NULL without *error when none is wanted. */
static char *read_token(const char *file, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *text = NULL;
    if (file == NULL)
        return NULL;
    if (!g_file_get_contents(file, &text, NULL, &failure)) {
        (void)fail(error, ASSAY_ERROR_IO, "metrics_token_file: %s", failure->message);
        return NULL;
    }
    (void)g_strstrip(text);
    if (*text != '\0')
        return secret_digest(text, strlen(text));
    (void)fail(error, ASSAY_ERROR_INVALID, "metrics_token_file: %s is empty", file);
    return NULL;
}

struct server *server_new(const struct server_options *o, GError **error)
{
    struct hil *hil;
    struct keystone *keystone;
    if (!server_outside(o->keystone, o->hil, &keystone, &hil, error))
        return NULL;
    g_autofree char *token = read_token(o->metrics_token_file, error);
    struct server *s =
        token != NULL || o->metrics_token_file == NULL ? open_server(o, error) : NULL;
    if (s == NULL) {
        keystone_free(keystone);
        hil_free(hil);
        return NULL;
    }
    s->storage = json_incref((json_t *)o->storage);
    s->metrics_token = g_steal_pointer(&token);
    s->keystone = keystone;
    s->hil = hil;
    return s;
}

void server_renew(struct server *s, int64_t session_seconds, const json_t *storage)
{
    g_atomic_int_set(&s->session_seconds, (gint)session_seconds);
    g_mutex_lock(&s->lock);
    json_decref(s->storage);
    s->storage = json_incref((json_t *)storage);
    g_mutex_unlock(&s->lock);
}

json_t *server_storage(struct server *s)
{
    g_mutex_lock(&s->lock);
    json_t *storage = json_incref(s->storage);
    g_mutex_unlock(&s->lock);
    return storage;
}

void server_free(struct server *s)
{
    if (s == NULL)
        return;
    g_free(s->metrics_token);
    keystone_free(s->keystone);
    hil_free(s->hil);
    json_decref(s->storage);
    g_ptr_array_unref(s->idle);
    g_mutex_clear(&s->lock);
    report_cache_free(s->reports);
    listeners_free(s->listeners);
    metrics_free(s->metrics);
    openapi_free(s->api);
    seal_free(s->seal);
    g_free(s->store);
    g_free(s->advisories);
    g_free(s);
}

struct sql *server_borrow(struct server *s, GError **error)
{
    g_mutex_lock(&s->lock);
    struct sql *db =
        s->idle->len > 0 ? g_ptr_array_steal_index_fast(s->idle, s->idle->len - 1) : NULL;
    g_mutex_unlock(&s->lock);
    return db != NULL ? db : sql_open(s->store, error);
}

void server_return(struct server *s, struct sql *db, bool broken)
{
    if (db == NULL)
        return;
    if (broken) {
        sql_close(db);
        return;
    }
    g_mutex_lock(&s->lock);
    g_ptr_array_add(s->idle, db);
    g_mutex_unlock(&s->lock);
}

struct advisory_db *server_advisories(const struct server *s, GError **error)
{
    g_autoptr(GError) failure = NULL;
    struct advisory_db *db = advisory_db_open(s->advisories, &failure);
    if (db == NULL && !g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
        g_propagate_error(error, g_steal_pointer(&failure));
    return db;
}

struct shared_report *server_report(struct server *s, struct sql *db, const struct kept_frame *f,
                                    bool files, GError **error)
{
    return report_cache_get(s->reports, db, f, s->advisories, files, error);
}

bool server_hash_begin(struct server *s)
{
    if (g_atomic_int_add(&s->hashing, 1) < HASHES_AT_ONCE)
        return true;
    server_hash_end(s);
    return false;
}

void server_hash_end(struct server *s)
{
    (void)g_atomic_int_add(&s->hashing, -1);
}

bool server_tidy(struct server *s, GError **error)
{
    struct sql *db = server_borrow(s, error);
    bool ok = db != NULL && token_expire(db, error) && request_expire(db, error) &&
              hook_call_expire(db, error);
    server_return(s, db, !ok);
    return ok;
}

struct first {
    const char *hash; /* of the password */
    bool made;
};

static bool make_admin(struct sql *db, void *user, GError **error)
{
    struct first *f = user;
    int64_t users;
    if (!user_count(db, &users, error))
        return false;
    f->made = users == 0;
    g_autofree char *id = f->made ? user_create(db, "admin", f->hash, "admin", error) : NULL;
    return !f->made || id != NULL;
}

bool server_first_start(struct server *s, const char *given, char **password, GError **error)
{
    g_autofree char *chosen = given != NULL ? g_strdup(given) : secret_token_new("");
    g_autofree char *hash = NULL;
    int64_t users = 0;
    struct first f = { 0 };
    struct sql *db = server_borrow(s, error);
    bool ok = db != NULL && user_count(db, &users, error);
    if (ok && users == 0) {
        f.hash = hash = secret_hash_password(chosen, error);
        ok = hash != NULL && sql_transaction(db, make_admin, &f, error);
    }
    server_return(s, db, !ok);
    *password = ok && f.made ? g_steal_pointer(&chosen) : NULL;
    return ok;
}
