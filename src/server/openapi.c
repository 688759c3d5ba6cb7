#include "server/openapi.h"

#include <string.h>

#include "base/error.h"
#include "base/yaml.h"
#include "server/schema.h"

extern const char openapi_text[];

struct openapi {
    json_t *document;
    char *json;
    GString *page;
};

static const char *const accesses[ACCESS_COUNT] = {
    [ACCESS_ANYONE] = "anyone",     [ACCESS_USER] = "user",   [ACCESS_VIEWER] = "viewer",
    [ACCESS_OPERATOR] = "operator", [ACCESS_OWNER] = "owner", [ACCESS_AUDITOR] = "auditor",
    [ACCESS_ADMIN] = "admin",
};
static const char *const methods[] = { "get", "post", "put", "patch", "delete", NULL };

const char *access_name(enum access access)
{
    return accesses[access];
}

static const json_t *operation(const struct openapi *api, const struct route *r)
{
    g_autofree char *method = g_ascii_strdown(r->method, -1);
    return json_object_get(json_object_get(json_object_get(api->document, "paths"), r->pattern),
                           method);
}

static const json_t *body_schema(const struct openapi *api, const struct route *r)
{
    const json_t *body = json_object_get(operation(api, r), "requestBody");
    return json_object_get(json_object_get(json_object_get(body, "content"), "application/json"),
                           "schema");
}

static bool says_the_same(const struct openapi *api, const struct route *r, GError **error)
{
    const json_t *op = operation(api, r), *schema = body_schema(api, r);
    const char *access = json_string_value(json_object_get(op, "x-access"));
    const char *scope = json_string_value(json_object_get(op, "x-scope"));
    g_autofree char *scopes = r->access != ACCESS_ANYONE ? scopes_text(r->scope) : NULL;
    g_autofree char *where = g_strdup_printf("openapi: %s %s", r->method, r->pattern);
    if (op == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "%s: not described", where);
    if (g_strcmp0(access, accesses[r->access]) != 0)
        return fail(error, ASSAY_ERROR_INVALID, "%s: x-access is not '%s'", where,
                    accesses[r->access]);
    if (g_strcmp0(scope, scopes) != 0)
        return fail(error, ASSAY_ERROR_INVALID, "%s: x-scope is not '%s'", where,
                    scopes != NULL ? scopes : "");
    if (json_object_get(json_object_get(op, "responses"), "default") == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "%s: does not say what a failure looks like",
                    where);
    return schema == NULL || schema_usable(api->document, schema, where, error);
}

static bool has_route(const struct route *const *tables, const char *method, const char *pattern)
{
    for (; *tables != NULL; tables++) {
        for (const struct route *r = *tables; r->method != NULL; r++) {
            if (g_ascii_strcasecmp(r->method, method) == 0 && g_str_equal(r->pattern, pattern))
                return true;
        }
    }
    return false;
}

static bool compare(const struct openapi *api, const struct route *const *tables, GError **error)
{
    const char *pattern;
    json_t *path;
    for (const struct route *const *t = tables; *t != NULL; t++) {
        for (const struct route *r = *t; r->method != NULL; r++) {
            if (!says_the_same(api, r, error))
                return false;
        }
    }
    json_object_foreach(json_object_get(api->document, "paths"), pattern, path) {
        for (const char *const *m = methods; *m != NULL; m++) {
            if (json_object_get(path, *m) != NULL && !has_route(tables, *m, pattern))
                return fail(error, ASSAY_ERROR_INVALID, "openapi: %s %s: there is no such route",
                            *m, pattern);
        }
    }
    return true;
}

struct openapi *openapi_load(const struct route *const *tables, GError **error)
{
    json_t *document = yaml_load("openapi.yaml", openapi_text, strlen(openapi_text), error);
    if (document == NULL)
        return NULL;
    struct openapi *api = g_new0(struct openapi, 1);
    api->document = document;
    if (!compare(api, tables, error)) {
        openapi_free(api);
        return NULL;
    }
    api->json = json_dumps(document, JSON_INDENT(1));
    api->page = openapi_page_make(document);
    return api;
}

void openapi_free(struct openapi *api)
{
    if (api == NULL)
        return;
    json_decref(api->document);
    free(api->json);
    if (api->page != NULL)
        g_string_free(api->page, TRUE);
    g_free(api);
}

const char *openapi_yaml(const struct openapi *api)
{
    return openapi_text;
}

const char *openapi_json(const struct openapi *api)
{
    return api->json;
}

const char *openapi_page(const struct openapi *api)
{
    return api->page->str;
}

static bool query_has(const struct openapi *api, const json_t *parameters, const char *name)
{
    const json_t *all = json_object_get(json_object_get(api->document, "components"), "parameters");
    json_t *one;
    size_t i;
    json_array_foreach(parameters, i, one) {
        const char *reference = json_string_value(json_object_get(one, "$ref"));
        if (reference != NULL)
            one = json_object_get(all, strrchr(reference, '/') + 1);
        if (g_strcmp0(json_string_value(json_object_get(one, "in")), "query") == 0 &&
            g_strcmp0(json_string_value(json_object_get(one, "name")), name) == 0)
            return true;
    }
    return false;
}

bool openapi_check_query(const struct openapi *api, const struct route *r, GHashTable *query,
                         GError **error)
{
    const json_t *path = json_object_get(json_object_get(api->document, "paths"), r->pattern);
    const json_t *of_all = json_object_get(path, "parameters");
    const json_t *of_this = json_object_get(operation(api, r), "parameters");
    GHashTableIter i;
    gpointer name;
    g_hash_table_iter_init(&i, query);
    while (g_hash_table_iter_next(&i, &name, NULL)) {
        if (!query_has(api, of_all, name) && !query_has(api, of_this, name))
            return fail(error, ASSAY_ERROR_INVALID, "%s: the query has no such member",
                        (const char *)name);
    }
    return true;
}

void openapi_wants_body(const struct openapi *api, const struct route *r, bool *may, bool *must)
{
    const json_t *body = json_object_get(operation(api, r), "requestBody");
    *may = body != NULL;
    *must = json_is_true(json_object_get(body, "required"));
}

bool openapi_check_body(const struct openapi *api, const struct route *r, const json_t *body,
                        GError **error)
{
    return schema_check(api->document, body_schema(api, r), body, error);
}
