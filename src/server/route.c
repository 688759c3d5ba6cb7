#include <string.h>

#include "server/router.h"

void route_clear(struct call *c)
{
    for (unsigned i = 0; i < c->parameter_count; i++)
        g_free(c->parameters[i].value);
    c->parameter_count = 0;
}

/* Whether path is as the pattern says, segment by segment; parameters are never empty. */
static bool matches(const char *pattern, const char *path, struct call *c)
{
    route_clear(c);
    while (*pattern == '/' && *path == '/') {
        size_t want = strcspn(++pattern, "/"), got = strcspn(++path, "/");
        if (pattern[0] == '{') {
            if (got == 0)
                return false;
            g_assert(c->parameter_count < CALL_PARAMETERS); /* of our own table */
            c->parameters[c->parameter_count].name = pattern + 1;
            c->parameters[c->parameter_count].len = want - 2;
            c->parameters[c->parameter_count++].value = g_strndup(path, got);
        } else if (want != got || memcmp(pattern, path, want) != 0) {
            return false;
        }
        pattern += want;
        path += got;
    }
    return *pattern == '\0' && *path == '\0';
}

const struct route *route_find(const struct route *const *tables, const char *method,
                               const char *path, struct call *c, char **allow)
{
    g_autoptr(GString) others = g_string_new(NULL);
    *allow = NULL;
    for (; *tables != NULL; tables++) {
        for (const struct route *r = *tables; r->method != NULL; r++) {
            if (!matches(r->pattern, path, c))
                continue;
            if (g_str_equal(r->method, method))
                return r;
            g_string_append_printf(others, "%s%s", others->len > 0 ? ", " : "", r->method);
            if (g_str_equal(r->method, "GET"))
                g_string_append(others, ", HEAD");
        }
    }
    route_clear(c);
    if (others->len > 0)
        *allow = g_string_free(g_steal_pointer(&others), FALSE);
    return NULL;
}
