/* The table was checked in November 2026 against
 *  - Debian's package distro-info-data 0.58+deb12u7 for Debian and Ubuntu (its columns eol,
 * eol-lts, eol-elts, eol-esm and eol-legacy);
 *  - endoflife.date, as of August 2026, for the others. It takes Red Hat's dates from Red Hat's own
 *    life cycle data and names the publisher's page for each of the rest;
 *  - Microsoft's announcements for CBL-Mariner. For Azure Linux 3 no day is published: the one here
 *    is three years, what Microsoft gives a release, after August 2024.
 * No end is known of Oracle Linux 10 and Photon OS 5. Arch Linux, Wolfi, openSUSE Tumbleweed and
 * other rolling distributions have none. */
#include "advisory/eol.h"

#include <glib.h>
#include <string.h>

#include "base/text.h"

struct release {
    const char *id, *version;         /* "9" is also every "9.x" */
    const char *ends[1 + EOL_PHASES]; /* last days: of the release itself, then of longer support */
};

static const struct release releases[] = {
    { "almalinux", "8", { "2029-05-31" } },
    { "almalinux", "9", { "2032-05-31" } },
    { "almalinux", "10", { "2035-05-31" } },
    { "alpine", "3.3", { "2017-11-01" } },
    { "alpine", "3.4", { "2018-05-01" } },
    { "alpine", "3.5", { "2018-11-01" } },
    { "alpine", "3.6", { "2019-05-01" } },
    { "alpine", "3.7", { "2019-11-01" } },
    { "alpine", "3.8", { "2020-05-01" } },
    { "alpine", "3.9", { "2020-11-01" } },
    { "alpine", "3.10", { "2021-05-01" } },
    { "alpine", "3.11", { "2021-11-01" } },
    { "alpine", "3.12", { "2022-05-01" } },
    { "alpine", "3.13", { "2022-11-01" } },
    { "alpine", "3.14", { "2023-05-01" } },
    { "alpine", "3.15", { "2023-11-01" } },
    { "alpine", "3.16", { "2024-05-23" } },
    { "alpine", "3.17", { "2024-11-22" } },
    { "alpine", "3.18", { "2025-05-09" } },
    { "alpine", "3.19", { "2025-11-01" } },
    { "alpine", "3.20", { "2026-04-01" } },
    { "alpine", "3.21", { "2026-11-01" } },
    { "alpine", "3.22", { "2027-05-01" } },
    { "alpine", "3.23", { "2027-11-01" } },
    { "alpine", "3.24", { "2028-06-01" } },
    { "amzn", "2", { "2026-06-30" } },
    { "amzn", "2015", { "2023-12-31" } },
    { "amzn", "2016", { "2023-12-31" } },
    { "amzn", "2017", { "2023-12-31" } },
    { "amzn", "2018", { "2023-12-31" } },
    { "amzn", "2023", { "2029-06-30" } },
    { "azurelinux", "3", { "2027-07-31" } },
    { "centos", "5", { "2017-03-31" } },
    { "centos", "6", { "2020-11-30" } },
    { "centos", "7", { "2024-06-30" } },
    { "centos", "8", { "2021-12-31" } },
    { "centos-stream", "8", { "2024-05-31" } },
    { "centos-stream", "9", { "2027-05-31" } },
    { "centos-stream", "10", { "2030-05-31" } },
    { "debian", "7", { "2016-04-25", "2018-05-31", "2020-06-30" } },
    { "debian", "8", { "2018-06-17", "2020-06-30", "2025-06-30" } },
    { "debian", "9", { "2020-07-18", "2022-06-30", "2027-06-30" } },
    { "debian", "10", { "2022-09-10", "2024-06-30", "2029-06-30" } },
    { "debian", "11", { "2024-08-14", "2026-08-31", "2031-06-30" } },
    { "debian", "12", { "2026-07-11", "2028-06-30", "2033-06-30" } },
    { "debian", "13", { "2028-08-09", "2030-06-30", "2035-06-30" } },
    { "fedora", "25", { "2017-12-12" } },
    { "fedora", "26", { "2018-05-29" } },
    { "fedora", "27", { "2018-11-30" } },
    { "fedora", "28", { "2019-05-28" } },
    { "fedora", "29", { "2019-11-26" } },
    { "fedora", "30", { "2020-05-26" } },
    { "fedora", "31", { "2020-11-24" } },
    { "fedora", "32", { "2021-05-25" } },
    { "fedora", "33", { "2021-11-30" } },
    { "fedora", "34", { "2022-06-07" } },
    { "fedora", "35", { "2022-12-13" } },
    { "fedora", "36", { "2023-05-16" } },
    { "fedora", "37", { "2023-12-05" } },
    { "fedora", "38", { "2024-05-21" } },
    { "fedora", "39", { "2024-11-26" } },
    { "fedora", "40", { "2025-05-13" } },
    { "fedora", "41", { "2025-12-15" } },
    { "fedora", "42", { "2026-05-27" } },
    { "fedora", "43", { "2026-12-09" } },
    { "fedora", "44", { "2027-06-02" } },
    { "mariner", "1", { "2023-07-31" } },
    { "mariner", "2", { "2025-07-31" } },
    { "ol", "6", { "2021-03-31", "2024-12-31" } },
    { "ol", "7", { "2024-12-31", "2028-06-30" } },
    { "ol", "8", { "2029-07-31", "2032-07-31" } },
    { "ol", "9", { "2032-06-30", "2035-06-30" } },
    { "opensuse-leap", "15.0", { "2019-12-03" } },
    { "opensuse-leap", "15.1", { "2021-02-02" } },
    { "opensuse-leap", "15.2", { "2022-01-04" } },
    { "opensuse-leap", "15.3", { "2022-12-31" } },
    { "opensuse-leap", "15.4", { "2023-12-07" } },
    { "opensuse-leap", "15.5", { "2024-12-31" } },
    { "opensuse-leap", "15.6", { "2026-04-30" } },
    { "opensuse-leap", "16.0", { "2027-10-31" } },
    { "opensuse-leap", "42.1", { "2017-05-17" } },
    { "opensuse-leap", "42.2", { "2018-01-26" } },
    { "opensuse-leap", "42.3", { "2019-07-01" } },
    { "photon", "1.0", { "2022-02-28" } },
    { "photon", "2.0", { "2022-12-01" } },
    { "photon", "3.0", { "2025-10-02" } },
    { "photon", "4.0", { "2027-10-11" } },
    { "rhel", "4", { "2012-02-29", "2017-03-31" } },
    { "rhel", "5", { "2017-03-31", "2020-11-30" } },
    { "rhel", "6", { "2020-11-30", "2024-06-30" } },
    { "rhel", "7", { "2024-06-30", "2029-05-31" } },
    { "rhel", "8", { "2029-05-31", "2033-05-31" } },
    { "rhel", "9", { "2032-05-31", "2036-05-31" } },
    { "rhel", "10", { "2035-05-31", "2039-05-31" } },
    { "rocky", "8", { "2029-05-31" } },
    { "rocky", "9", { "2032-05-31" } },
    { "rocky", "10", { "2035-05-31" } },
    { "sles", "12.1", { "2017-05-31", "2020-05-31" } },
    { "sles", "12.2", { "2018-03-31", "2021-03-31" } },
    { "sles", "12.3", { "2019-06-30", "2022-06-30" } },
    { "sles", "12.4", { "2020-06-30", "2023-06-30" } },
    { "sles", "12.5", { "2024-10-31", "2027-10-31" } },
    { "sles", "15.1", { "2021-01-31", "2024-01-31" } },
    { "sles", "15.2", { "2021-12-31", "2024-12-31" } },
    { "sles", "15.3", { "2022-12-31", "2025-12-31" } },
    { "sles", "15.4", { "2023-12-31", "2026-12-31" } },
    { "sles", "15.5", { "2024-12-31", "2027-12-31" } },
    { "sles", "15.6", { "2025-12-31", "2028-12-31" } },
    { "sles", "15.7", { "2031-07-31", "2034-07-31" } },
    { "sles", "16.0", { "2027-11-30", "2030-11-30" } },
    { "ubuntu", "12.04", { "2017-04-28", "2019-04-26" } },
    { "ubuntu", "12.10", { "2014-05-16" } },
    { "ubuntu", "13.04", { "2014-01-27" } },
    { "ubuntu", "13.10", { "2014-07-17" } },
    { "ubuntu", "14.04", { "2019-04-25", "2024-04-25", "2026-04-28" } },
    { "ubuntu", "14.10", { "2015-07-23" } },
    { "ubuntu", "15.04", { "2016-02-04" } },
    { "ubuntu", "15.10", { "2016-07-28" } },
    { "ubuntu", "16.04", { "2021-04-30", "2026-04-23", "2028-04-25" } },
    { "ubuntu", "16.10", { "2017-07-20" } },
    { "ubuntu", "17.04", { "2018-01-13" } },
    { "ubuntu", "17.10", { "2018-07-19" } },
    { "ubuntu", "18.04", { "2023-05-31", "2028-04-26", "2030-04-30" } },
    { "ubuntu", "18.10", { "2019-07-18" } },
    { "ubuntu", "19.04", { "2020-01-23" } },
    { "ubuntu", "19.10", { "2020-07-17" } },
    { "ubuntu", "20.04", { "2025-05-29", "2030-04-23", "2032-04-27" } },
    { "ubuntu", "20.10", { "2021-07-22" } },
    { "ubuntu", "21.04", { "2022-01-20" } },
    { "ubuntu", "21.10", { "2022-07-14" } },
    { "ubuntu", "22.04", { "2027-06-01", "2032-04-21", "2034-04-25" } },
    { "ubuntu", "22.10", { "2023-07-20" } },
    { "ubuntu", "23.04", { "2024-01-25" } },
    { "ubuntu", "23.10", { "2024-07-11" } },
    { "ubuntu", "24.04", { "2029-05-31", "2034-04-25", "2036-04-29" } },
    { "ubuntu", "24.10", { "2025-07-10" } },
    { "ubuntu", "25.04", { "2026-01-15" } },
    { "ubuntu", "25.10", { "2026-07-09" } },
    { "ubuntu", "26.04", { "2031-05-29", "2036-04-23", "2038-04-27" } },
    { "ubuntu", "26.10", { "2027-07-15" } },
};

