/* Whose a package is. What did not come from the distribution is not judged by its advisories:
 * a name may be the same and mean something else. */
#include "advisory/target.h"

#include <string.h>

/* RPM vendors (the Vendor tag) that speak for the distributions their advisories cover. */
static const struct {
    const char *distro, *vendor;
} rpm_vendors[] = {
    { "redhat", "Red Hat" },        { "centos", "CentOS" },
    { "almalinux", "AlmaLinux" },   { "rocky", "Rocky" },
    { "oracle", "Oracle America" }, { "fedora", "Fedora Project" },
    { "amazon", "Amazon" },         { "suse", "SUSE" },
    { "suse", "openSUSE" },         { "mageia", "Mageia" },
    { "openeuler", "openEuler" },   { "openeuler", "http://openeuler.org" },
    { "photon", "VMware" },         { "photon", "Broadcom" },
    { "azurelinux", "Microsoft" },
};

/* Release tags of repositories that build for a distribution without being it. */
static const char *const foreign_tags[] = { ".remi",        ".elrepo", ".rpmfusion", ".ius",
                                            ".centos.plus", ".lux",    ".fc-copr" };

bool target_is_epel(const struct target *t, const struct frame_package *p)
{
    return p->vendor != NULL && g_str_has_prefix(p->vendor, "Fedora Project") &&
           !g_str_equal(t->vendor, "fedora");
}

static bool knows_epel(const struct target *t)
{
    for (guint i = 0; i < t->keys->len; i++)
        if (g_array_index(t->keys, struct target_key, i).pocket == POCKET_EPEL)
            return true;
    return false;
}

static const char *foreign_rpm(const struct target *t, const struct frame_package *p)
{
    for (size_t i = 0; i < G_N_ELEMENTS(foreign_tags); i++)
        if (strstr(p->version, foreign_tags[i]) != NULL)
            return foreign_tags[i] + 1;
    if (p->vendor == NULL || *p->vendor == '\0')
        return NULL;
    if (target_is_epel(t, p))
        return knows_epel(t) ? NULL : "Fedora Project (EPEL)";
    for (size_t i = 0; i < G_N_ELEMENTS(rpm_vendors); i++)
        if (g_str_has_prefix(p->vendor, rpm_vendors[i].vendor) &&
            (g_str_equal(rpm_vendors[i].distro, t->vendor) ||
             (g_str_equal(rpm_vendors[i].distro, "centos") && g_str_equal(t->vendor, "redhat"))))
            return NULL;
    return p->vendor;
}

/* Who writes a package for Debian may have any address, so only addresses of those who are known
 * to publish repositories of their own tell. */
static const char *const publishers[] = {
    "@docker.com",      "@google.com",      "@microsoft.com",  "@nodesource.com",
    "@hashicorp.com",   "@gitlab.com",      "@elastic.co",     "@percona.com",
    "@mongodb.com",     "@grafana.com",     "@influxdata.com", "@oracle.com",
    "@nginx.com",       "@puppet.com",      "@chef.io",        "@slack-corp.com",
    "@spotify.com",     "@nvidia.com",      "@datadoghq.com",  "@newrelic.com",
    "@kubernetes.io",   "@rabbitmq.com",    "@confluent.io",   "@cloudera.com",
    "@proxmox.com",     "@teamviewer.com",  "@zabbix.com",     "@varnish-software.com",
    "@brave.com",       "@sury.org",        "@mariadb.org",    "@mariadb.com",
    "@clickhouse.com",  "@redis.com",       "@redis.io",       "@vivaldi.com",
    "@opera.com",       "@sublimetext.com", "@anydesk.com",    "@jenkins",
    "@packagecloud.io", "@tailscale.com",   "@cloudflare.com", "@signal.org",
    "@zoom.us",
};

/* Version marks of repositories that rebuild packages. */
static const struct {
    const char *mark, *who;
} deb_marks[] = {
    { "~ppa", "a PPA" },
    { "+ppa", "a PPA" },
    { "ppa1", "a PPA" },
    { ".pgdg", "apt.postgresql.org" },
    { "nodesource", "NodeSource" },
    { "deb.sury.org", "deb.sury.org" },
    { "~bpo", "backports" },
    { "+bpo", "backports" },
    { "-dmo", "deb-multimedia.org" },
    { "+dotdeb", "dotdeb.org" },
    { "~debian.1", "its publisher" },
    { "~ubuntu.2", "its publisher" },
};

static bool distro_origin(const struct target *t, const char *origin)
{
    return g_ascii_strncasecmp(origin, t->label, strcspn(t->label, " ")) == 0 ||
           g_ascii_strcasecmp(origin, t->vendor) == 0;
}

static const char *foreign_deb(const struct target *t, const struct frame_package *p)
{
    if (p->origin != NULL && *p->origin != '\0')
        return distro_origin(t, p->origin) ? NULL : p->origin;
    for (size_t i = 0; i < G_N_ELEMENTS(deb_marks); i++)
        if (strstr(p->version, deb_marks[i].mark) != NULL)
            return deb_marks[i].who;
    for (size_t i = 0; p->vendor != NULL && i < G_N_ELEMENTS(publishers); i++)
        if (strstr(p->vendor, publishers[i]) != NULL)
            return p->vendor;
    return NULL;
}

static const char *foreign_alpm(const struct frame_package *p)
{
    return p->vendor == NULL || strstr(p->vendor, "archlinux.org") != NULL ? NULL : p->vendor;
}

const char *target_foreign(const struct target *t, const struct frame_package *p)
{
    switch (t->scheme) {
    case VERSION_RPM:
        return foreign_rpm(t, p);
    case VERSION_DPKG:
        return foreign_deb(t, p);
    case VERSION_PACMAN:
        return foreign_alpm(p);
    case VERSION_APK: /* its database does not say where a package came from */
    case VERSION_SCHEME_COUNT:
        break;
    }
    return NULL;
}
