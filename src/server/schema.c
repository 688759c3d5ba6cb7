#include "server/schema.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"

/* Nothing of a description is followed deeper than LIMIT_JSON_DEPTH, so recursion has an end. */
static const char *const keywords[] = {
    "$ref",    "type",    "properties", "required",    "additionalProperties",
    "enum",    "pattern", "minLength",  "maxLength",   "minimum",
    "maximum", "items",   "minItems",   "maxItems",    "maxProperties",
    "format",  "title",   "examples",   "description", "writeOnly",
    "default", NULL,
};

const json_t *schema_resolve(const json_t *document, const json_t *schema)
{
    for (unsigned i = 0; i < LIMIT_JSON_DEPTH; i++) {
        const char *ref = json_string_value(json_object_get(schema, "$ref"));
        if (ref == NULL)
            return schema;
        if (!g_str_has_prefix(ref, "#/"))
            return NULL;
        g_auto(GStrv) parts = g_strsplit(ref + 2, "/", -1);
        schema = document;
        for (char **p = parts; *p != NULL; p++)
            schema = json_object_get(schema, *p);
    }
    return NULL;
}

static bool usable(const json_t *document, const json_t *schema, const char *where, unsigned depth,
                   GError **error)
{
    const char *key;
    json_t *value;
    if (depth > LIMIT_JSON_DEPTH || !json_is_object(schema))
        return fail(error, ASSAY_ERROR_INVALID, "%s: nested too deep, or not an object", where);
    json_object_foreach((json_t *)schema, key, value) {
        if (!g_strv_contains(keywords, key))
            return fail(error, ASSAY_ERROR_INVALID, "%s: '%s' is not understood in a schema", where,
                        key);
    }
    const json_t *target = schema_resolve(document, schema);
    if (target == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "%s: a $ref leads nowhere", where);
    if (target != schema)
        return usable(document, target, where, depth + 1, error);
    json_object_foreach(json_object_get(schema, "properties"), key, value) {
        g_autofree char *inner = g_strdup_printf("%s.%s", where, key);
        if (!usable(document, value, inner, depth + 1, error))
            return false;
    }
    const json_t *items = json_object_get(schema, "items");
    const json_t *others = json_object_get(schema, "additionalProperties");
    return (items == NULL || usable(document, items, where, depth + 1, error)) &&
           (!json_is_object(others) || usable(document, others, where, depth + 1, error));
}

bool schema_usable(const json_t *document, const json_t *schema, const char *where, GError **error)
{
    return usable(document, schema, where, 0, error);
}

/* --- checking ----------------------------------------------------------------------------------
 */

struct check {
    const json_t *document;
    GError **error;
};

static bool wrong(const struct check *k, const char *where, const char *why)
{
    return fail(k->error, ASSAY_ERROR_INVALID, "%s: %s", where[0] != '\0' ? where : "body", why);
}

static bool not_of_the_form(const struct check *k, const char *where, const char *pattern)
{
    g_autofree char *why = g_strdup_printf("not of the form %s", pattern);
    return wrong(k, where, why);
}

static bool is_type(const json_t *value, const char *type)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "object",   [JSON_ARRAY] = "array", [JSON_STRING] = "string",
        [JSON_INTEGER] = "integer", [JSON_REAL] = "number", [JSON_TRUE] = "boolean",
        [JSON_FALSE] = "boolean",   [JSON_NULL] = "null",
    };
    return type != NULL && (g_str_equal(names[json_typeof(value)], type) ||
                            (json_is_integer(value) && g_str_equal(type, "number")));
}

static bool check_type(const struct check *k, const json_t *schema, const json_t *value,
                       const char *where)
{
    const json_t *type = json_object_get(schema, "type");
    json_t *one;
    size_t i;
    if (type == NULL)
        return true;
    if (json_is_string(type) && is_type(value, json_string_value(type)))
        return true;
    json_array_foreach(type, i, one) {
        if (is_type(value, json_string_value(one)))
            return true;
    }
    g_autofree char *names = json_dumps(type, JSON_COMPACT | JSON_ENCODE_ANY);
    g_autofree char *why = g_strdup_printf("not of type %s", names);
    return wrong(k, where, why);
}