/* Who else mends a release, in the order of a release's ends. */
static const struct {
    const char *id;
    struct {
        const char *name;
        enum eol_access access;
    } phases[EOL_PHASES];
} extensions[] = {
    { "debian", { { "LTS", EOL_FREE }, { "ELTS", EOL_PAID } } },
    { "ol", { { "Extended Support", EOL_PAID } } },
    { "rhel", { { "Extended Life Cycle Support", EOL_PAID } } },
    { "sles", { { "LTSS", EOL_PAID } } },
    { "ubuntu", { { "Ubuntu Pro", EOL_PRO }, { "Ubuntu Pro Legacy", EOL_PAID } } },
};

static bool is_version(const char *listed, const char *version)
{
    size_t len = strlen(listed);
    return strncmp(listed, version, len) == 0 && (version[len] == '\0' || version[len] == '.');
}

/* The table's word for what os-release calls itself. CentOS Linux and CentOS Stream have one ID. */
static const char *table_id(const struct frame_os *os)
{
    if (g_str_equal(os->id, "centos") && os->name != NULL && strstr(os->name, "Stream") != NULL)
        return "centos-stream";
    if (g_str_equal(os->id, "sles_sap") || g_str_equal(os->id, "sled"))
        return "sles";
    return os->id;
}

static const struct release *release_of(const struct frame_os *os)
{
    for (size_t i = 0; os->id != NULL && os->version_id != NULL && i < G_N_ELEMENTS(releases); i++)
        if (g_str_equal(releases[i].id, table_id(os)) &&
            is_version(releases[i].version, os->version_id))
            return &releases[i];
    return NULL;
}

