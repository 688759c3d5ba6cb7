#include "advisory/purl.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"

/* "%2B" to "+". NULL when the arena is full; texts with wrong escapes or NUL bytes stay as they
 * are: they then match nothing. */
static char *decode(struct arena *a, const char *text, size_t len)
{
    g_autofree char *raw = g_strndup(text, len);
    g_autofree char *decoded = g_uri_unescape_string(raw, NULL);
    return arena_strdup(a, decoded != NULL ? decoded : raw);
}

static char *decode_lower(struct arena *a, const char *text, size_t len)
{
    char *out = decode(a, text, len);
    for (char *p = out; p != NULL && *p != '\0'; p++)
        *p = g_ascii_tolower(*p);
    return out;
}

/* "key=value&key=value" */
static bool parse_qualifiers(struct arena *a, const char *text, const char *end, struct purl *out)
{
    unsigned most = 1;
    for (const char *p = text; p < end && most < LIMIT_PURL_QUALIFIERS; p++)
        most += *p == '&';
    struct purl_qualifier *list = arena_alloc(a, most * sizeof *list);
    if (list == NULL)
        return false;
    out->qualifiers = list;
    while (text < end && out->qualifier_count < most) {
        const char *stop = memchr(text, '&', (size_t)(end - text));
        stop = stop != NULL ? stop : end;
        const char *is = memchr(text, '=', (size_t)(stop - text));
        if (is != NULL && is + 1 < stop) {
            struct purl_qualifier *q = &list[out->qualifier_count++];
            q->key = decode_lower(a, text, (size_t)(is - text));
            q->value = decode(a, is + 1, (size_t)(stop - is - 1));
            if (q->key == NULL || q->value == NULL)
                return false;
        }
        text = stop < end ? stop + 1 : end;
    }
    return true;
}

/* The last place of a byte in [text, end); NULL. */
static const char *last_of(const char *text, const char *end, char c)
{
    return memrchr(text, c, (size_t)(end - text));
}

const struct purl *purl_parse(struct arena *a, const char *text, GError **error)
{
    enum { SCHEME = 4 };
    struct purl *out = arena_new0(a, struct purl);
    const char *end = text + strlen(text), *p = text;
    bool ok = out != NULL;
    if (g_ascii_strncasecmp(text, "pkg:", SCHEME) != 0)
        goto wrong;
    p += SCHEME;
    while (*p == '/')
        p++;
    const char *subpath = strchr(p, '#');
    end = subpath != NULL ? subpath : end;
    const char *query = memchr(p, '?', (size_t)(end - p));
    if (query != NULL) {
        ok = ok && parse_qualifiers(a, query + 1, end, out);
        end = query;
    }
    const char *slash = memchr(p, '/', (size_t)(end - p));
    if (slash == NULL || slash == p)
        goto wrong;
    const char *type = p, *type_end = slash;
    for (p = slash; p < end && *p == '/'; p++)
        ;
    /* A version behind the last slash: "pkg:npm/@scope/name@1". */
    const char *name = last_of(p, end, '/');
    name = name != NULL ? name + 1 : p;
    const char *at = last_of(name, end, '@');
    const char *name_end = at != NULL && at > name ? at : end;
    if (name == name_end)
        goto wrong;
    if (!ok)
        goto full;
    out->type = decode_lower(a, type, (size_t)(type_end - type));
    out->name = decode(a, name, (size_t)(name_end - name));
    if (name > p)
        out->namespace = decode(a, p, (size_t)(name - 1 - p));
    if (name_end + 1 < end)
        out->version = decode(a, name_end + 1, (size_t)(end - name_end - 1));
    if (out->type == NULL || out->name == NULL || (name > p && out->namespace == NULL) ||
        (name_end + 1 < end && out->version == NULL))
        goto full;
    return out;
wrong:
    (void)fail(error, ASSAY_ERROR_INVALID, "'%.100s' is not a package URL", text);
    return NULL;
full:
    (void)fail_limit(error, "too many package URLs");
    return NULL;
}

const char *purl_qualifier(const struct purl *p, const char *key)
{
    for (unsigned i = 0; i < p->qualifier_count; i++)
        if (g_str_equal(p->qualifiers[i].key, key))
            return p->qualifiers[i].value;
    return NULL;
}
