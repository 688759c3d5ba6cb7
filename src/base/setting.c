#include "base/setting.h"

#include "base/error.h"

static bool set(const struct setting *m, const json_t *value)
{
    switch (m->kind) {
    case SETTING_TEXT:
        if (!json_is_string(value) || json_string_length(value) == 0)
            return false;
        g_free(*(char **)m->to);
        *(char **)m->to = g_strdup(json_string_value(value));
        return true;
    case SETTING_TRUTH:
        if (!json_is_boolean(value))
            return false;
        *(bool *)m->to = json_is_true(value);
        return true;
    case SETTING_NUMBER:
        if (!json_is_integer(value) || json_integer_value(value) < 0 ||
            (uint64_t)json_integer_value(value) > m->max)
            return false;
        *(uint64_t *)m->to = (uint64_t)json_integer_value(value);
        return true;
    case SETTING_OBJECT:
        if (!json_is_object(value))
            return false;
        json_decref(*(json_t **)m->to);
        *(json_t **)m->to = json_incref((json_t *)value);
        return true;
    }
    return false;
}

bool setting_read(const struct setting *members, const char *section, const json_t *map,
                  GError **error)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)map, name, value) {
        const struct setting *m = members;
        while (m->name != NULL && !g_str_equal(m->name, name))
            m++;
        if (m->name == NULL)
            return fail(error, ASSAY_ERROR_INVALID, "%s.%s: there is no such setting", section,
                        name);
        if (!set(m, value))
            return m->kind == SETTING_NUMBER
                       ? fail(error, ASSAY_ERROR_INVALID,
                              "%s.%s: a number from 0 to %" G_GUINT64_FORMAT, section, name, m->max)
                       : fail(error, ASSAY_ERROR_INVALID, "%s.%s: not a %s", section, name,
                              m->kind == SETTING_TEXT    ? "text"
                              : m->kind == SETTING_TRUTH ? "true or false"
                                                         : "map");
    }
    return true;
}