/* The last second of a day. */
static int64_t end_of_day(const char *day)
{
    int64_t seconds = 0;
    (void)text_parse_time(day, &seconds);
    return seconds + 24 * 60 * 60 - 1;
}

static void add_phases(const struct release *r, struct eol *out)
{
    for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++) {
        if (!g_str_equal(extensions[i].id, r->id))
            continue;
        for (unsigned k = 0; k < EOL_PHASES && r->ends[1 + k] != NULL; k++)
            out->phases[out->phase_count++] =
                (struct eol_phase){ .name = extensions[i].phases[k].name,
                                    .access = extensions[i].phases[k].access,
                                    .end = end_of_day(r->ends[1 + k]) };
    }
}

bool eol_lookup(const struct frame_os *os, struct eol *out)
{
    const struct release *r = release_of(os);
    *out = (struct eol){ .end = os->support_end };
    if (r == NULL)
        return os->support_end != 0;
    out->end = end_of_day(r->ends[0]);
    add_phases(r, out);
    return true;
}

const struct eol_phase *eol_covered_by(const struct eol *e, int64_t now, bool pro)
{
    for (unsigned i = 0; i < e->phase_count && now > e->end; i++) {
        const struct eol_phase *p = &e->phases[i];
        if (now <= p->end && (p->access == EOL_FREE || (p->access == EOL_PRO && pro)))
            return p;
    }
    return NULL;
}

char *eol_describe(const struct eol *e, const char *label, int64_t now, bool pro)
{
    const struct eol_phase *cover = eol_covered_by(e, now, pro), *sold = NULL;
    g_autofree char *end = text_time(e->end);
    GString *text = g_string_new(NULL);
    g_string_printf(text, "%s is past its end of life (%.10s)", label, end);
    for (unsigned i = 0; i < e->phase_count; i++) {
        g_autofree char *day = text_time(e->phases[i].end);
        if (now > e->phases[i].end)
            g_string_append_printf(text, " and past %s (%.10s)", e->phases[i].name, day);
        else if (sold == NULL)
            sold = &e->phases[i];
    }
    g_autofree char *until = cover != NULL  ? text_time(cover->end)
                             : sold != NULL ? text_time(sold->end)
                                            : NULL;
    if (cover != NULL)
        g_string_append_printf(text, ", with %s until %.10s", cover->name, until);
    else
        g_string_append(text, ": newer flaws in it are not published");
    if (cover == NULL && sold != NULL)
        g_string_append_printf(text, " but for %s (until %.10s)", sold->name, until);
    return g_string_free(text, FALSE);
}
