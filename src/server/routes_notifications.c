#include "server/routes.h"
#include "server/server.h"
#include "store/deliveries.h"
#include "store/notifications.h"
#include "store/secret.h"

#define SECRET_PREFIX "assay_w_"

static bool write_members(struct call *c, const struct notification *n, GError **error)
{
    struct json_writer *w = &c->out;
    char *url;
    if (!notification_url(c->server->seal, n, &url, error))
        return false;
    jw_string(w, "id", n->id);
    jw_string(w, "name", n->name);
    jw_string(w, "kind", n->kind);
    jw_string_opt(w, "url", url);
    seal_forget(url);
    if (n->addresses != NULL)
        call_write_json(w, "addresses", n->addresses);
    call_write_json(w, "events", n->events);
    jw_string(w, "severity", n->severity[0] != '\0' ? n->severity : NULL);
    jw_bool(w, "enabled", n->enabled);
    call_write_time(w, "created", n->created);
    return true;
}

static struct notification *find(struct call *c, GError **error)
{
    return notification_find(c->db, c->project->id, call_parameter(c, "notification"), error);
}

/* secret NULL: not told. */
static bool answer(struct call *c, const char *id, const char *secret, GError **error)
{
    g_autoptr(notification) n = notification_find(c->db, c->project->id, id, error);
    if (n == NULL)
        return false;
    jw_object_begin(&c->out, NULL);
    if (!write_members(c, n, error))
        return false;
    jw_string_opt(&c->out, "secret", secret);
    jw_object_end(&c->out);
    return call_version(c, n->version);
}

static bool write_listed(struct call *c, const void *item, GError **error)
{
    const struct notification *n = item;
    jw_object_begin(&c->out, NULL);
    if (!write_members(c, n, error))
        return false;
    jw_object_end(&c->out);
    return true;
}

static bool list(struct call *c, GError **error)
{
    struct store_page page;
    if (!call_page(c, &page, error))
        return false;
    g_autoptr(GPtrArray) all = notification_list(c->db, c->project->id, &page, error);
    return call_list(c, all, &page, write_listed, G_STRUCT_OFFSET(struct notification, id), error);
}

static bool create(struct call *c, GError **error)
{
    const char *kind = call_text(c, "kind"), *severity = call_text(c, "severity");
    const json_t *on = json_object_get(c->body, "enabled");
    bool enabled = on == NULL || json_is_true(on);
    bool hook = g_str_equal(kind, "webhook");
    const char *given = call_text(c, "secret");
    g_autofree char *addresses = call_json(c, "addresses"), *events = call_json(c, "events");
    g_autofree char *made = hook && given == NULL ? secret_token_new(SECRET_PREFIX) : NULL;
    const struct notification_values v = { .name = call_text(c, "name"),
                                           .url = call_text(c, "url"),
                                           .addresses = addresses,
                                           .secret = given != NULL ? given : made,
                                           .events = events,
                                           .severity = severity != NULL ? severity : "",
                                           .enabled = &enabled };
    g_autofree char *id =
        notification_create(c->db, c->server->seal, c->project->id, kind, &v, error);
    if (id == NULL)
        return false;
    call_created(c, "/v1/projects/%s/notifications/%s", c->project->id, id);
    return answer(c, id, made, error);
}

static bool show(struct call *c, GError **error)
{
    return answer(c, call_parameter(c, "notification"), NULL, error);
}

static bool change(struct call *c, GError **error)
{
    int64_t version;
    const json_t *on = json_object_get(c->body, "enabled");
    const json_t *severity = json_object_get(c->body, "severity");
    bool enabled = json_is_true(on);
    g_autofree char *addresses = call_json(c, "addresses"), *events = call_json(c, "events");
    const struct notification_values v = {
        .name = call_text(c, "name"),
        .url = call_text(c, "url"),
        .addresses = addresses,
        .secret = call_text(c, "secret"),
        .events = events,
        .severity = json_is_null(severity) ? "" : json_string_value(severity),
        .enabled = on != NULL ? &enabled : NULL,
    };
    g_autoptr(notification) n = find(c, error);
    return n != NULL && call_if_match(c, &version, error) &&
           notification_change(c->db, c->server->seal, n, version, &v, error) &&
           answer(c, n->id, NULL, error);
}

