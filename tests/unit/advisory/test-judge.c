/* What several feeds, pockets and streams come to for one package. Feeds are written in short:
 * OSV(id, modified, more, affected) with AFFECTED(ecosystem, package, fixed). */
#include "fixture.h"

#define OSV(id, modified, more, affected)                                                          \
    "{\"id\":\"" id "\",\"modified\":\"" modified "T00:00:00Z\"," more "\"affected\":[" affected   \
    "]}\n"
#define AFFECTED(ecosystem, package, fixed)                                                        \
    "{\"package\":{\"ecosystem\":\"" ecosystem "\",\"name\":\"" package "\"},\"ranges\":[{"        \
    "\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"" fixed "\"}]}]}"
#define OPEN(ecosystem, package)                                                                   \
    "{\"package\":{\"ecosystem\":\"" ecosystem "\",\"name\":\"" package "\"},\"ranges\":[{"        \
    "\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"}]}]}"

/* "CVE-… state fixed; …" for one package of one system. */
static char *judged(const struct frame_os *os, const struct frame_package *p,
                    const struct match_options *options, const char *const *feeds)
{
    struct fixture f;
    struct matched m;
    fixture_init(&f);
    for (unsigned i = 0; feeds[i] != NULL; i++) {
        g_autofree char *name = g_strdup_printf("%u", i);
        fixture_import(&f, name, feeds[i], NULL, NULL);
    }
    matched_begin(&m, os);
    matched_package(&m, p);
    matched_run(&m, &f, options);
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < m.findings->len; i++) {
        const struct finding *x = finding_at(&m, i);
        g_string_append_printf(out, "%s%s %s %s", i > 0 ? "; " : "", x->id,
                               finding_state_name(x->state),
                               x->fixed_version ? x->fixed_version : "-");
        for (const char *const *a = x->advisories; a != NULL && *a != NULL; a++)
            g_string_append_printf(out, " %s", *a);
    }
    matched_done(&m);
    fixture_done(&f);
    return g_string_free(out, FALSE);
}

#define assert_judged(os, package, expected, ...)                                                  \
    do {                                                                                           \
        g_autofree char *got_ =                                                                    \
            judged(os, package, NULL, (const char *const[]){ __VA_ARGS__, NULL });                 \
        g_assert_cmpstr(got_, ==, expected);                                                       \
    } while (0)

static const struct frame_os bookworm = { .id = "debian", .version_id = "12" };
static const struct frame_os rhel9 = { .id = "rhel", .version_id = "9.2" };
static const struct frame_os alma8 = { .id = "almalinux", .version_id = "8.9" };
static const struct frame_os jammy = { .id = "ubuntu", .version_id = "22.04" };

static struct frame_package deb(const char *name, const char *version)
{
    return (struct frame_package){
        .type = "deb", .name = name, .version = version, .source = name, .source_version = version
    };
}

static struct frame_package rpm(const char *name, const char *version, const char *source_rpm)
{
    return (struct frame_package){
        .type = "rpm", .name = name, .version = version, .source_rpm = source_rpm
    };
}

#define OLD_OPEN OSV("CVE-2024-1111", "2024-02-01", "", OPEN("Debian:12", "a"))
#define DSA_FIX                                                                                    \
    "[01 Mar 2024] DSA-5555-1 a - security update\n\t{CVE-2024-1111}\n\t[bookworm] - a 1.0-2\n"

static void test_an_installed_fix_beats_no_fix_known(void)
{
    const struct frame_package fixed = deb("a", "1.0-2"), old = deb("a", "1.0-1");
    assert_judged(&bookworm, &fixed, "", OLD_OPEN, DSA_FIX);
    assert_judged(&bookworm, &old, "CVE-2024-1111 fixed 1.0-2 DSA-5555-1", OLD_OPEN, DSA_FIX);
    assert_judged(&bookworm, &old, "CVE-2024-1111 affected -", OLD_OPEN);
}

static void test_newest_data_decide_between_fixes(void)
{
    const struct frame_package p = deb("a", "1.0-2");
    /* The DSA's fix was incomplete: the tracker says so later. */
    assert_judged(&bookworm, &p, "CVE-2024-1111 fixed 1.0-3",
                  OSV("CVE-2024-1111", "2024-06-01", "", AFFECTED("Debian:12", "a", "1.0-3")),
                  DSA_FIX);
    /* An older snapshot of the tracker knew only of a later version. */
    assert_judged(&bookworm, &p, "",
                  OSV("CVE-2024-1111", "2024-02-01", "", AFFECTED("Debian:12", "a", "1.0-3")),
                  DSA_FIX);
}

