#include "advisory/ecosystem.h"

#include <string.h>

struct release {
    const char *codename, *version;
};

static const struct release debian_releases[] = {
    { "woody", "3.0" },   { "sarge", "3.1" },   { "etch", "4.0" },    { "lenny", "5.0" },
    { "squeeze", "6.0" }, { "wheezy", "7" },    { "jessie", "8" },    { "stretch", "9" },
    { "buster", "10" },   { "bullseye", "11" }, { "bookworm", "12" }, { "trixie", "13" },
    { "forky", "14" },    { "duke", "15" },     { "sid", "sid" },
};

static const struct release ubuntu_releases[] = {
    { "dapper", "6.06" },    { "hardy", "8.04" },     { "lucid", "10.04" },
    { "precise", "12.04" },  { "trusty", "14.04" },   { "utopic", "14.10" },
    { "vivid", "15.04" },    { "wily", "15.10" },     { "xenial", "16.04" },
    { "yakkety", "16.10" },  { "zesty", "17.04" },    { "artful", "17.10" },
    { "bionic", "18.04" },   { "cosmic", "18.10" },   { "disco", "19.04" },
    { "eoan", "19.10" },     { "focal", "20.04" },    { "groovy", "20.10" },
    { "hirsute", "21.04" },  { "impish", "21.10" },   { "jammy", "22.04" },
    { "kinetic", "22.10" },  { "lunar", "23.04" },    { "mantic", "23.10" },
    { "noble", "24.04" },    { "oracular", "24.10" }, { "plucky", "25.04" },
    { "questing", "25.10" }, { "resolute", "26.04" },
};

static const char *release_of(const struct release *table, size_t n, const char *codename)
{
    size_t len = strcspn(codename, "-/");
    for (size_t i = 0; i < n; i++)
        if (strlen(table[i].codename) == len && strncmp(table[i].codename, codename, len) == 0)
            return table[i].version;
    return NULL;
}

const char *debian_release_of(const char *codename)
{
    return release_of(debian_releases, G_N_ELEMENTS(debian_releases), codename);
}

const char *ubuntu_release_of(const char *codename)
{
    return release_of(ubuntu_releases, G_N_ELEMENTS(ubuntu_releases), codename);
}

/* "enterprise_linux:9::appstream" -> "enterprise_linux:9": repositories of one release are one to
 * us. From release 10 on CPEs carry the minor release of the main stream too. */
static const char *redhat_key(const char *product, GStringChunk *strings)
{
    g_auto(GStrv) parts = g_strsplit(product, ":", 3);
    if (parts[0] == NULL)
        return NULL;
    const char *version = parts[1] != NULL ? parts[1] : "";
    size_t len = strlen(version);
    if (g_str_equal(parts[0], "enterprise_linux"))
        len = strcspn(version, ".");
    g_autofree char *key = g_strdup_printf("Red Hat:%s:%.*s", parts[0], (int)len, version);
    return g_string_chunk_insert_const(strings, key);
}

const char *ecosystem_canonical(const char *osv, GStringChunk *strings)
{
    if (g_str_has_prefix(osv, "Red Hat:"))
        return redhat_key(osv + strlen("Red Hat:"), strings);
    if (g_str_has_prefix(osv, "Ubuntu:") && g_str_has_suffix(osv, ":LTS"))
        return g_string_chunk_insert_len(strings, osv, (gssize)(strlen(osv) - strlen(":LTS")));
    return g_string_chunk_insert_const(strings, osv);
}

const char *ecosystem_of_redhat_cpe(const char *cpe, GStringChunk *strings)
{
    /* "cpe:/o:redhat:enterprise_linux:9" or "cpe:2.3:o:redhat:enterprise_linux:9:...". */
    const char *vendor = strstr(cpe, ":redhat:");
    if (!g_str_has_prefix(cpe, "cpe:") || vendor == NULL)
        return NULL;
    return redhat_key(vendor + strlen(":redhat:"), strings);
}
