#include "block/rbd_name.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"

bool rbd_name_is(const char *text)
{
    return g_str_has_prefix(text, "rbd:");
}

void rbd_name_clear(struct rbd_name *n)
{
    g_free(n->cluster);
    g_free(n->pool);
    g_free(n->space);
    g_free(n->image);
    g_free(n->snapshot);
    *n = (struct rbd_name){ 0 };
}

static bool is_part(const char *part)
{
    size_t len = strlen(part);
    if (len == 0 || len > LIMIT_RBD_NAME)
        return false;
    for (const char *p = part; *p != '\0'; p++) {
        if (g_ascii_iscntrl(*p))
            return false;
    }
    return g_utf8_validate(part, -1, NULL);
}

bool rbd_name_parse(const char *text, struct rbd_name *out, GError **error)
{
    bool with_cluster = g_str_has_prefix(text, "rbd://");
    const char *rest = text + strlen(with_cluster ? "rbd://" : "rbd:");
    if (!rbd_name_is(text))
        return fail(error, ASSAY_ERROR_INVALID, "%s: does not begin with rbd:", text);
    const char *at = strchr(rest, '@');
    g_autofree char *path = at != NULL ? g_strndup(rest, (gsize)(at - rest)) : g_strdup(rest);
    g_auto(GStrv) parts = g_strsplit(path, "/", 5);
    guint count = g_strv_length(parts), first = with_cluster ? 1 : 0;
    bool right = (count == first + 2 || count == first + 3) && (at == NULL || is_part(at + 1)) &&
                 (at == NULL || strpbrk(at + 1, "/@") == NULL);
    for (guint i = 0; i < count; i++)
        right = right && is_part(parts[i]);
    if (!right)
        return fail(error, ASSAY_ERROR_INVALID,
                    "%s: not of the form rbd:POOL/[NAMESPACE/]IMAGE[@SNAPSHOT] or "
                    "rbd://CLUSTER/POOL/[NAMESPACE/]IMAGE[@SNAPSHOT]",
                    text);
    *out = (struct rbd_name){
        .cluster = with_cluster ? g_strdup(parts[0]) : NULL,
        .pool = g_strdup(parts[first]),
        .space = g_strdup(count == first + 3 ? parts[first + 1] : ""),
        .image = g_strdup(parts[count - 1]),
        .snapshot = at != NULL ? g_strdup(at + 1) : NULL,
    };
    return true;
}
