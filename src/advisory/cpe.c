#include "advisory/cpe.h"

#include <glib.h>
#include <string.h>

/* Their places in both forms, behind the part ("o" or "a"). */
enum { VENDOR, PRODUCT, VERSION, UPDATE, FIELDS };

struct cpe {
    char *fields[FIELDS]; /* lower case; NULL: any */
};

static void cpe_clear(struct cpe *c)
{
    for (int i = 0; i < FIELDS; i++)
        g_free(c->fields[i]);
}

/* "%2e" and "\." both are "."; "*", "-" and nothing at all say nothing about the field. */
static char *field_of(const char *text, size_t len, bool formatted)
{
    if (len == 0 || (len == 1 && (*text == '*' || *text == '-')))
        return NULL;
    g_autofree char *raw = g_ascii_strdown(text, (gssize)len);
    if (!formatted)
        return g_uri_unescape_string(raw, NULL);
    char *out = raw;
    for (const char *p = raw; *p != '\0'; p++) {
        p += *p == '\\' && p[1] != '\0';
        *out++ = *p;
    }
    *out = '\0';
    return g_steal_pointer(&raw);
}

/* The end of a field: a colon that is not escaped. */
static size_t field_length(const char *text)
{
    size_t n = 0;
    while (text[n] != '\0' && text[n] != ':')
        n += text[n] == '\\' && text[n + 1] != '\0' ? 2 : 1;
    return n;
}

static bool parse(const char *text, struct cpe *out)
{
    bool formatted = g_ascii_strncasecmp(text, "cpe:2.3:", 8) == 0;
    if (!formatted && g_ascii_strncasecmp(text, "cpe:/", 5) != 0)
        return false;
    text += formatted ? 8 : 5;
    text += field_length(text); /* the part */
    for (int i = 0; i < FIELDS && *text == ':'; i++) {
        text++;
        size_t len = field_length(text);
        out->fields[i] = field_of(text, len, formatted);
        text += len;
    }
    return out->fields[VENDOR] != NULL && out->fields[PRODUCT] != NULL;
}

/* Distributions whose os-release has no CPE_NAME. */
static const char *well_known(const char *id)
{
    static const struct {
        const char *id, *cpe;
    } names[] = {
        { "alpine", "cpe:/o:alpinelinux:alpine_linux" },
        { "debian", "cpe:/o:debian:debian_linux" },
        { "ubuntu", "cpe:/o:canonical:ubuntu_linux" },
    };
    for (size_t i = 0; id != NULL && i < G_N_ELEMENTS(names); i++)
        if (g_str_equal(names[i].id, id))
            return names[i].cpe;
    return NULL;
}

/* Nothing asked for, the same, or a version of which this is a minor one. */
static bool fits(const char *wanted, const char *is)
{
    if (wanted == NULL)
        return true;
    if (is == NULL)
        return false;
    size_t len = strlen(wanted);
    return g_ascii_strncasecmp(wanted, is, len) == 0 && (is[len] == '\0' || is[len] == '.');
}

bool cpe_is_system(const char *text, const struct frame_os *os)
{
    struct cpe wanted = { { NULL } }, own = { { NULL } };
    const char *name = os->cpe != NULL ? os->cpe : well_known(os->id);
    bool same = name != NULL && parse(text, &wanted) && parse(name, &own);
    same = same && g_str_equal(wanted.fields[VENDOR], own.fields[VENDOR]) &&
           g_str_equal(wanted.fields[PRODUCT], own.fields[PRODUCT]) &&
           (fits(wanted.fields[VERSION], own.fields[VERSION]) ||
            fits(wanted.fields[VERSION], os->version_id)) &&
           fits(wanted.fields[UPDATE], own.fields[UPDATE]);
    cpe_clear(&wanted);
    cpe_clear(&own);
    return same;
}
