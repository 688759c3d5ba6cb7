#include "fixture.h"

static const struct frame_os bookworm = { .id = "debian",
                                          .version_id = "12",
                                          .codename = "bookworm",
                                          .pretty_name = "Debian GNU/Linux 12 (bookworm)" };

static const char debian[] =
    "{\"id\":\"CVE-2024-6387\",\"modified\":\"2024-12-05T14:55:52Z\",\"published\":"
    "\"2024-07-01T13:15:06Z\",\"details\":\"A race in a signal handler of the server. More.\","
    "\"severity\":[{\"type\":\"CVSS_V3\",\"score\":\"CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/"
    "A:H\"}],"
    "\"affected\":[{\"package\":{\"ecosystem\":\"Debian:12\",\"name\":\"openssh\"},\"ranges\":[{"
    "\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"1:9.2p1-2+deb12u3\"}]}]"
    ","
    "\"ecosystem_specific\":{\"urgency\":\"not yet assigned\"}},"
    "{\"package\":{\"ecosystem\":\"Debian:11\",\"name\":\"openssh\"},\"ranges\":[{\"type\":"
    "\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"}]}]}]}\n"
    "{\"id\":\"CVE-2007-2243\",\"modified\":\"2024-01-01T00:00:00Z\",\"affected\":[{\"package\":{"
    "\"ecosystem\":\"Debian:12\",\"name\":\"openssh\"},\"ranges\":[{\"type\":\"ECOSYSTEM\","
    "\"events\":[{\"introduced\":\"0\"}]}],\"ecosystem_specific\":{\"urgency\":\"unimportant\"}}]}"
    "\n"
    "{\"id\":\"CVE-2024-0001\",\"modified\":\"2024-01-01T00:00:00Z\",\"affected\":[{\"package\":{"
    "\"ecosystem\":\"Debian:12\",\"name\":\"linux\"},\"ranges\":[{\"type\":\"ECOSYSTEM\","
    "\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"6.1.119-1\"}]}]}]}\n"
    "{\"id\":\"DSA-5724-1\",\"modified\":\"2024-07-01T00:00:00Z\",\"summary\":\"openssh - security "
    "update\",\"affected\":[{\"package\":{\"ecosystem\":\"Debian:12\",\"name\":\"openssh\"},"
    "\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":"
    "\"1:9.2p1-2+deb12u3\"}]}]}]}\n";

static const struct frame_package sshd_u2 = { .type = "deb",
                                              .name = "openssh-server",
                                              .version = "1:9.2p1-2+deb12u2",
                                              .source = "openssh",
                                              .source_version = "1:9.2p1-2+deb12u2" };

static void test_source_package_is_judged(void)
{
    struct fixture f;
    fixture_init(&f);
    fixture_import(&f, "d.jsonl", debian, NULL, NULL);
    struct matched m;
    matched_begin(&m, &bookworm);
    matched_package(&m, &sshd_u2);
    matched_run(&m, &f, NULL);
    g_assert_cmpuint(m.findings->len, ==, 2);
    const struct finding *first = finding_at(&m, 0), *second = finding_at(&m, 1);
    g_assert_cmpstr(first->id, ==, "CVE-2024-6387");
    g_assert_cmpint(first->state, ==, FINDING_FIXED);
    g_assert_cmpstr(first->fixed_version, ==, "1:9.2p1-2+deb12u3");
    g_assert_cmpstr(first->package->name, ==, "openssh-server");
    g_assert_cmpstr(first->matched_name, ==, "openssh");
    g_assert_cmpint(first->severity, ==, SEVERITY_HIGH);
    g_assert_cmpstr(first->severity_source, ==, "cvss3.1");
    g_assert_cmpfloat_with_epsilon(first->cvss_score, 8.1, 0.001);
    g_assert_cmpstr(first->title, ==, "A race in a signal handler of the server");
    g_assert_nonnull(first->advisories);
    g_assert_cmpstr(first->advisories[0], ==, "DSA-5724-1");
    g_assert_cmpstr(second->id, ==, "CVE-2007-2243");
    g_assert_cmpint(second->state, ==, FINDING_AFFECTED);
    g_assert_cmpint(second->severity, ==, SEVERITY_NEGLIGIBLE);
    g_assert_cmpstr(second->severity_source, ==, "debian");
    g_assert_cmpint(coverage_at(&m, 0)->state, ==, COVERAGE_READ);
    matched_done(&m);
    fixture_done(&f);
}

static void test_fixed_version_is_clean(void)
{
    struct fixture f;
    fixture_init(&f);
    fixture_import(&f, "d.jsonl", debian, NULL, NULL);
    struct matched m;
    matched_begin(&m, &bookworm);
    struct frame_package p = sshd_u2;
    p.version = p.source_version = "1:9.2p1-2+deb12u3";
    matched_package(&m, &p);
    matched_run(&m, &f, NULL);
    g_assert_cmpuint(m.findings->len, ==, 1);
    g_assert_cmpstr(finding_at(&m, 0)->id, ==, "CVE-2007-2243");
    matched_done(&m);
    fixture_done(&f);
}