static void test_a_second_advisory_of_the_same_feed_counts(void)
{
    const struct frame_package p = deb("a", "1.0-2");
    assert_judged(&bookworm, &p, "CVE-2024-1111 fixed 1.0-4 DSA-5556-1",
                  DSA_FIX "[01 Apr 2024] DSA-5556-1 a - security update\n\t{CVE-2024-1111}\n"
                          "\t[bookworm] - a 1.0-4\n");
}

static void test_not_affected_in_newer_data_is_believed(void)
{
    const struct frame_package p = deb("a", "1.0-1");
    const char *tracker = "{\"a\":{\"CVE-2024-1111\":{\"releases\":{\"bookworm\":{\"status\":"
                          "\"resolved\",\"fixed_version\":\"0\",\"urgency\":\"unimportant\"}}}}}";
    /* The tracker's JSON has no dates: that of the file counts, and that is today. */
    assert_judged(&bookworm, &p, "", OLD_OPEN, tracker);
}

static void test_dsa_without_cves_joins_by_name_or_version(void)
{
    const struct frame_package p = deb("a", "1.0-1");
    assert_judged(&bookworm, &p, "CVE-2024-1111 fixed 1.0-2 DSA-5555-1",
                  OSV("DSA-5555-1", "2024-03-01", "", AFFECTED("Debian:12", "a", "1.0-2")),
                  DSA_FIX);
    assert_judged(&bookworm, &p, "CVE-2024-1111 fixed 1.0-2 DSA-5555-1",
                  OSV("DSA-5555-1", "2024-03-01", "", AFFECTED("Debian:12", "a", "1.0-2"))
                      OSV("CVE-2024-1111", "2024-03-01", "", AFFECTED("Debian:12", "a", "1.0-2")));
    assert_judged(&bookworm, &p, "DSA-5555-1 fixed 1.0-2",
                  OSV("DSA-5555-1", "2024-03-01", "", AFFECTED("Debian:12", "a", "1.0-2")));
}

static void test_modules_match_only_their_stream(void)
{
    const char *feed =
        OSV("ALSA-2024:1", "2024-03-01",
            "\"summary\":\"Important: nodejs:18 security update\",\"related\":[\"CVE-2024-1111\"],",
            AFFECTED("AlmaLinux:8", "nodejs", "1:18.19.1-1.module_el8.9.0+1"));
    struct frame_package p = rpm("nodejs", "1:18.1.0-1.module_el8.6.0+1", NULL);
    p.module = "nodejs:18:8060020220101:abc";
    assert_judged(&alma8, &p, "CVE-2024-1111 fixed 1:18.19.1-1.module_el8.9.0+1 ALSA-2024:1", feed);
    p.module = "nodejs:16:8060020220101:abc";
    assert_judged(&alma8, &p, "", feed);
    struct frame_package plain = rpm("nodejs", "1:10.0.0-1.el8", NULL);
    assert_judged(&alma8, &plain, "", feed);
    struct frame_package modular = rpm("a", "1-1.module_el8.6.0+1", NULL);
    assert_judged(&alma8, &modular, "",
                  OSV("ALSA-2024:2", "2024-03-01", "\"related\":[\"CVE-2024-1111\"],",
                      AFFECTED("AlmaLinux:8", "a", "2-1.el8")));
}

static void test_red_hat_states_are_of_source_packages(void)
{
    struct frame_package p = rpm("openssl-libs", "1:3.0.7-1.el9", "openssl-3.0.7-1.el9.src.rpm");
    assert_judged(&rhel9, &p, "CVE-2024-1111 will_not_fix -",
                  "{\"name\":\"CVE-2024-1111\",\"threat_severity\":\"Low\",\"public_date\":"
                  "\"2024-01-01T00:00:00Z\",\"package_state\":[{\"cpe\":"
                  "\"cpe:/o:redhat:enterprise_linux:9\",\"fix_state\":\"Will not fix\","
                  "\"package_name\":\"openssl\"},{\"cpe\":\"cpe:/o:redhat:enterprise_linux:8\","
                  "\"fix_state\":\"Affected\",\"package_name\":\"openssl\"}]}");
}

