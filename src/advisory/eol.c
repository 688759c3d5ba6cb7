/* Our own compilation of what the distributions publish on their pages about releases (Debian wiki
 * LTS, Ubuntu release cycle, Red Hat life cycle, SUSE lifecycle, Alpine releases, Fedora
 * schedules, Amazon FAQs). Dates that only a month is given for are that month's last day. */
#include "advisory/eol.h"

#include <glib.h>
#include <string.h>

#include "base/text.h"

struct release {
    const char *id, *version; /* "9" is also every "9.x" */
    const char *end, *extended_end;
};

static const struct release releases[] = {
    { "almalinux", "8", "2029-03-01", NULL },
    { "almalinux", "9", "2032-05-31", NULL },
    { "almalinux", "10", "2035-05-31", NULL },
    { "alpine", "3.10", "2021-05-01", NULL },
    { "alpine", "3.11", "2021-11-01", NULL },
    { "alpine", "3.12", "2022-05-01", NULL },
    { "alpine", "3.13", "2022-11-01", NULL },
    { "alpine", "3.14", "2023-05-01", NULL },
    { "alpine", "3.15", "2023-11-01", NULL },
    { "alpine", "3.16", "2024-05-23", NULL },
    { "alpine", "3.17", "2024-11-22", NULL },
    { "alpine", "3.18", "2025-05-09", NULL },
    { "alpine", "3.19", "2025-11-01", NULL },
    { "alpine", "3.20", "2026-04-01", NULL },
    { "alpine", "3.21", "2026-11-01", NULL },
    { "alpine", "3.22", "2027-05-01", NULL },
    { "alpine", "3.23", "2027-11-01", NULL },
    { "amzn", "2018.03", "2023-12-31", NULL },
    { "amzn", "2", "2026-06-30", NULL },
    { "amzn", "2023", "2029-06-30", NULL },
    { "azurelinux", "3", "2027-07-31", NULL },
    { "centos", "5", "2017-03-31", NULL },
    { "centos", "6", "2020-11-30", NULL },
    { "centos", "7", "2024-06-30", NULL },
    { "centos", "8", "2024-05-31", NULL },
    { "centos", "9", "2027-05-31", NULL },
    { "centos", "10", "2030-01-01", NULL },
    { "debian", "7", "2016-04-25", "2018-05-31" },
    { "debian", "8", "2018-06-17", "2020-06-30" },
    { "debian", "9", "2020-07-18", "2022-06-30" },
    { "debian", "10", "2022-09-10", "2024-06-30" },
    { "debian", "11", "2024-08-14", "2026-08-31" },
    { "debian", "12", "2026-06-10", "2028-06-30" },
    { "debian", "13", "2028-08-09", "2030-06-30" },
    { "fedora", "36", "2023-05-16", NULL },
    { "fedora", "37", "2023-12-05", NULL },
    { "fedora", "38", "2024-05-21", NULL },
    { "fedora", "39", "2024-11-26", NULL },
    { "fedora", "40", "2025-05-13", NULL },
    { "fedora", "41", "2025-12-15", NULL },
    { "fedora", "42", "2026-05-13", NULL },
    { "mariner", "2.0", "2025-07-31", NULL },
    { "ol", "7", "2024-12-31", NULL },
    { "ol", "8", "2029-07-31", NULL },
    { "ol", "9", "2032-06-30", NULL },
    { "opensuse-leap", "15.3", "2022-12-31", NULL },
    { "opensuse-leap", "15.4", "2023-12-07", NULL },
    { "opensuse-leap", "15.5", "2024-12-31", NULL },
    { "opensuse-leap", "15.6", "2026-04-30", NULL },
    { "rhel", "6", "2020-11-30", "2024-06-30" },
    { "rhel", "7", "2024-06-30", "2028-06-30" },
    { "rhel", "8", "2029-05-31", NULL },
    { "rhel", "9", "2032-05-31", NULL },
    { "rhel", "10", "2035-05-31", NULL },
    { "rocky", "8", "2029-05-31", NULL },
    { "rocky", "9", "2032-05-31", NULL },
    { "rocky", "10", "2035-05-31", NULL },
    { "sles", "12.5", "2024-10-31", "2027-10-31" },
    { "sles", "15.3", "2022-12-31", "2025-12-31" },
    { "sles", "15.4", "2023-12-31", "2026-12-31" },
    { "sles", "15.5", "2024-12-31", "2027-12-31" },
    { "sles", "15.6", "2025-12-31", "2028-12-31" },
    { "sles", "15.7", "2031-07-31", "2034-07-31" },
    { "ubuntu", "12.04", "2017-04-28", "2019-04-26" },
    { "ubuntu", "14.04", "2019-04-30", "2026-04-30" },
    { "ubuntu", "16.04", "2021-04-30", "2028-04-30" },
    { "ubuntu", "18.04", "2023-05-31", "2030-04-30" },
    { "ubuntu", "20.04", "2025-05-31", "2032-04-30" },
    { "ubuntu", "22.04", "2027-04-30", "2034-04-30" },
    { "ubuntu", "22.10", "2023-07-20", NULL },
    { "ubuntu", "23.04", "2024-01-25", NULL },
    { "ubuntu", "23.10", "2024-07-11", NULL },
    { "ubuntu", "24.04", "2029-05-31", "2036-04-30" },
    { "ubuntu", "24.10", "2025-07-10", NULL },
    { "ubuntu", "25.04", "2026-01-15", NULL },
    { "ubuntu", "25.10", "2026-07-31", NULL },
};

/* Who else mends a release, and whether it costs. */
static const struct {
    const char *id, *name;
    bool free;
} extensions[] = {
    { "debian", "LTS", true },
    { "ubuntu", "Ubuntu Pro", false },
    { "rhel", "Extended Life Cycle Support", false },
    { "sles", "LTSS", false },
};

static bool is_version(const char *listed, const char *version)
{
    size_t len = strlen(listed);
    return strncmp(listed, version, len) == 0 && (version[len] == '\0' || version[len] == '.');
}

bool eol_lookup(const char *id, const char *version_id, struct eol *out)
{
    for (size_t i = 0; id != NULL && version_id != NULL && i < G_N_ELEMENTS(releases); i++) {
        const struct release *r = &releases[i];
        if (!g_str_equal(r->id, id) || !is_version(r->version, version_id))
            continue;
        *out = (struct eol){ 0 };
        (void)text_parse_time(r->end, &out->end);
        if (r->extended_end == NULL)
            return true;
        (void)text_parse_time(r->extended_end, &out->extended_end);
        for (size_t k = 0; k < G_N_ELEMENTS(extensions); k++) {
            if (g_str_equal(extensions[k].id, id)) {
                out->extended = extensions[k].name;
                out->extended_free = extensions[k].free;
            }
        }
        return true;
    }
    return false;
}
