#include "server/keystone.h"

#include <string.h>

#include "base/error.h"
#include "base/http_client.h"
#include "base/limits.h"
#include "base/text.h"
#include "store/credentials.h"
#include "store/secret.h"

#define SECONDS     10 /* for one question */
#define ANSWER_MAX  (1u << 20)
#define OWN_MARGIN  (INT64_C(30) * G_USEC_PER_SEC) /* the service's own token is renewed before */
#define CACHE_USUAL 60

struct keystone {
    char *url, *ca_file, *domain;
    char *user, *user_domain, *project, *project_domain;
    char *password_file, *credential;
    json_t *roles; /* name -> word */
    bool create_projects;
    int64_t cache; /* microseconds */
    GMutex lock;
    GHashTable *known; /* hash of the token -> struct keystone_identity; under the lock, as what
                          follows */
    char *own;         /* the service's token; NULL */
    int64_t own_expires;
};

void keystone_identity_unref(struct keystone_identity *i)
{
    if (i == NULL || !g_atomic_int_dec_and_test(&i->references))
        return;
    g_free(i->user);
    g_free(i->user_name);
    g_free(i->project);
    g_free(i->project_name);
    g_free(i);
}

static struct keystone_identity *identity_ref(struct keystone_identity *i)
{
    g_atomic_int_inc(&i->references);
    return i;
}

/* --- settings ----------------------------------------------------------------------------------
 */

static bool check_roles(const json_t *roles, GError **error)
{
    const char *name;
    json_t *word;
    json_object_foreach((json_t *)roles, name, word) {
        const char *text = json_string_value(word);
        if (text == NULL || (role_parse(text) == ROLE_NONE && !g_str_equal(text, "auditor") &&
                             !g_str_equal(text, "admin")))
            return fail(error, ASSAY_ERROR_INVALID,
                        "keystone.roles.%s: viewer, operator, owner, auditor or admin", name);
    }
    return true;
}

static bool read_settings(struct keystone *k, const json_t *s, GError **error)
{
    uint64_t cache = CACHE_USUAL;
    const struct setting members[] = {
        { "url", SETTING_TEXT, &k->url, 0 },
        { "ca_file", SETTING_TEXT, &k->ca_file, 0 },
        { "user", SETTING_TEXT, &k->user, 0 },
        { "user_domain", SETTING_TEXT, &k->user_domain, 0 },
        { "project", SETTING_TEXT, &k->project, 0 },
        { "project_domain", SETTING_TEXT, &k->project_domain, 0 },
        { "password_file", SETTING_TEXT, &k->password_file, 0 },
        { "credential", SETTING_TEXT, &k->credential, 0 },
        { "domain", SETTING_TEXT, &k->domain, 0 },
        { "create_projects", SETTING_TRUTH, &k->create_projects, 0 },
        { "roles", SETTING_OBJECT, &k->roles, 0 },
        { "cache_seconds", SETTING_NUMBER, &cache, CACHE_USUAL },
        { 0 },
    };
    if (!setting_read(members, "keystone", s, error))
        return false;
    k->cache = (int64_t)cache * G_USEC_PER_SEC;
    if (k->url == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "keystone.url: is missing");
    if (k->user != NULL && (k->password_file == NULL) == (k->credential == NULL))
        return fail(error, ASSAY_ERROR_INVALID,
                    "keystone: a user needs either password_file or credential");
    if (g_str_has_suffix(k->url, "/"))
        k->url[strlen(k->url) - 1] = '\0';
    if (k->roles == NULL)
        k->roles = json_pack("{s:s, s:s, s:s}", "reader", "viewer", "member", "operator", "admin",
                             "owner");
    return http_url_valid("keystone.url", k->url, error) && check_roles(k->roles, error);
}

struct keystone *keystone_new(const json_t *settings, GError **error)
{
    if (settings == NULL)
        return NULL;
    struct keystone *k = g_new0(struct keystone, 1);
    g_mutex_init(&k->lock);
    k->domain = g_strdup("Default");
    k->user_domain = g_strdup("Default");
    k->project_domain = g_strdup("Default");
    k->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                     (GDestroyNotify)keystone_identity_unref);
    if (read_settings(k, settings, error))
        return k;
    keystone_free(k);
    return NULL;
}

void keystone_free(struct keystone *k)
{
    if (k == NULL)
        return;
    char *const texts[] = { k->url,       k->ca_file,     k->domain,         k->user,
                            k->project,   k->user_domain, k->project_domain, k->password_file,
                            k->credential };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    json_decref(k->roles);
    g_hash_table_unref(k->known);
    seal_forget(k->own);
    g_mutex_clear(&k->lock);
    g_free(k);
}

bool keystone_creates_projects(const struct keystone *k)
{
    return k->create_projects;
}

/* --- the service's own token -------------------------------------------------------------------
 */

