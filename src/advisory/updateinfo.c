#include "advisory/updateinfo.h"

#include <string.h>

struct family {
    const char *prefix; /* of advisory ids */
    const char *tag;    /* in releases, in front of the number */
    const char *key;    /* in front of the number */
    const char *feed;
};

/* FEDORA-EPEL before FEDORA. */
static const struct family families[] = {
    { "ALSA-", "el", "AlmaLinux:", "updateinfo-almalinux" },
    { "ALBA-", "el", "AlmaLinux:", "updateinfo-almalinux" },
    { "ALEA-", "el", "AlmaLinux:", "updateinfo-almalinux" },
    { "RLSA-", "el", "Rocky Linux:", "updateinfo-rocky" },
    { "RLBA-", "el", "Rocky Linux:", "updateinfo-rocky" },
    { "RLEA-", "el", "Rocky Linux:", "updateinfo-rocky" },
    { "ELSA-", "el", "Oracle Linux:", "updateinfo-oracle" },
    { "ELBA-", "el", "Oracle Linux:", "updateinfo-oracle" },
    { "ELEA-", "el", "Oracle Linux:", "updateinfo-oracle" },
    { "RHSA-", "el", "Red Hat:enterprise_linux:", "updateinfo-redhat" },
    { "RHBA-", "el", "Red Hat:enterprise_linux:", "updateinfo-redhat" },
    { "RHEA-", "el", "Red Hat:enterprise_linux:", "updateinfo-redhat" },
    { "FEDORA-EPEL-", "el", "EPEL:", "updateinfo-epel" },
    { "FEDORA-", "fc", "Fedora:", "updateinfo-fedora" },
    { "MGASA-", "mga", "Mageia:", "updateinfo-mageia" },
};

/* The number behind ".el", "+el", "_el"...: "9" of "1.el9_3", 0 when there is none. */
static unsigned number_of_tag(const char *release, const char *tag)
{
    size_t len = strlen(tag);
    for (const char *p = release; (p = strstr(p, tag)) != NULL; p += len) {
        bool begins = p == release || (!g_ascii_isalnum(p[-1]) && p[-1] != '-');
        if (begins && g_ascii_isdigit(p[len]))
            return (unsigned)MIN(g_ascii_strtoull(p + len, NULL, 10), 9999ull);
    }
    return 0;
}

static const char *keep(struct feed_context *c, const char *text)
{
    return g_string_chunk_insert_const(c->strings, text);
}

/* ALAS-2011-1, ALAS2-2020-1399, ALAS2023-2025-839; with a topic of "extras" behind the release:
 * ALAS2KERNEL-5.10-2022-001. Extras are told apart, because they hold other lines of the same
 * packages. */
static bool identify_amazon(struct feed_context *c, const char *id, const char **ecosystem,
                            const char **feed)
{
    const char *p = id + strlen("ALAS");
    const char *release = g_str_has_prefix(p, "2023")   ? "2023"
                          : g_str_has_prefix(p, "2022") ? "2022"
                          : *p == '2'                   ? "2"
                          : *p == '-'                   ? "1"
                                                        : NULL;
    if (release == NULL)
        return false;
    if (*p != '-')
        p += strlen(release);
    g_autoptr(GString) key = g_string_new("Amazon Linux:");
    g_string_append(key, release);
    if (*p != '-') {
        /* The topic ends where "-YYYY-NNN" begins. */
        const char *end = strrchr(p, '-');
        while (end != NULL && end > p && end[-1] != '-')
            end--;
        if (end == NULL || end <= p + 1)
            return false;
        g_autofree char *topic = g_ascii_strdown(p, end - 1 - p);
        g_string_append_printf(key, ":%s", topic);
    }
    *ecosystem = keep(c, key->str);
    *feed = "amazon-updateinfo";
    return true;
}

bool updateinfo_identify(struct feed_context *c, const char *id, const char *release,
                         const char **ecosystem, const char **feed)
{
    if (g_str_has_prefix(id, "ALAS"))
        return identify_amazon(c, id, ecosystem, feed);
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        const struct family *f = &families[i];
        if (!g_str_has_prefix(id, f->prefix))
            continue;
        unsigned number = number_of_tag(release, f->tag);
        if (number == 0)
            return false;
        g_autofree char *key = g_strdup_printf("%s%u", f->key, number);
        *ecosystem = keep(c, key);
        *feed = f->feed;
        return true;
    }
    return false;
}

void updateinfo_add(struct feed_context *c, const char *ecosystem,
                    const struct updateinfo_package *p)
{
    bool epoch = p->epoch != NULL && *p->epoch != '\0' && !g_str_equal(p->epoch, "0");
    g_autofree char *evr = g_strdup_printf("%s%s%s-%s", epoch ? p->epoch : "", epoch ? ":" : "",
                                           p->version, p->release);
    struct record_statement *s = record_add(&c->record, ecosystem, p->name, NULL, keep(c, evr));
    s->module = p->module;
    if (s->module == NULL && strstr(p->release, ".module") != NULL)
        s->module = "*";
}
