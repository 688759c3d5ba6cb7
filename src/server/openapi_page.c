#include <string.h>

#include "server/openapi.h"
#include "server/schema.h"

static void text(GString *out, const json_t *value)
{
    g_autofree char *escaped =
        json_is_string(value) ? g_markup_escape_text(json_string_value(value), -1) : NULL;
    if (escaped != NULL)
        g_string_append(out, escaped);
}

static void code(GString *out, const json_t *value)
{
    g_autofree char *plain = json_dumps(value, JSON_ENCODE_ANY | JSON_INDENT(2));
    g_autofree char *escaped = plain != NULL ? g_markup_escape_text(plain, -1) : g_strdup("");
    g_string_append_printf(out, "<pre>%s</pre>\n", escaped);
}

static void parameters(GString *out, const json_t *document, const json_t *list)
{
    json_t *item;
    size_t i;
    json_array_foreach(list, i, item) {
        const json_t *p = schema_resolve(document, item);
        g_string_append(out, "<li><code>");
        text(out, json_object_get(p, "name"));
        g_string_append(out, "</code> (");
        text(out, json_object_get(p, "in"));
        g_string_append(out, ") ");
        text(out, json_object_get(p, "description"));
        g_string_append(out, "</li>\n");
    }
}

static void operation(GString *out, const json_t *document, const char *path, const char *method,
                      const json_t *op, const json_t *shared)
{
    const json_t *content = json_object_get(
        json_object_get(json_object_get(op, "requestBody"), "content"), "application/json");
    const json_t *schema = schema_resolve(document, json_object_get(content, "schema"));
    const char *status;
    json_t *answer;
    g_autofree char *upper = g_ascii_strup(method, -1);
    g_string_append_printf(out, "<section id=\"%s%s\"><h2><b>%s</b> <code>%s</code></h2>\n<p>",
                           method, path, upper, path);
    text(out, json_object_get(op, "summary"));
    g_string_append(out, "</p>\n<p>");
    text(out, json_object_get(op, "description"));
    g_string_append(out, "</p>\n<p>For: <b>");
    text(out, json_object_get(op, "x-access"));
    g_string_append(out, "</b>; scope of the token: <b>");
    text(out, json_object_get(op, "x-scope"));
    g_string_append(out, "</b></p>\n<ul>\n");
    parameters(out, document, shared);
    parameters(out, document, json_object_get(op, "parameters"));
    g_string_append(out, "</ul>\n");
    if (schema != NULL) {
        g_string_append(out, "<p>Body:</p>\n");
        code(out, schema);
    }
    g_string_append(out, "<ul>\n");
    json_object_foreach(json_object_get(op, "responses"), status, answer) {
        g_string_append_printf(out, "<li><code>%s</code> ", status);
        text(out, json_object_get(schema_resolve(document, answer), "description"));
        g_string_append(out, "</li>\n");
    }
    g_string_append(out, "</ul></section>\n");
}

GString *openapi_page_make(const json_t *document)
{
    static const char *const methods[] = { "get", "post", "put", "patch", "delete", NULL };
    const json_t *info = json_object_get(document, "info");
    const char *path;
    json_t *item;
    GString *out = g_string_new("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                                "<meta name=\"viewport\" content=\"width=device-width\">"
                                "<title>");
    text(out, json_object_get(info, "title"));
    g_string_append(out,
                    "</title><style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em "
                    "auto;padding:0 1em}section{border-top:1px solid #888}h2{font-size:1.1em}"
                    "pre{overflow:auto;background:#8882;padding:.5em}</style></head><body><h1>");
    text(out, json_object_get(info, "title"));
    g_string_append(out, "</h1><p>");
    text(out, json_object_get(info, "description"));
    g_string_append(out, "</p><p><a href=\"/v1/openapi.yaml\">OpenAPI (YAML)</a> "
                         "<a href=\"/v1/openapi.json\">OpenAPI (JSON)</a></p>\n");
    json_object_foreach(json_object_get(document, "paths"), path, item) {
        for (const char *const *m = methods; *m != NULL; m++) {
            const json_t *op = json_object_get(item, *m);
            if (op != NULL)
                operation(out, document, path, *m, op, json_object_get(item, "parameters"));
        }
    }
    g_string_append(out, "</body></html>\n");
    return out;
}