static char *own_password(struct keystone *k, struct sql *db, struct seal *seal, GError **error)
{
    g_autoptr(GError) failure = NULL;
    char *password = NULL;
    if (k->credential != NULL)
        return credential_secret(db, seal, NULL, k->credential, error);
    if (!g_file_get_contents(k->password_file, &password, NULL, &failure)) {
        (void)fail(error, ASSAY_ERROR_IO, "keystone.password_file: %s", failure->message);
        return NULL;
    }
    password[strcspn(password, "\r\n")] = '\0';
    return password;
}

static char *login_body(const struct keystone *k, const char *password)
{
    json_t *body = json_pack("{s:{s:{s:[s], s:{s:{s:s, s:{s:s}, s:s}}}}}", "auth", "identity",
                             "methods", "password", "password", "user", "name", k->user, "domain",
                             "name", k->user_domain, "password", password);
    if (body != NULL && k->project != NULL)
        (void)json_object_set_new(json_object_get(body, "auth"), "scope",
                                  json_pack("{s:{s:s, s:{s:s}}}", "project", "name", k->project,
                                            "domain", "name", k->project_domain));
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

static bool expiry_of(const json_t *token, int64_t *out)
{
    int64_t seconds;
    const char *text = json_string_value(json_object_get(token, "expires_at"));
    if (text == NULL || !text_parse_time(text, &seconds) || seconds > INT64_MAX / G_USEC_PER_SEC)
        return false;
    *out = seconds * G_USEC_PER_SEC;
    return true;
}

static bool login(struct keystone *k, const char *password, char **own, int64_t *expires,
                  GError **error)
{
    char *body = login_body(k, password);
    g_autofree char *url = g_strconcat(k->url, "/auth/tokens", NULL);
    const struct http_call call = {
        .method = "POST",
        .url = url,
        .headers = (const char *const[]){ "Content-Type: application/json", NULL },
        .body = body,
        .len = body != NULL ? strlen(body) : 0,
        .ca_file = k->ca_file,
        .seconds = SECONDS,
        .max = ANSWER_MAX,
    };
    struct http_answer a = { 0 };
    bool ok = body != NULL ? http_client_call(&call, &a, error)
                           : fail(error, ASSAY_ERROR_INVALID, "keystone: a name is not UTF-8");
    json_t *got = ok ? json_loadb(a.body->str, a.body->len, 0, NULL) : NULL;
    const char *token = ok ? g_hash_table_lookup(a.headers, "x-subject-token") : NULL;
    if (ok &&
        (a.status != 201 || token == NULL || !expiry_of(json_object_get(got, "token"), expires)))
        ok = fail(error, ASSAY_ERROR_IO, "%s: the service's own login was answered with %u", url,
                  a.status);
    if (ok)
        *own = g_strdup(token);
    json_decref(got);
    http_answer_done(&a);
    seal_forget(body);
    return ok;
}

/* The token to ask with; old (may be NULL) is one that Keystone did not take. seal_forget() */
static char *own_token(struct keystone *k, struct sql *db, struct seal *seal, const char *old,
                       GError **error)
{
    char *own = NULL;
    int64_t expires = 0;
    g_mutex_lock(&k->lock);
    if (k->own != NULL && g_strcmp0(k->own, old) != 0 && k->own_expires > store_now())
        own = g_strdup(k->own);
    g_mutex_unlock(&k->lock);
    if (own != NULL)
        return own;
    char *password = own_password(k, db, seal, error);
    bool ok = password != NULL && login(k, password, &own, &expires, error);
    seal_forget(password);
    if (!ok)
        return NULL;
    g_mutex_lock(&k->lock);
    seal_forget(k->own);
    k->own = g_strdup(own);
    k->own_expires = expires - OWN_MARGIN;
    g_mutex_unlock(&k->lock);
    return own;
}

/* --- what Keystone says of a token -------------------------------------------------------------
 */

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void add_roles(const struct keystone *k, const json_t *roles, struct keystone_identity *i)
{
    size_t n;
    json_t *one;
    json_array_foreach(roles, n, one) {
        const char *name = text_of(one, "name");
        const char *word = name != NULL ? text_of(k->roles, name) : NULL;
        if (word == NULL)
            continue;
        i->admin = i->admin || g_str_equal(word, "admin");
        i->auditor = i->auditor || i->admin || g_str_equal(word, "auditor");
        i->role = MAX(i->role, role_parse(word));
    }
}

static struct keystone_identity *read_identity(const struct keystone *k, const json_t *token)
{
    const json_t *user = json_object_get(token, "user"),
                 *project = json_object_get(token, "project");
    const char *id = text_of(user, "id"), *name = text_of(user, "name");
    const char *domain = text_of(json_object_get(user, "domain"), "name");
    int64_t expires;
    if (id == NULL || name == NULL || domain == NULL || !expiry_of(token, &expires))
        return NULL;
    struct keystone_identity *i = g_new0(struct keystone_identity, 1);
    i->references = 1;
    i->expires = expires;
    i->believed = MIN(expires, store_now() + k->cache);
    i->user = g_strdup(id);
    i->user_name =
        g_str_equal(domain, k->domain) ? g_strdup(name) : g_strdup_printf("%s@%s", name, domain);
    i->project = g_strdup(text_of(project, "id"));
    if (g_strcmp0(text_of(json_object_get(project, "domain"), "name"), k->domain) == 0)
        i->project_name = g_strdup(text_of(project, "name"));
    add_roles(k, json_object_get(token, "roles"), i);
    return i;
}

static enum keystone_answer understand(const struct keystone *k, const char *url,
                                       const struct http_answer *a, struct keystone_identity **out,
                                       GError **error)
{
    if (a->status == 404 || (a->status == 401 && k->user == NULL))
        return KEYSTONE_INVALID;
    if (a->status == 200) {
        json_t *got = json_loadb(a->body->str, a->body->len, 0, NULL);
        *out = read_identity(k, json_object_get(got, "token"));
        json_decref(got);
        if (*out != NULL)
            return (*out)->expires > store_now() ? KEYSTONE_VALID : KEYSTONE_INVALID;
    }
    (void)fail(error, ASSAY_ERROR_IO, "%s: the question for a token was answered with %u%s", url,
               a->status,
               a->status == 200   ? ", and something else"
               : a->status == 403 ? ": the service's own user may not ask"
                                  : "");
    return KEYSTONE_UNREACHABLE;
}

static bool ask_with(const struct keystone *k, const char *url, const char *own, const char *token,
                     struct http_answer *a, GError **error)
{
    g_autofree char *asker = g_strconcat("X-Auth-Token: ", own, NULL);
    g_autofree char *subject = g_strconcat("X-Subject-Token: ", token, NULL);
    const char *const headers[] = { asker, subject, "Accept: application/json", NULL };
    const struct http_call call = { .method = "GET",
                                    .url = url,
                                    .headers = headers,
                                    .ca_file = k->ca_file,
                                    .seconds = SECONDS,
                                    .max = ANSWER_MAX };
    return http_client_call(&call, a, error);
}

static bool question(struct keystone *k, struct sql *db, struct seal *seal, const char *url,
                     const char *token, struct http_answer *a, GError **error)
{
    if (k->user == NULL)
        return ask_with(k, url, token, token, a, error);
    char *own = own_token(k, db, seal, NULL, error);
    bool ok = own != NULL && ask_with(k, url, own, token, a, error);
    if (ok && a->status == 401) { /* the service's own token was revoked */
        char *fresh = own_token(k, db, seal, own, error);
        http_answer_done(a);
        ok = fresh != NULL && ask_with(k, url, fresh, token, a, error);
        seal_forget(fresh);
    }
    seal_forget(own);
    return ok;
}

/* --- what is remembered ------------------------------------------------------------------------
 */

static gboolean is_past(gpointer key, gpointer value, gpointer now)
{
    return ((const struct keystone_identity *)value)->believed <= *(const int64_t *)now;
}

static void remember(struct keystone *k, const char *token, struct keystone_identity *i)
{
    int64_t now = store_now();
    g_mutex_lock(&k->lock);
    if (g_hash_table_size(k->known) >= LIMIT_REMEMBERED)
        (void)g_hash_table_foreach_remove(k->known, is_past, &now);
    if (g_hash_table_size(k->known) >= LIMIT_REMEMBERED)
        g_hash_table_remove_all(k->known);
    (void)g_hash_table_replace(k->known, secret_digest(token, strlen(token)), identity_ref(i));
    g_mutex_unlock(&k->lock);
}

struct keystone_identity *keystone_remembered(struct keystone *k, const char *token)
{
    g_autofree char *digest = secret_digest(token, strlen(token));
    g_mutex_lock(&k->lock);
    struct keystone_identity *one = g_hash_table_lookup(k->known, digest);
    struct keystone_identity *found =
        one != NULL && one->believed > store_now() ? identity_ref(one) : NULL;
    g_mutex_unlock(&k->lock);
    return found;
}

enum keystone_answer keystone_ask(struct keystone *k, struct sql *db, struct seal *seal,
                                  const char *token, struct keystone_identity **out, GError **error)
{
    struct http_answer a = { 0 };
    enum keystone_answer answer = KEYSTONE_UNREACHABLE;
    g_autofree char *url = g_strconcat(k->url, "/auth/tokens", NULL);
    struct keystone_identity *found = NULL;
    if (question(k, db, seal, url, token, &a, error))
        answer = understand(k, url, &a, &found, error);
    http_answer_done(&a);
    if (answer == KEYSTONE_VALID) {
        remember(k, token, found);
        *out = found;
    } else {
        keystone_identity_unref(found);
    }
    return answer;
}
