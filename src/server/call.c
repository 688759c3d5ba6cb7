#include "server/call.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/number.h"
#include "base/text.h"
#include "server/server.h"
#include "store/secret.h"
#include "store/users.h"

#define PAGE_USUAL 50
#define PAGE_MAX   500

G_DEFINE_QUARK(assay - problem - quark, problem)

bool problem(GError **error, unsigned status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, PROBLEM, (int)status, "%s", text);
    return false;
}

const char *call_parameter(const struct call *c, const char *name)
{
    size_t len = strlen(name);
    for (unsigned i = 0; i < c->parameter_count; i++) {
        if (c->parameters[i].len == len && memcmp(c->parameters[i].name, name, len) == 0)
            return c->parameters[i].value;
    }
    return NULL;
}

const char *call_text(const struct call *c, const char *name)
{
    return json_string_value(json_object_get(c->body, name));
}

char *call_json(const struct call *c, const char *name)
{
    const json_t *value = json_object_get(c->body, name);
    return value != NULL ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
}

bool call_page(const struct call *c, struct store_page *page, GError **error)
{
    const char *limit = http_query(c->request, "limit"), *after = http_query(c->request, "after");
    uint64_t wanted = PAGE_USUAL;
    if (limit != NULL &&
        (!parse_u64(limit, strlen(limit), &wanted) || wanted < 1 || wanted > PAGE_MAX))
        return problem(error, 400, "limit: a number from 1 to %d", PAGE_MAX);
    page->after = after != NULL ? after : "";
    page->limit = (int64_t)wanted + 1;
    return true;
}

guint call_list_count(const GPtrArray *found, const struct store_page *page)
{
    return (guint)MIN(found->len, page->limit - 1);
}

void call_list_begin(struct call *c)
{
    jw_object_begin(&c->out, NULL);
    jw_array_begin(&c->out, "items");
}

bool call_list(struct call *c, const GPtrArray *found, const struct store_page *page,
               call_item write, glong next, GError **error)
{
    if (found == NULL)
        return false;
    gconstpointer last = NULL;
    guint count = call_list_count(found, page);
    call_list_begin(c);
    for (guint i = 0; i < count; i++) {
        last = found->pdata[i];
        if (!write(c, last, error))
            return false;
    }
    call_list_end(c, count < found->len ? G_STRUCT_MEMBER(const char *, last, next) : NULL);
    return true;
}

void call_list_end(struct call *c, const char *last)
{
    jw_array_end(&c->out);
    jw_string_opt(&c->out, "next", last);
    jw_object_end(&c->out);
    if (last == NULL)
        return;
    const char *limit = http_query(c->request, "limit");
    g_autofree char *number = limit != NULL ? g_strdup_printf("&limit=%s", limit) : g_strdup("");
    g_autofree char *link =
        g_strdup_printf("<%s?after=%s%s>; rel=\"next\"", c->request->path, last, number);
    http_set_header(c->response, "Link", link);
}

bool call_version(struct call *c, int64_t version)
{
    g_autofree char *etag = g_strdup_printf("\"v%" G_GINT64_FORMAT "\"", version);
    http_set_header(c->response, "ETag", etag);
    return true;
}

bool call_version_and_content(struct call *c, int64_t version)
{
    g_autofree char *digest = secret_digest(c->out.buffer->str, c->out.buffer->len);
    g_autofree char *etag = g_strdup_printf("\"v%" G_GINT64_FORMAT "-%.32s\"", version, digest);
    http_set_header(c->response, "ETag", etag);
    return true;
}

bool call_if_match(const struct call *c, int64_t *version, GError **error)
{
    const char *wanted = http_header(c->request, "if-match");
    *version = 0;
    if (wanted == NULL || g_str_equal(wanted, "*"))
        return true;
    size_t len = strlen(wanted), digits = len > 3 ? strcspn(wanted + 2, "-\"") : 0;
    if (len > 3 && g_str_has_prefix(wanted, "\"v") && wanted[len - 1] == '"' &&
        parse_i64(wanted + 2, digits, version) && *version > 0)
        return true;
    return problem(error, 412, "If-Match: not an ETag that this was ever known by");
}

void call_created(struct call *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *location = g_strdup_vprintf(format, args);
    va_end(args);
    c->response->status = 201;
    http_set_header(c->response, "Location", location);
}

bool call_no_content(struct call *c)
{
    c->response->status = 204;
    return true;
}

static bool begin_hash(struct call *c, GError **error)
{
    if (server_hash_begin(c->server))
        return true;
    http_set_header(c->response, "Retry-After", "1");
    return problem(error, 503, "too many logins at once; try again");
}

char *call_hash(struct call *c, const char *password, GError **error)
{
    if (!begin_hash(c, error))
        return NULL;
    char *hash = secret_hash_password(password, error);
    server_hash_end(c->server);
    return hash;
}

char *call_password(struct call *c, const char *name, const char *password, unsigned wrong,
                    GError **error)
{
    int64_t wait;
    g_autoptr(GError) failure = NULL;
    if (!begin_hash(c, error))
        return NULL;
    char *account = user_login(c->db, name, password, c->request->remote, &wait, &failure);
    server_hash_end(c->server);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
    } else if (wait > 0) {
        g_autofree char *after = g_strdup_printf("%" G_GINT64_FORMAT, wait);
        http_set_header(c->response, "Retry-After", after);
        (void)problem(error, 429, "too many failed logins; wait %s seconds", after);
    } else if (account == NULL) {
        (void)problem(error, wrong, "wrong name or password");
    }
    return account;
}

void call_write_time(struct json_writer *w, const char *key, int64_t microseconds)
{
    g_autofree char *text =
        microseconds > 0 ? text_time(microseconds / (int64_t)G_USEC_PER_SEC) : NULL;
    jw_string(w, key, text);
}

void call_write_json(struct json_writer *w, const char *key, const char *json)
{
    if (json != NULL && *json != '\0')
        jw_json(w, key, json);
    else
        jw_null(w, key);
}
