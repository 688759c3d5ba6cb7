#include "store/tokens.h"

#include <string.h>

#include "base/error.h"
#include "store/secret.h"

#define USE_NOTED (INT64_C(60) * G_USEC_PER_SEC)

void token_free(struct token *t)
{
    if (t == NULL)
        return;
    g_free(t->id);
    g_free(t->name);
    g_free(t->scopes);
    g_free(t);
}

void caller_done(struct caller *c)
{
    g_free(c->account);
    g_free(c->name);
    g_free(c->token);
    g_free(c->granted);
    *c = (struct caller){ 0 };
}

char *token_create(struct sql *db, const struct token_new *new, char **id, GError **error)
{
    g_autofree char *secret = secret_token_new(new->session ? "assay_s_" : "assay_t_");
    g_autofree char *digest = secret_digest(secret, strlen(secret)), *made = store_id_new();
    g_autofree char *scopes = scopes_text(new->scopes);
    if (!sql_run(db, NULL, error,
                 "INSERT INTO token (id, account, digest, kind, name, scopes, created, expires)"
                 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                 "ssssssii", made, new->account, digest, new->session ? "session" : "api",
                 new->name, scopes, store_now(), new->expires))
        return NULL;
    if (id != NULL)
        *id = g_steal_pointer(&made);
    return g_steal_pointer(&secret);
}

bool token_authenticate(struct sql *db, const char *secret, struct caller *out, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *digest = secret_digest(secret, strlen(secret));
    int64_t now = store_now();
    /* That the comparison is not of constant time tells nothing: it is of hashes. */
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT t.id, t.kind, t.scopes, t.used, a.id, a.name, a.site FROM token t"
                  " JOIN account a ON a.id = t.account"
                  " WHERE t.digest = $1 AND (t.expires = 0 OR t.expires > $2) AND a.disabled = 0",
                  "si", digest, now);
    if (rows == NULL)
        return false;
    if (!sql_rows_next(rows, &failure)) {
        if (failure != NULL)
            g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    struct caller c = { .token = g_strdup(sql_text(rows, 0)),
                        .session = g_str_equal(sql_text(rows, 1), "session"),
                        .account = g_strdup(sql_text(rows, 4)),
                        .name = g_strdup(sql_text(rows, 5)),
                        .admin = g_str_equal(sql_text(rows, 6), "admin") };
    c.auditor = c.admin || g_str_equal(sql_text(rows, 6), "auditor");
    (void)scopes_parse(sql_text(rows, 2), &c.scopes);
    int64_t used = sql_int(rows, 3);
    g_clear_pointer(&rows, sql_rows_free);
    if (now - used > USE_NOTED)
        (void)sql_run(db, NULL, NULL, "UPDATE token SET used = $2 WHERE id = $1", "si", c.token,
                      now);
    *out = c;
    return true;
}

static void sight_clear(gpointer data)
{
    struct token_sight *s = data;
    g_hash_table_unref(s->projects);
}

struct token_sight *token_sight_ref(struct token_sight *s)
{
    return g_rc_box_acquire(s);
}

void token_sight_unref(struct token_sight *s)
{
    if (s != NULL)
        g_rc_box_release_full(s, sight_clear);
}

static struct token_sight *sight_new(void)
{
    struct token_sight *s = g_rc_box_new0(struct token_sight);
    s->projects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return s;
}

struct token_sight *token_sight_granted(bool all, const char *project)
{
    struct token_sight *s = sight_new();
    s->valid = true;
    s->all = all;
    (void)g_hash_table_add(s->projects, g_strdup(project));
    return s;
}

/* A row for each project of each token's user. */
static bool look(struct sql *db, const struct sql_value *keys, unsigned count, GHashTable *sights,
                 GError **error)
{
    g_autoptr(GError) failure = NULL;
    int64_t now = store_now();
    g_autoptr(sql_rows) rows =
        sql_query_keys(db, error,
                       "SELECT t.id, t.expires, a.site, m.project FROM token t"
                       " JOIN account a ON a.id = t.account"
                       " LEFT JOIN member m ON m.account = a.id"
                       " WHERE a.disabled = 0 AND t.id IN (@KEYS@)",
                       keys, 0, count);
    if (rows == NULL)
        return false;
    while (sql_rows_next(rows, &failure)) {
        struct token_sight *s = g_hash_table_lookup(sights, sql_text(rows, 0));
        s->valid = sql_int(rows, 1) == 0 || sql_int(rows, 1) > now;
        s->all = sql_text(rows, 2)[0] != '\0';
        if (!sql_is_null(rows, 3))
            (void)g_hash_table_add(s->projects, g_strdup(sql_text(rows, 3)));
    }
    if (failure == NULL)
        return true;
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

GHashTable *token_sights(struct sql *db, const char *const *tokens, size_t count, GError **error)
{
    g_autoptr(GHashTable) sights =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)token_sight_unref);
    unsigned batch = sql_batch(db);
    g_autofree struct sql_value *keys = g_new0(struct sql_value, batch);
    for (size_t done = 0; done < count;) {
        unsigned n = (unsigned)MIN(batch, count - done);
        for (unsigned i = 0; i < n; i++) {
            (void)g_hash_table_insert(sights, g_strdup(tokens[done + i]), sight_new());
            keys[i] = (struct sql_value){ .type = 's', .text = tokens[done + i] };
        }
        if (!look(db, keys, n, sights, error))
            return NULL;
        done += n;
    }
    return g_steal_pointer(&sights);
}

GPtrArray *token_list(struct sql *db, const char *account, const struct store_page *page,
                      GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)token_free);
    g_autoptr(sql_rows) rows =
        sql_query(db, error,
                  "SELECT id, name, scopes, kind, created, expires, used FROM token"
                  " WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3",
                  "ssi", account, page->after, page->limit);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure)) {
        struct token *t = g_new0(struct token, 1);
        t->id = g_strdup(sql_text(rows, 0));
        t->name = g_strdup(sql_text(rows, 1));
        t->scopes = g_strdup(sql_text(rows, 2));
        t->session = g_str_equal(sql_text(rows, 3), "session");
        t->created = sql_int(rows, 4);
        t->expires = sql_int(rows, 5);
        t->used = sql_int(rows, 6);
        g_ptr_array_add(list, t);
    }
    if (failure == NULL)
        return g_steal_pointer(&list);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

bool token_delete(struct sql *db, const char *account, const char *id, GError **error)
{
    uint64_t changed;
    return sql_run(db, &changed, error, "DELETE FROM token WHERE account = $1 AND id = $2", "ss",
                   account, id) &&
           store_touched(changed, false, "token", error);
}

bool token_expire(struct sql *db, GError **error)
{
    return sql_run(db, NULL, error, "DELETE FROM token WHERE expires > 0 AND expires <= $1", "i",
                   store_now());
}