static bool delete (struct call *c, GError **error)
{
    int64_t version;
    g_autoptr(notification) n = find(c, error);
    return n != NULL && call_if_match(c, &version, error) &&
           notification_delete(c->db, c->project->id, n->id, version, error) && call_no_content(c);
}

/* --- deliveries --------------------------------------------------------------------------------
 */

static void write_delivery(struct json_writer *w, const struct delivery *d)
{
    jw_object_begin(w, NULL);
    jw_string(w, "id", d->id);
    jw_string(w, "event", d->event);
    jw_string(w, "kind", d->kind);
    jw_string(w, "state", g_str_equal(d->state, "new") ? "waiting" : d->state);
    jw_i64(w, "attempts", d->attempts);
    if (d->status > 0)
        jw_i64(w, "status", d->status);
    else
        jw_null(w, "status");
    jw_string(w, "reason", d->reason);
    call_write_time(w, "created", d->created);
    call_write_time(w, "finished", d->finished);
    jw_object_end(w);
}

static bool answer_delivery(struct call *c, const struct notification *n, const char *id,
                            unsigned status, GError **error)
{
    g_autoptr(delivery) d = delivery_find(c->db, n->id, id, error);
    if (d == NULL)
        return false;
    c->response->status = status;
    write_delivery(&c->out, d);
    return true;
}

static bool write_listed_delivery(struct call *c, const void *item, GError **error)
{
    write_delivery(&c->out, item);
    return true;
}

static bool list_deliveries(struct call *c, GError **error)
{
    struct store_page page;
    g_autoptr(notification) n = find(c, error);
    if (n == NULL || !call_page(c, &page, error))
        return false;
    g_autoptr(GPtrArray) all = delivery_list(c->db, n->id, &page, error);
    return call_list(c, all, &page, write_listed_delivery, G_STRUCT_OFFSET(struct delivery, id),
                     error);
}

static bool show_delivery(struct call *c, GError **error)
{
    g_autoptr(notification) n = find(c, error);
    return n != NULL && answer_delivery(c, n, call_parameter(c, "delivery"), 200, error);
}

static bool try_it(struct call *c, GError **error)
{
    g_autoptr(notification) n = find(c, error);
    g_autofree char *id =
        n != NULL ? delivery_add_trial(c->db, c->project->id, n->id, "{}", error) : NULL;
    return id != NULL && answer_delivery(c, n, id, 202, error);
}

static bool send_again(struct call *c, GError **error)
{
    const char *id = call_parameter(c, "delivery");
    g_autoptr(notification) n = find(c, error);
    g_autoptr(delivery) d = n != NULL ? delivery_find(c->db, n->id, id, error) : NULL;
    return d != NULL && delivery_again(c->db, d->id, error) &&
           answer_delivery(c, n, d->id, 202, error);
}

#define ALL        "/v1/projects/{project}/notifications"
#define ONE        ALL "/{notification}"
#define DELIVERIES ONE "/deliveries"

const struct route routes_notifications[] = {
    { "GET", ALL, ACCESS_OWNER, SCOPE_READ, list, 0 },
    { "POST", ALL, ACCESS_OWNER, SCOPE_ADMIN, create, ROUTE_SECRET },
    { "GET", ONE, ACCESS_OWNER, SCOPE_READ, show, 0 },
    { "PATCH", ONE, ACCESS_OWNER, SCOPE_ADMIN, change, 0 },
    { "DELETE", ONE, ACCESS_OWNER, SCOPE_ADMIN, delete, 0 },
    { "POST", ONE "/test", ACCESS_OWNER, SCOPE_ADMIN, try_it, 0 },
    { "GET", DELIVERIES, ACCESS_OWNER, SCOPE_READ, list_deliveries, 0 },
    { "GET", DELIVERIES "/{delivery}", ACCESS_OWNER, SCOPE_READ, show_delivery, 0 },
    { "POST", DELIVERIES "/{delivery}/again", ACCESS_OWNER, SCOPE_ADMIN, send_again, 0 },
    { NULL },
};
