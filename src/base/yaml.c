#include "base/yaml.h"

#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/number.h"

struct loader {
    yaml_parser_t parser;
    const char *name;
    json_t *open[LIMIT_YAML_DEPTH]; /* containers, outermost first; borrowed but for the first */
    char *key[LIMIT_YAML_DEPTH];    /* of an object: the key whose value comes next */
    unsigned depth;
    json_t *top;
};

static bool fail_at(const struct loader *l, const yaml_event_t *e, const char *why, GError **error)
{
    return fail(error, ASSAY_ERROR_INVALID, "%s, line %zu: %s", l->name, e->start_mark.line + 1,
                why);
}

static json_t *scalar(const yaml_event_t *e)
{
    const char *text = (const char *)e->data.scalar.value;
    size_t len = e->data.scalar.length;
    int64_t number;
    if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return json_stringn(text, len);
    if (len == 0 || g_str_equal(text, "null") || g_str_equal(text, "~"))
        return json_null();
    if (g_str_equal(text, "true") || g_str_equal(text, "false"))
        return json_boolean(text[0] == 't');
    if (parse_i64(text, len, &number))
        return json_integer(number);
    return json_stringn(text, len);
}

/* Puts a value (taken over) where it belongs. */
static bool put(struct loader *l, const yaml_event_t *e, json_t *value, GError **error)
{
    if (value == NULL)
        return fail_at(l, e, "not UTF-8", error);
    if (l->depth == 0) {
        l->top = value;
        return true;
    }
    json_t *in = l->open[l->depth - 1];
    if (json_is_array(in))
        return json_array_append_new(in, value) == 0 || fail_at(l, e, "too much", error);
    g_autofree char *key = g_steal_pointer(&l->key[l->depth - 1]);
    if (json_object_get(in, key) != NULL) {
        json_decref(value);
        return fail_at(l, e, "the key is there twice", error);
    }
    return json_object_set_new(in, key, value) == 0 || fail_at(l, e, "not UTF-8", error);
}

static bool wants_key(const struct loader *l)
{
    return l->depth > 0 && json_is_object(l->open[l->depth - 1]) && l->key[l->depth - 1] == NULL;
}

static bool begin(struct loader *l, const yaml_event_t *e, json_t *container, GError **error)
{
    if (wants_key(l) || l->depth == LIMIT_YAML_DEPTH) {
        json_decref(container);
        return fail_at(l, e, wants_key(l) ? "a key that is not a text" : "nested too deep", error);
    }
    if (!put(l, e, container, error))
        return false;
    l->open[l->depth] = container;
    l->key[l->depth++] = NULL;
    return true;
}

static bool take(struct loader *l, const yaml_event_t *e, GError **error)
{
    switch ((int)e->type) {
    case YAML_ALIAS_EVENT:
        return fail_at(l, e, "aliases are not understood", error);
    case YAML_SCALAR_EVENT:
        if (e->data.scalar.anchor != NULL || e->data.scalar.tag != NULL)
            return fail_at(l, e, "anchors and tags are not understood", error);
        if (!wants_key(l))
            return put(l, e, scalar(e), error);
        l->key[l->depth - 1] = g_strndup((const char *)e->data.scalar.value, e->data.scalar.length);
        return true;
    case YAML_SEQUENCE_START_EVENT:
        return begin(l, e, json_array(), error);
    case YAML_MAPPING_START_EVENT:
        return begin(l, e, json_object(), error);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        l->depth--;
        return true;
    case YAML_DOCUMENT_START_EVENT:
        return l->top == NULL || fail_at(l, e, "a second document", error);
    default:
        return true;
    }
}

json_t *yaml_load(const char *name, const char *text, size_t len, GError **error)
{
    struct loader l = { .name = name };
    bool ok = yaml_parser_initialize(&l.parser) != 0, end = false;
    if (!ok) {
        (void)fail(error, ASSAY_ERROR_LIMIT, "%s: no memory", name);
        return NULL;
    }
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, len);
    while (ok && !end) {
        yaml_event_t e;
        if (yaml_parser_parse(&l.parser, &e) == 0) {
            ok = fail(error, ASSAY_ERROR_INVALID, "%s, line %zu: %s", name,
                      l.parser.problem_mark.line + 1,
                      l.parser.problem != NULL ? l.parser.problem : "not YAML");
            break;
        }
        end = e.type == YAML_STREAM_END_EVENT;
        ok = take(&l, &e, error);
        yaml_event_delete(&e);
    }
    yaml_parser_delete(&l.parser);
    while (l.depth > 0)
        g_free(l.key[--l.depth]);
    if (!ok)
        g_clear_pointer(&l.top, json_decref);
    return ok && l.top == NULL ? json_object() : l.top;
}