static void test_signed_kernel_is_linux(void)
{
    struct fixture f;
    fixture_init(&f);
    fixture_import(&f, "d.jsonl", debian, NULL, NULL);
    struct matched m;
    matched_begin(&m, &bookworm);
    matched_package(&m, &(struct frame_package){ .type = "deb",
                                                 .name = "linux-image-6.1.0-27-amd64",
                                                 .version = "6.1.115-1",
                                                 .source = "linux-signed-amd64",
                                                 .source_version = "6.1.115+1" });
    matched_package(&m, &(struct frame_package){ .type = "deb",
                                                 .name = "linux-image-6.1.0-28-amd64",
                                                 .version = "6.1.119-1",
                                                 .source = "linux-signed-amd64",
                                                 .source_version = "6.1.119+1" });
    matched_run(&m, &f, NULL);
    g_assert_cmpuint(m.findings->len, ==, 1);
    g_assert_cmpstr(finding_at(&m, 0)->package->name, ==, "linux-image-6.1.0-27-amd64");
    g_assert_cmpstr(finding_at(&m, 0)->matched_name, ==, "linux");
    g_assert_cmpstr(finding_at(&m, 0)->matched_version, ==, "6.1.115-1");
    matched_done(&m);
    fixture_done(&f);
}

static void test_release_without_advisories_is_unreadable(void)
{
    struct fixture f;
    fixture_init(&f);
    fixture_import(&f, "d.jsonl", debian, NULL, NULL);
    struct frame_os trixie = bookworm;
    trixie.version_id = "13";
    struct matched m;
    matched_begin(&m, &trixie);
    matched_package(&m, &sshd_u2);
    matched_run(&m, &f, NULL);
    g_assert_cmpuint(m.findings->len, ==, 0);
    g_assert_cmpint(coverage_at(&m, 0)->state, ==, COVERAGE_UNREADABLE);
    g_assert_cmpstr(coverage_at(&m, 0)->reason, ==, "no advisories for Debian 13 in the database");
    g_assert_cmpstr(coverage_at(&m, 0)->system, ==, "disk0p1");
    matched_done(&m);
    fixture_done(&f);
}

static void test_foreign_packages_are_listed_not_judged(void)
{
    struct fixture f;
    fixture_init(&f);
    fixture_import(&f, "d.jsonl", debian, NULL, NULL);
    struct matched m;
    matched_begin(&m, &bookworm);
    struct frame_package p = sshd_u2;
    p.vendor = "Docker <support@docker.com>";
    matched_package(&m, &p);
    p.name = "openssh-client";
    matched_package(&m, &p);
    matched_run(&m, &f, NULL);
    g_assert_cmpuint(m.findings->len, ==, 0);
    g_assert_cmpuint(m.coverage->len, ==, 2);
    const struct frame_coverage *c = coverage_at(&m, 1);
    g_assert_cmpint(c->state, ==, COVERAGE_SKIPPED);
    g_assert_cmpstr(c->object, ==, "third-party packages: Docker <support@docker.com>");
    g_assert_cmpstr(c->reason, ==,
                    "2 not judged by Debian 12's advisories: openssh-client, openssh-server");
    matched_done(&m);
    fixture_done(&f);
}

static void test_newer_record_takes_the_place_of_the_older(void)
{
    struct fixture f;
    fixture_init(&f);
    fixture_import(&f, "d.jsonl", debian, NULL, NULL);
    fixture_import(&f, "e.jsonl",
                   "{\"id\":\"CVE-2007-2243\",\"modified\":\"2025-01-01T00:00:00Z\",\"withdrawn\":"
                   "\"2025-01-01T00:00:00Z\",\"affected\":[]}\n"
                   "{\"id\":\"CVE-2024-6387\",\"modified\":\"2020-01-01T00:00:00Z\",\"affected\":"
                   "[]}\n",
                   NULL, NULL);
    struct matched m;
    matched_begin(&m, &bookworm);
    matched_package(&m, &sshd_u2);
    matched_run(&m, &f, NULL);
    g_assert_cmpuint(m.findings->len, ==, 1);
    g_assert_cmpstr(finding_at(&m, 0)->id, ==, "CVE-2024-6387");
    g_assert_cmpfloat_with_epsilon(finding_at(&m, 0)->cvss_score, 8.1, 0.001);
    matched_done(&m);
    fixture_done(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/advisory/match/a binary package is judged by its source package",
                    test_source_package_is_judged);
    g_test_add_func("/advisory/match/the fixed version is clean", test_fixed_version_is_clean);
    g_test_add_func("/advisory/match/a signed kernel is judged as linux",
                    test_signed_kernel_is_linux);
    g_test_add_func("/advisory/match/a release without advisories is unreadable",
                    test_release_without_advisories_is_unreadable);
    g_test_add_func("/advisory/match/foreign packages are listed and not judged",
                    test_foreign_packages_are_listed_not_judged);
    g_test_add_func("/advisory/match/a newer record takes the place of the older one",
                    test_newer_record_takes_the_place_of_the_older);
    return g_test_run();
}