static bool within(const json_t *schema, const char *least, const char *most, json_int_t number)
{
    const json_t *min = json_object_get(schema, least), *max = json_object_get(schema, most);
    return (min == NULL || number >= json_integer_value(min)) &&
           (max == NULL || number <= json_integer_value(max));
}

static bool check_text(const struct check *k, const json_t *schema, const json_t *value,
                       const char *where)
{
    const char *text = json_string_value(value);
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    if (strlen(text) != json_string_length(value))
        return wrong(k, where, "holds a NUL");
    if (!within(schema, "minLength", "maxLength", g_utf8_strlen(text, -1)))
        return wrong(k, where, "too short or too long");
    return pattern == NULL || g_regex_match_simple(pattern, text, G_REGEX_DOLLAR_ENDONLY, 0) ||
           not_of_the_form(k, where, pattern);
}

static bool check(const struct check *k, const json_t *schema, const json_t *value,
                  const char *where, unsigned depth);

static bool check_object(const struct check *k, const json_t *schema, const json_t *value,
                         const char *where, unsigned depth)
{
    const json_t *others = json_object_get(schema, "additionalProperties");
    const char *key;
    json_t *member, *name;
    size_t i;
    if (!within(schema, "minProperties", "maxProperties", (json_int_t)json_object_size(value)))
        return wrong(k, where, "too many members");
    json_array_foreach(json_object_get(schema, "required"), i, name) {
        if (json_object_get(value, json_string_value(name)) == NULL) {
            g_autofree char *why = g_strdup_printf("'%s' is missing", json_string_value(name));
            return wrong(k, where, why);
        }
    }
    json_object_foreach((json_t *)value, key, member) {
        const json_t *of = json_object_get(json_object_get(schema, "properties"), key);
        g_autofree char *inner = g_strdup_printf("%s%s%s", where, where[0] ? "." : "", key);
        if (of == NULL && json_is_false(others))
            return wrong(k, inner, "there is no such member");
        if (of == NULL)
            of = json_is_object(others) ? others : NULL;
        if (of != NULL && !check(k, of, member, inner, depth + 1))
            return false;
    }
    return true;
}

static bool check_array(const struct check *k, const json_t *schema, const json_t *value,
                        const char *where, unsigned depth)
{
    const json_t *items = json_object_get(schema, "items");
    json_t *item;
    size_t i;
    if (!within(schema, "minItems", "maxItems", (json_int_t)json_array_size(value)))
        return wrong(k, where, "too few or too many items");
    json_array_foreach(value, i, item) {
        g_autofree char *inner = g_strdup_printf("%s[%zu]", where, i);
        if (items != NULL && !check(k, items, item, inner, depth + 1))
            return false;
    }
    return true;
}

static bool check(const struct check *k, const json_t *schema, const json_t *value,
                  const char *where, unsigned depth)
{
    const json_t *allowed;
    json_t *one;
    size_t i;
    schema = schema_resolve(k->document, schema);
    if (depth > LIMIT_JSON_DEPTH)
        return wrong(k, where, "nested too deep");
    if (!check_type(k, schema, value, where))
        return false;
    allowed = json_object_get(schema, "enum");
    if (allowed != NULL) {
        bool found = false;
        json_array_foreach(allowed, i, one)
            found = found || json_equal(one, value);
        if (!found) {
            g_autofree char *words = json_dumps(allowed, JSON_COMPACT);
            g_autofree char *why = g_strdup_printf("none of %s", words);
            return wrong(k, where, why);
        }
    }
    if (json_is_integer(value) && !within(schema, "minimum", "maximum", json_integer_value(value)))
        return wrong(k, where, "too small or too large");
    if (json_is_string(value))
        return check_text(k, schema, value, where);
    if (json_is_object(value))
        return check_object(k, schema, value, where, depth);
    return !json_is_array(value) || check_array(k, schema, value, where, depth);
}

bool schema_check(const json_t *document, const json_t *schema, const json_t *value, GError **error)
{
    const struct check k = { document, error };
    return check(&k, schema, value, "", 0);
}
