#include "server/hil.h"

#include <string.h>

#include "base/error.h"
#include "base/http_client.h"
#include "base/limits.h"

#define SECONDS     10 /* for one question */
#define CACHE_USUAL 60

struct hil {
    char *url, *ca_file;
    int64_t cache; /* microseconds */
    GMutex lock;
    GHashTable *known; /* hash -> until when, int64_t *; under the lock */
};

struct hil *hil_new(const json_t *settings, GError **error)
{
    uint64_t cache = CACHE_USUAL;
    if (settings == NULL)
        return NULL;
    struct hil *h = g_new0(struct hil, 1);
    const struct setting members[] = { { "url", SETTING_TEXT, &h->url, 0 },
                                       { "ca_file", SETTING_TEXT, &h->ca_file, 0 },
                                       { "cache_seconds", SETTING_NUMBER, &cache, CACHE_USUAL },
                                       { 0 } };
    g_mutex_init(&h->lock);
    h->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    bool ok = setting_read(members, "hil", settings, error) &&
              (h->url != NULL || fail(error, ASSAY_ERROR_INVALID, "hil.url: is missing"));
    if (ok && g_str_has_suffix(h->url, "/"))
        h->url[strlen(h->url) - 1] = '\0';
    if (ok && http_url_valid("hil.url", h->url, error)) {
        h->cache = (int64_t)cache * G_USEC_PER_SEC;
        return h;
    }
    hil_free(h);
    return NULL;
}

void hil_free(struct hil *h)
{
    if (h == NULL)
        return;
    g_free(h->url);
    g_free(h->ca_file);
    g_hash_table_unref(h->known);
    g_mutex_clear(&h->lock);
    g_free(h);
}

/* --- calls -------------------------------------------------------------------------------------
 */

/* HIL sends JSON as text/html, and HTML pages with some errors: the status alone counts.
 * Credentials go unasked, since its 401 does not ask for them. */
static bool call(const struct hil *h, const char *user, const char *password, const char *path,
                 struct http_answer *a, GError **error)
{
    g_autofree char *url = g_strdup_printf("%s/v0%s", h->url, path);
    const struct http_call c = { .method = "GET",
                                 .url = url,
                                 .user = user,
                                 .password = password,
                                 .ca_file = h->ca_file,
                                 .seconds = SECONDS };
    return http_client_call(&c, a, error);
}

json_t *hil_get(struct hil *h, const char *user, const char *password, const char *path,
                GError **error)
{
    struct http_answer a = { 0 };
    if (!call(h, user, password, path, &a, error))
        return NULL;
    json_t *value =
        a.status == 200 ? json_loadb(a.body->str, a.body->len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (a.status == 401 || a.status == 403)
        (void)fail(error, ASSAY_ERROR_DENIED, "HIL does not accept the user and password there");
    else if (a.status == 404)
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "HIL: %s: there is no such thing", path);
    else if (a.status != 200)
        (void)fail(error, ASSAY_ERROR_IO, "HIL: %s: answered %u", path, a.status);
    else if (value == NULL)
        (void)fail_corrupt(error, "HIL: %s: the answer is not JSON", path);
    http_answer_done(&a);
    return value;
}

/* --- who may -----------------------------------------------------------------------------------
 */

/* With a key, as passwords can be guessed from a plain hash. g_free() */
static char *key_of(struct seal *seal, const struct hil_question *q)
{
    GString *all = g_string_new("hil");
    const char *const parts[] = { q->user, q->password, q->project };
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        g_string_append_len(all, parts[i], (gssize)strlen(parts[i]) + 1);
    char *key = seal_digest(seal, all->str, all->len);
    seal_forget(g_string_free(all, FALSE));
    return key;
}

int64_t hil_remembers(struct hil *h, struct seal *seal, const struct hil_question *q)
{
    g_autofree char *key = key_of(seal, q);
    g_mutex_lock(&h->lock);
    const int64_t *until = g_hash_table_lookup(h->known, key);
    int64_t found = until != NULL && *until > store_now() ? *until : 0;
    g_mutex_unlock(&h->lock);
    return found;
}

static gboolean is_past(gpointer key, gpointer until, gpointer now)
{
    return *(const int64_t *)until <= *(const int64_t *)now;
}

static void remember(struct hil *h, struct seal *seal, const struct hil_question *q)
{
    int64_t now = store_now();
    int64_t *until = g_new(int64_t, 1);
    *until = now + h->cache;
    g_mutex_lock(&h->lock);
    if (g_hash_table_size(h->known) >= LIMIT_REMEMBERED)
        (void)g_hash_table_foreach_remove(h->known, is_past, &now);
    if (g_hash_table_size(h->known) >= LIMIT_REMEMBERED)
        g_hash_table_remove_all(h->known);
    (void)g_hash_table_replace(h->known, key_of(seal, q), until);
    g_mutex_unlock(&h->lock);
}

enum hil_answer hil_ask(struct hil *h, struct seal *seal, const struct hil_question *q,
                        GError **error)
{
    struct http_answer a = { 0 };
    g_autofree char *name = g_uri_escape_string(q->project, NULL, FALSE);
    g_autofree char *path = g_strdup_printf("/project/%s/nodes", name);
    if (!call(h, q->user, q->password, path, &a, error))
        return HIL_UNREACHABLE;
    unsigned status = a.status;
    http_answer_done(&a);
    if (status / 100 == 2) {
        remember(h, seal, q);
        return HIL_YES;
    }
    if (status == 400 || status == 401 || status == 403)
        return HIL_NO;
    if (status == 404)
        return HIL_NO_PROJECT;
    (void)fail(error, ASSAY_ERROR_IO, "HIL: %s: answered %u", path, status);
    return HIL_UNREACHABLE;
}