static void test_longer_support_of_a_minor_release_mends(void)
{
    const char *feed =
        OSV("RHSA-2024:1", "2024-03-01", "\"related\":[\"CVE-2024-1111\"],",
            AFFECTED("Red Hat:enterprise_linux:9::baseos", "kernel", "0:5.14.0-427.1.el9_4"))
            OSV("RHSA-2024:2", "2024-02-01", "\"related\":[\"CVE-2024-1111\"],",
                AFFECTED("Red Hat:rhel_eus:9.2::baseos", "kernel", "0:5.14.0-284.50.1.el9_2"));
    struct frame_package eus = rpm("kernel", "5.14.0-284.50.1.el9_2", NULL);
    struct frame_package before = rpm("kernel", "5.14.0-284.40.1.el9_2", NULL);
    struct frame_package main = rpm("kernel", "5.14.0-300.1.el9", NULL);
    assert_judged(&rhel9, &eus, "", feed);
    assert_judged(&rhel9, &before, "CVE-2024-1111 fixed 0:5.14.0-427.1.el9_4 RHSA-2024:1", feed);
    assert_judged(&rhel9, &main, "CVE-2024-1111 fixed 0:5.14.0-427.1.el9_4 RHSA-2024:1", feed);
}

static void test_epel_is_judged_by_its_own_advisories(void)
{
    static const char epel[] =
        "<updates><update type=\"security\"><id>FEDORA-EPEL-2026-1</id><issued date="
        "\"2026-01-01\"/><references><reference id=\"CVE-2026-1111\"/></references><pkglist>"
        "<collection><package name=\"htop\" version=\"3\" release=\"2.el9\"/></collection>"
        "</pkglist></update></updates>";
    const char *main = OSV("RHSA-2024:1", "2024-03-01", "\"related\":[\"CVE-2024-1111\"],",
                           AFFECTED("Red Hat:enterprise_linux:9::baseos", "htop", "0:9-1.el9"));
    struct frame_package p = rpm("htop", "3-1.el9", NULL);
    p.vendor = "Fedora Project";
    assert_judged(&rhel9, &p, "CVE-2026-1111 fixed 3-2.el9 FEDORA-EPEL-2026-1", epel, main);
    assert_judged(&rhel9, &p, "", main);
    p.vendor = "Red Hat, Inc.";
    assert_judged(&rhel9, &p, "CVE-2024-1111 fixed 0:9-1.el9 RHSA-2024:1", epel, main);
}

static void test_rocky_names_source_packages(void)
{
    const struct frame_os rocky = { .id = "rocky", .version_id = "9.3" };
    struct frame_package p = rpm("openssl-libs", "1:3.0.7-1.el9", "openssl-3.0.7-1.el9.src.rpm");
    assert_judged(&rocky, &p, "CVE-2024-1111 fixed 1:3.0.7-2.el9 RLSA-2024:1",
                  OSV("RLSA-2024:1", "2024-03-01", "\"related\":[\"CVE-2024-1111\"],",
                      AFFECTED("Rocky Linux:9", "openssl", "1:3.0.7-2.el9")));
}

static void test_ubuntu_pro_is_for_those_who_have_it(void)
{
    const char *feed = OSV("UBUNTU-CVE-2024-1111", "2024-03-01", "",
                           AFFECTED("Ubuntu:Pro:22.04:LTS", "a", "1.0-1ubuntu1+esm2"));
    const struct frame_package plain = deb("a", "1.0-1ubuntu1");
    const struct frame_package pro = deb("a", "1.0-1ubuntu1+esm1");
    assert_judged(&jammy, &plain, "", feed);
    assert_judged(&jammy, &pro, "CVE-2024-1111 fixed 1.0-1ubuntu1+esm2", feed);
    const struct match_options told = { .ubuntu_pro = true };
    g_autofree char *got = judged(&jammy, &plain, &told, (const char *const[]){ feed, NULL });
    g_assert_cmpstr(got, ==, "CVE-2024-1111 fixed 1.0-1ubuntu1+esm2");
}

static void test_extras_are_told_apart_by_line(void)
{
#define ALAS(id, version)                                                                          \
    "{\"ID\":\"" id "\",\"Updated\":{\"Date\":\"2024-01-01\"},\"References\":{\"Reference\":[{"    \
    "\"ID\":\"CVE-2024-1111\"}]},\"Pkglist\":{\"Collection\":{\"Package\":[{\"Name\":\"kernel\","  \
    "\"Epoch\":\"0\",\"Version\":\"" version "\",\"Release\":\"9.amzn2\"}]}}}\n"
    const struct frame_os amazon = { .id = "amzn", .version_id = "2" };
    const char *feed = ALAS("ALAS2-2024-1", "4.14.300") ALAS("ALAS2KERNEL-5.10-2024-1", "5.10.200")
        ALAS("ALAS2KERNEL-5.15-2024-1", "5.15.100");
    struct frame_package p = rpm("kernel", "5.10.93-8.amzn2", NULL);
    assert_judged(&amazon, &p, "CVE-2024-1111 fixed 5.10.200-9.amzn2 ALAS2KERNEL-5.10-2024-1",
                  feed);
    p.version = "5.15.120-8.amzn2";
    assert_judged(&amazon, &p, "", feed);
    p.version = "4.14.200-8.amzn2";
    assert_judged(&amazon, &p, "CVE-2024-1111 fixed 4.14.300-9.amzn2 ALAS2-2024-1", feed);
}

