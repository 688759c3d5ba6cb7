#include "store/notifications.h"

#include <jansson.h>
#include <string.h>

#include "base/error.h"
#include "base/smtp_client.h"

#define COLUMNS                                                                                    \
    "id, project, name, kind, url, addresses, events, severity, enabled, created, version"
#define URL_MAX 2048

void notification_free(struct notification *n)
{
    if (n == NULL)
        return;
    g_free(n->id);
    g_free(n->project);
    g_free(n->name);
    g_free(n->kind);
    g_free(n->url);
    g_free(n->addresses);
    g_free(n->events);
    g_free(n->severity);
    g_free(n);
}

static struct notification *read_notification(struct sql_rows *rows)
{
    struct notification *n = g_new0(struct notification, 1);
    char **const texts[] = { &n->id,  &n->project,   &n->name,   &n->kind,
                             &n->url, &n->addresses, &n->events, &n->severity };
    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = g_strdup(sql_text(rows, i));
    n->enabled = sql_int(rows, 8) != 0;
    n->created = sql_int(rows, 9);
    n->version = sql_int(rows, 10);
    return n;
}

/* --- what is accepted --------------------------------------------------------------------------
 */

/* A query is the receiver's affair; user and password would be sent and shown in clear. */
static bool url_valid(const char *url, GError **error)
{
    size_t scheme = g_str_has_prefix(url, "https://")  ? 8
                    : g_str_has_prefix(url, "http://") ? 7
                                                       : 0;
    size_t host = strcspn(url + scheme, "/?#");
    bool good =
        scheme > 0 && host > 0 && strlen(url) <= URL_MAX && memchr(url + scheme, '@', host) == NULL;
    for (const char *p = url; good && *p != '\0'; p++)
        good = g_ascii_isgraph(*p) && *p != '\\';
    return good || fail(error, ASSAY_ERROR_INVALID,
                        "url: not an address such as https://host.example/path, without user");
}

static bool addresses_valid(const char *addresses, GError **error)
{
    json_t *list = json_loads(addresses, 0, NULL), *one;
    bool good = json_array_size(list) > 0;
    size_t i;
    json_array_foreach(list, i, one) {
        good = good && smtp_address_valid(json_is_string(one) ? json_string_value(one) : "", error);
    }
    bool none = json_array_size(list) == 0;
    json_decref(list);
    return good || (none ? fail(error, ASSAY_ERROR_INVALID, "addresses: there is none") : false);
}

static bool valid(const char *kind, const struct notification_values *v, GError **error)
{
    bool webhook = g_str_equal(kind, "webhook");
    if (webhook && v->addresses != NULL)
        return fail(error, ASSAY_ERROR_INVALID, "a webhook has a url and no addresses");
    if (!webhook && (v->url != NULL || v->secret != NULL))
        return fail(error, ASSAY_ERROR_INVALID, "an e-mail has addresses, no url and no secret");
    return (v->name == NULL || store_name_valid("notification", v->name, error)) &&
           (v->url == NULL || url_valid(v->url, error)) &&
           (v->addresses == NULL || addresses_valid(v->addresses, error));
}

/* clear NULL: *sealed too. */
static bool seal_member(struct seal *seal, const char *id, const char *column, const char *clear,
                        char **sealed, GError **error)
{
    const struct seal_place place = { "notification", id, column };
    *sealed = clear != NULL ? seal_text(seal, &place, clear, error) : NULL;
    return clear == NULL || *sealed != NULL;
}

/* --- making, finding, changing -----------------------------------------------------------------
 */

char *notification_create(struct sql *db, struct seal *seal, const char *project, const char *kind,
                          const struct notification_values *v, GError **error)
{
    g_autofree char *sealed = NULL, *url = NULL, *id = store_id_new();
    if (!valid(kind, v, error))
        return NULL;
    if (g_str_equal(kind, "webhook") ? v->url == NULL || v->secret == NULL : v->addresses == NULL) {
        (void)fail(error, ASSAY_ERROR_INVALID, "a webhook has a url, an e-mail has addresses");
        return NULL;
    }
    if (!seal_member(seal, id, "secret", v->secret, &sealed, error) ||
        !seal_member(seal, id, "url", v->url, &url, error))
        return NULL;
    if (sql_run(
            db, NULL, error,
            "INSERT INTO notification (id, project, name, kind, url, addresses, secret, events,"
            " severity, enabled, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            "sssssssssii", id, project, v->name, kind, url, v->addresses, sealed, v->events,
            v->severity, (int64_t)(v->enabled == NULL || *v->enabled), store_now()))
        return g_steal_pointer(&id);
    (void)store_taken(error, "notification", v->name);
    return NULL;
}

