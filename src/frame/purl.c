#include <string.h>

#include "frame/formats.h"

/* Package URL specification (ECMA-427), "Rules for each component": letters, digits, ".-_~" and the
 * colon stay, every other byte is percent-encoded. */
static void append_encoded(GString *out, const char *s, bool lower)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *s != '\0'; s++) {
        char c = lower ? g_ascii_tolower(*s) : *s;
        if (g_ascii_isalnum(c) || strchr(".-_~:", c) != NULL) {
            g_string_append_c(out, c);
        } else {
            g_string_append_c(out, '%');
            g_string_append_c(out, digits[(unsigned char)c >> 4]);
            g_string_append_c(out, digits[(unsigned char)c & 15]);
        }
    }
}

/* Types whose packages belong to a distribution, and what is special about them ("Known types"). */
static const struct distro_type {
    const char *name;
    bool lower_name; /* names are compared without case */
} distro_types[] = { { "alpm", true }, { "apk", true }, { "deb", true }, { "rpm", false } };

static const struct distro_type *distro_type_find(const char *type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(distro_types); i++) {
        if (g_ascii_strcasecmp(distro_types[i].name, type) == 0)
            return &distro_types[i];
    }
    return NULL;
}

/* The namespace is the vendor, which is the os-release ID except where a vendor has several
 * products or is known by another name. */
static const char *vendor_of(const char *id)
{
    if (g_str_equal(id, "rhel"))
        return "redhat";
    if (g_str_has_prefix(id, "opensuse"))
        return "opensuse";
    if (g_str_equal(id, "sles") || g_str_equal(id, "sled") || g_str_has_prefix(id, "sle-") ||
        g_str_has_prefix(id, "sle_"))
        return "suse";
    return id;
}

static char *distro_of(const struct frame_os *os)
{
    const char *version = os->version_id != NULL ? os->version_id
                          : os->build_id != NULL ? os->build_id
                                                 : os->codename;
    return version != NULL ? g_strdup_printf("%s-%s", os->id, version) : g_strdup(os->id);
}

/* An rpm's epoch is a qualifier of its own: "1:2.3-4" becomes 2.3-4 with epoch=1. */
static const char *split_epoch(const char *version, char **epoch)
{
    size_t digits = strspn(version, "0123456789");
    if (digits == 0 || version[digits] != ':')
        return version;
    *epoch = g_strndup(version, digits);
    return version + digits + 1;
}

/* The source package where it is not the package itself: its name, with the version where that
 * differs too, or the source RPM's file name. */
static char *upstream_of(const struct frame_package *p)
{
    if (g_str_equal(p->type, "rpm"))
        return g_strdup(p->source_rpm);
    if (p->source == NULL)
        return NULL;
    bool other_version = p->source_version != NULL && !g_str_equal(p->source_version, p->version);
    if (other_version)
        return g_strdup_printf("%s@%s", p->source, p->source_version);
    return g_str_equal(p->source, p->name) ? NULL : g_strdup(p->source);
}

static void append_qualifier(GString *out, char *between, const char *key, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    g_string_append_printf(out, "%c%s=", *between, key);
    append_encoded(out, value, false);
    *between = '&';
}

char *frame_purl(const struct frame_os *os, const struct frame_package *p)
{
    const struct distro_type *type = distro_type_find(p->type);
    bool distro = type != NULL && os->id != NULL && *os->id != '\0';
    g_autofree char *epoch = NULL, *upstream = type != NULL ? upstream_of(p) : NULL;
    g_autofree char *release = distro ? distro_of(os) : NULL;
    const char *version =
        g_str_equal(p->type, "rpm") ? split_epoch(p->version, &epoch) : p->version;
    GString *out = g_string_new("pkg:");
    append_encoded(out, p->type, true);
    g_string_append_c(out, '/');
    if (distro) {
        append_encoded(out, vendor_of(os->id), true);
        g_string_append_c(out, '/');
    }
    append_encoded(out, p->name, type != NULL && type->lower_name);
    if (*version != '\0') {
        g_string_append_c(out, '@');
        append_encoded(out, version, false);
    }
    char between = '?'; /* qualifiers in order of their keys */
    append_qualifier(out, &between, "arch", p->arch);
    append_qualifier(out, &between, "distro", release);
    append_qualifier(out, &between, "epoch", epoch);
    append_qualifier(out, &between, "rpmmod", p->module);
    append_qualifier(out, &between, "upstream", upstream);
    return g_string_free(out, FALSE);
}