static void test_scores_and_severity_sources(void)
{
    struct fixture f;
    struct matched m;
    fixture_init(&f);
    fixture_import(&f, "osv",
                   OSV("CVE-2024-1111", "2024-02-01",
                       "\"severity\":[{\"type\":\"CVSS_V3\",\"score\":"
                       "\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"}],",
                       OPEN("Debian:12", "a")),
                   NULL, NULL);
    fixture_import(&f, "cve5",
                   "{\"cveMetadata\":{\"cveId\":\"CVE-2024-1111\",\"state\":\"PUBLISHED\"},"
                   "\"containers\":{\"cna\":{\"metrics\":[{\"cvssV3_1\":{\"baseSeverity\":"
                   "\"MEDIUM\",\"vectorString\":\"CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H\"}}]"
                   "}}}",
                   NULL, NULL);
    fixture_import(&f, "kev",
                   "{\"catalogVersion\":\"1\",\"vulnerabilities\":[{\"cveID\":\"CVE-2024-1111\","
                   "\"dueDate\":\"2024-03-01\",\"knownRansomwareCampaignUse\":\"Known\"}]}",
                   NULL, NULL);
    fixture_import(&f, "epss", "cve,epss,percentile\nCVE-2024-1111,0.5,0.9\n", NULL, NULL);
    matched_begin(&m, &bookworm);
    const struct frame_package p = deb("a", "1.0-1");
    matched_package(&m, &p);
    const struct match_options cna = { .severity_source = "cna" };
    matched_run(&m, &f, &cna);
    const struct finding *x = finding_at(&m, 0);
    g_assert_cmpint(x->severity, ==, SEVERITY_MEDIUM);
    g_assert_cmpstr(x->severity_source, ==, "cna");
    g_assert_cmpfloat_with_epsilon(x->cvss_score, 5.5, 0.001);
    g_assert_true(x->known_exploited);
    g_assert_true(x->ransomware);
    g_assert_cmpint(x->kev_due, ==, 1709251200);
    g_assert_cmpfloat_with_epsilon(x->epss, 0.5, 1e-6);
    g_assert_cmpfloat_with_epsilon(x->epss_percentile, 0.9, 1e-6);
    g_assert_cmpstr(x->urls[0], ==, "https://security-tracker.debian.org/tracker/CVE-2024-1111");
    matched_done(&m);
    fixture_done(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/advisory/judge/an installed fix beats no fix known",
                    test_an_installed_fix_beats_no_fix_known);
    g_test_add_func("/advisory/judge/the newest data decide between fixes",
                    test_newest_data_decide_between_fixes);
    g_test_add_func("/advisory/judge/a second advisory of the same feed counts",
                    test_a_second_advisory_of_the_same_feed_counts);
    g_test_add_func("/advisory/judge/not affected in newer data is believed",
                    test_not_affected_in_newer_data_is_believed);
    g_test_add_func("/advisory/judge/a DSA without CVEs joins by name or by version",
                    test_dsa_without_cves_joins_by_name_or_version);
    g_test_add_func("/advisory/judge/modules match only their stream",
                    test_modules_match_only_their_stream);
    g_test_add_func("/advisory/judge/Red Hat's states are of source packages",
                    test_red_hat_states_are_of_source_packages);
    g_test_add_func("/advisory/judge/longer support of a minor release mends",
                    test_longer_support_of_a_minor_release_mends);
    g_test_add_func("/advisory/judge/EPEL is judged by its own advisories",
                    test_epel_is_judged_by_its_own_advisories);
    g_test_add_func("/advisory/judge/Rocky names source packages",
                    test_rocky_names_source_packages);
    g_test_add_func("/advisory/judge/Ubuntu Pro is for those who have it",
                    test_ubuntu_pro_is_for_those_who_have_it);
    g_test_add_func("/advisory/judge/extras are told apart by their line",
                    test_extras_are_told_apart_by_line);
    g_test_add_func("/advisory/judge/scores and sources of severity",
                    test_scores_and_severity_sources);
    return g_test_run();
}