struct notification *notification_find(struct sql *db, const char *project, const char *id_or_name,
                                       GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "SELECT " COLUMNS " FROM notification WHERE project = $1 AND (id = $2 OR name = $2)", "ss",
        project, id_or_name);
    if (rows == NULL)
        return NULL;
    if (sql_rows_next(rows, &failure))
        return read_notification(rows);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such notification '%s'", id_or_name);
    return NULL;
}

GPtrArray *notification_list(struct sql *db, const char *project, const struct store_page *page,
                             GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)notification_free);
    g_autoptr(sql_rows) rows = sql_query(
        db, error,
        "SELECT " COLUMNS " FROM notification WHERE project = $1 AND id > $2 ORDER BY id LIMIT $3",
        "ssi", project, page->after, page->limit);
    if (rows == NULL)
        return NULL;
    while (sql_rows_next(rows, &failure))
        g_ptr_array_add(list, read_notification(rows));
    if (failure == NULL)
        return g_steal_pointer(&list);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

static bool exists(struct sql *db, const char *project, const char *id)
{
    g_autoptr(notification) n = notification_find(db, project, id, NULL);
    return n != NULL;
}

bool notification_change(struct sql *db, struct seal *seal, const struct notification *n,
                         int64_t version, const struct notification_values *v, GError **error)
{
    uint64_t changed;
    g_autofree char *sealed = NULL, *url = NULL;
    if (!valid(n->kind, v, error) ||
        !seal_member(seal, n->id, "secret", v->secret, &sealed, error) ||
        !seal_member(seal, n->id, "url", v->url, &url, error))
        return false;
    if (!sql_run(db, &changed, error,
                 "UPDATE notification SET name = coalesce($4, name), url = coalesce($5, url),"
                 " addresses = coalesce($6, addresses), secret = coalesce($7, secret),"
                 " events = coalesce($8, events), severity = coalesce($9, severity),"
                 " enabled = CASE WHEN $10 < 0 THEN enabled ELSE $10 END, version = version + 1"
                 " WHERE project = $1 AND id = $2 AND ($3 = 0 OR version = $3)",
                 "ssissssssi", n->project, n->id, version, v->name, url, v->addresses, sealed,
                 v->events, v->severity, v->enabled != NULL ? (int64_t)*v->enabled : INT64_C(-1)))
        return store_taken(error, "notification", v->name != NULL ? v->name : n->name);
    return store_touched(changed, changed == 1 || exists(db, n->project, n->id), "notification",
                         error);
}

bool notification_delete(struct sql *db, const char *project, const char *id, int64_t version,
                         GError **error)
{
    uint64_t changed;
    return sql_run(db, &changed, error,
                   "DELETE FROM notification WHERE project = $1 AND id = $2"
                   " AND ($3 = 0 OR version = $3)",
                   "ssi", project, id, version) &&
           store_touched(changed, changed == 1 || exists(db, project, id), "notification", error);
}

bool notification_url(struct seal *seal, const struct notification *n, char **url, GError **error)
{
    const struct seal_place place = { "notification", n->id, "url" };
    /* Older stores have them as they are, until the key is changed. */
    bool plain = n->url == NULL || !seal_is_sealed(n->url);
    *url = plain ? g_strdup(n->url) : seal_read(seal, &place, n->url, error);
    return plain || *url != NULL;
}

char *notification_secret(struct sql *db, struct seal *seal, const char *id, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(sql_rows) rows =
        sql_query(db, error, "SELECT secret FROM notification WHERE id = $1", "s", id);
    if (rows == NULL)
        return NULL;
    if (sql_rows_next(rows, &failure)) {
        const struct seal_place place = { "notification", id, "secret" };
        const char *sealed = sql_text(rows, 0);
        return seal_read(seal, &place, sealed != NULL ? sealed : "", error);
    }
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        (void)fail(error, ASSAY_ERROR_NOT_FOUND, "no such notification");
    return NULL;
}
