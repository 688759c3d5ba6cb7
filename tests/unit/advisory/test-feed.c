/* One small document of each feed, shaped as its publisher shapes it, and what becomes of it. */
#include "collect.h"

static void test_osv(void)
{
    assert_feed(
        "osv",
        "{\"schema_version\":\"1.7.3\",\"id\":\"DEBIAN-CVE-2025-4575\",\"modified\":"
        "\"2025-11-19T02:02:43.971243Z\",\"published\":\"2025-05-22T14:16:07Z\",\"upstream\":["
        "\"CVE-2025-4575\"],\"severity\":[{\"type\":\"CVSS_V3\",\"score\":"
        "\"CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:L/A:L\"}],\"details\":\"An option does the "
        "opposite of what it says\",\"affected\":[{\"package\":{\"ecosystem\":\"Debian:13\","
        "\"name\":\"openssl\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":"
        "\"0\"},{\"fixed\":\"3.5.0-2\"}]}],\"versions\":[\"3.5.0-1\"],\"ecosystem_specific\":{"
        "\"urgency\":\"low\"}},{\"package\":{\"ecosystem\":\"Debian:11\",\"name\":\"edk2\"},"
        "\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"}]}],"
        "\"ecosystem_specific\":{\"urgency\":\"end-of-life\"}}]}\n",
        "osv-debian CVE-2025-4575 CVE-2025-4575\n"
        "  title An option does the opposite of what it says\n"
        "  score - CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:L/A:L unknown\n"
        "  Debian:13|openssl|fixed <3.5.0-2 low\n"
        "  Debian:11|edk2|end_of_life\n");
}

static void test_osv_ranges(void)
{
    assert_feed("osv",
                "{\"id\":\"GO-2022-0512\",\"modified\":\"0001-01-01T00:00:00Z\",\"aliases\":["
                "\"CVE-2022-31080\"],\"affected\":[{\"package\":{\"ecosystem\":\"Go\",\"name\":"
                "\"github.com/a/b\"},\"ranges\":[{\"type\":\"SEMVER\",\"events\":[{\"introduced\":"
                "\"0\"},{\"fixed\":\"1.9.4\"},{\"introduced\":\"1.10.0\"},{\"last_affected\":"
                "\"1.10.1\"},{\"introduced\":\"2.0.0\"}]},{\"type\":\"GIT\",\"events\":[{"
                "\"introduced\":\"0\"}]}]},{\"package\":{\"ecosystem\":\"Go\",\"name\":\"c\"},"
                "\"versions\":[\"1.0\",\"1.1\"]},{\"package\":{}}]}",
                "osv-go GO-2022-0512 CVE-2022-31080\n"
                "  Go|github.com/a/b|fixed <1.9.4\n"
                "  Go|github.com/a/b|affected >=1.10.0 <=1.10.1\n"
                "  Go|github.com/a/b|affected >=2.0.0\n"
                "  Go|c|affected >=1.0 <=1.0\n"
                "  Go|c|affected >=1.1 <=1.1\n");
}

static void test_osv_modules(void)
{
    assert_feed(
        "osv",
        "{\"id\":\"ALSA-2024:1510\",\"modified\":\"2024-03-27T00:00:00Z\",\"related\":["
        "\"CVE-2024-22019\"],\"summary\":\"Important: nodejs:18 security update\","
        "\"affected\":[{\"package\":{\"ecosystem\":\"AlmaLinux:8\",\"name\":\"nodejs\"},"
        "\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":"
        "\"1:18.19.1-1.module_el8.9.0+3744+1\"}]}]},{\"package\":{\"ecosystem\":"
        "\"AlmaLinux:8\",\"name\":\"nodejs\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\""
        ":[{\"introduced\":\"0\"},{\"fixed\":\"1:18.19.1-1.module_el8.8.0+3744+1\"}]}]}]}",
        "osv-almalinux ALSA-2024:1510 high CVE-2024-22019\n"
        "  title Important: nodejs:18 security update\n"
        "  AlmaLinux:8|nodejs|fixed <1:18.19.1-1.module_el8.8.0+3744+1 module nodejs:18\n");
}

static void test_osv_suse_binaries(void)
{
    assert_feed("osv",
                "{\"id\":\"SUSE-SU-2022:0615-1\",\"modified\":\"2022-03-01T08:10:45Z\",\"related\":"
                "[\"CVE-2021-0920\"],\"affected\":[{\"package\":{\"ecosystem\":"
                "\"SUSE:Linux Enterprise Server 15 SP3-LTSS\",\"name\":\"bind\"},\"ranges\":[{"
                "\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"9.16-1\"}]}"
                "],\"ecosystem_specific\":{\"binaries\":[{\"bind\":\"9.16-1\",\"libdns1\":"
                "\"9.16-1\"}]}}]}",
                "osv-suse SUSE-SU-2022:0615-1 CVE-2021-0920\n"
                "  SUSE:Linux Enterprise Server 15 SP3-LTSS|bind|fixed <9.16-1\n"
                "  SUSE:Linux Enterprise Server 15 SP3-LTSS|libdns1|fixed <9.16-1\n");
}

static void test_osv_families(void)
{
    assert_feed(
        "osv",
        "[{\"id\":\"RHSA-2024:1\",\"modified\":\"2024-01-01T00:00:00Z\",\"related\":[\"CVE-2024-"
        "1\","
        "\"CVE-2024-1111\"],\"affected\":[{\"package\":{\"ecosystem\":"
        "\"Red Hat:enterprise_linux:9::appstream\",\"name\":\"a\"},\"ranges\":[{\"type\":"
        "\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"0:1-1.el9\"}]}]}]},\n"
        "{\"id\":\"RLSA-2024:2\",\"modified\":\"2024-01-01T00:00:00Z\",\"affected\":[{\"package\":{"
        "\"ecosystem\":\"Rocky Linux:9\",\"name\":\"openssl\"},\"ranges\":[{\"type\":\"ECOSYSTEM\","
        "\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"1:3-1.el9\"}]}]}]},\n"
        "{\"id\":\"ALBA-2024:3\",\"modified\":\"2024-01-01T00:00:00Z\",\"affected\":[{\"package\":{"
        "\"ecosystem\":\"AlmaLinux:9\",\"name\":\"b\"},\"ranges\":[]}]},\n"
        "{\"id\":\"UBUNTU-CVE-2024-3094\",\"modified\":\"2024-01-01T00:00:00Z\",\"severity\":[{"
        "\"type\":\"Ubuntu\",\"score\":\"medium\"}],\"affected\":[{\"package\":{\"ecosystem\":"
        "\"Ubuntu:Pro:22.04:LTS\",\"name\":\"xz\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":["
        "{"
        "\"introduced\":\"0\"}]}]}]},\n"
        "{\"id\":\"RHSA-2024:4\",\"modified\":\"2024-01-01T00:00:00Z\",\"affected\":[{\"package\":{"
        "\"ecosystem\":\"Red Hat:\",\"name\":\"c\"},\"ranges\":[]}]},\n"
        "{\"id\":\"MAL-2024-1\",\"modified\":\"2024-01-01T00:00:00Z\",\"withdrawn\":"
        "\"2024-01-02T00:00:00Z\",\"affected\":[]}]",
        "osv-redhat RHSA-2024:1 CVE-2024-1111\n"
        "  Red Hat:enterprise_linux:9|a|fixed <0:1-1.el9\n"
        "osv-rocky RLSA-2024:2\n"
        "  Rocky Linux:9:source|openssl|fixed <1:3-1.el9\n"
        "osv-almalinux ALBA-2024:3\n"
        "osv-ubuntu CVE-2024-3094 medium\n"
        "  Ubuntu:Pro:22.04|xz|affected\n"
        "malformed: RHSA-2024:4: c: an ecosystem that names no product: Red Hat:\n"
        "osv-malicious MAL-2024-1 withdrawn\n");
}

static void test_debian_tracker(void)
{
    assert_feed(
        "debian-tracker",
        "{\"apt\":{\"CVE-2011-3374\":{\"description\":\"It was found that apt-key does not "
        "validate\",\"debianbug\":642480,\"scope\":\"remote\",\"releases\":{\"bookworm\":{"
        "\"status\""
        ":\"open\",\"repositories\":{\"bookworm\":\"2.6.1\"},\"urgency\":\"unimportant\"},"
        "\"bullseye\":{\"status\":\"resolved\",\"fixed_version\":\"0\",\"urgency\":"
        "\"not yet assigned\"}}}},\n\"bash\":{\"TEMP-0841856-B18BAF\":{\"releases\":{\"trixie\":{"
        "\"status\":\"open\",\"urgency\":\"low**\",\"nodsa\":\"Minor issue\",\"nodsa_reason\":\"\"}"
        ",\"sid\":{\"status\":\"resolved\",\"fixed_version\":\"5.3-1\",\"urgency\":\"high\"}}},"
        "\"CVE-2019-9924\":{\"releases\":{\"buster\":{\"status\":\"open\",\"urgency\":"
        "\"end-of-life\"},\"trixie\":{\"status\":\"open\",\"urgency\":\"medium\",\"nodsa\":\"x\","
        "\"nodsa_reason\":\"ignored\"},\"bookworm\":{\"status\":\"undetermined\",\"urgency\":"
        "\"not yet assigned\"},\"nosuchrelease\":{\"status\":\"open\"}}}},\n\"broken\":{\"x\":1}}",
        "debian-tracker CVE-2011-3374\n"
        "  title It was found that apt-key does not validate\n"
        "  Debian:12|apt|affected negligible\n"
        "  Debian:11|apt|not_affected\n"
        "debian-tracker TEMP-0841856-B18BAF\n"
        "  Debian:13|bash|deferred low\n"
        "  Debian:sid|bash|fixed <5.3-1 high\n"
        "debian-tracker CVE-2019-9924\n"
        "  Debian:10|bash|end_of_life\n"
        "  Debian:13|bash|will_not_fix medium\n"
        "  Debian:12|bash|under_investigation\n"
        "malformed: broken: x is no issue\n");
}

static void test_debian_list(void)
{
    assert_feed("debian-list",
                "[21 Aug 2026] DSA-6458-1 gst-plugins-bad1.0 - security update\n"
                "\t{CVE-2026-12891 CVE-2026-12892}\n"
                "\t[trixie] - gst-plugins-bad1.0 1.26.2-3+deb13u3\n"
                "\tNOTE: fixed by upstream\n"
                "[18 Jun 2014] DLA-0004-1 dovecot - security update\n"
                "\t{CVE-2014-3430}\n"
                "\t[squeeze] - dovecot 1:1.2.15-7+deb6u1\n"
                "\t[wheezy] - dovecot <not-affected> (Vulnerable code not present)\n"
                "\t[jessie] - dovecot <end-of-life>\n"
                "[02 Jan 2020] nothing of the kind\n",
                "debian-dsa DSA-6458-1 CVE-2026-12891 CVE-2026-12892\n"
                "  title gst-plugins-bad1.0 - security update\n"
                "  Debian:13|gst-plugins-bad1.0|fixed <1.26.2-3+deb13u3\n"
                "debian-dla DLA-0004-1 CVE-2014-3430\n"
                "  title dovecot - security update\n"
                "  Debian:6.0|dovecot|fixed <1:1.2.15-7+deb6u1\n"
                "  Debian:8|dovecot|end_of_life\n"
                "malformed: neither date nor advisory: [02 Jan 2020] nothing of the kind\n");
}

static void test_secdb(void)
{
    assert_feed("secdb",
                "{\"apkurl\":\"{{urlprefix}}/{{distroversion}}\",\"archs\":[\"x86_64\"],"
                "\"reponame\":\"main\",\"urlprefix\":\"https://dl-cdn.alpinelinux.org/alpine\","
                "\"distroversion\":\"v3.20\",\"packages\":[{\"pkg\":{\"name\":\"xen\",\"secfixes\":"
                "{\"4.18.0-r3\":[\"CVE-2023-46842 XSA-454\",\"XSA-999\"],\"0\":["
                "\"CVE-2020-29568\"]}}}]}",
                "alpine-secdb-v3.20-main CVE-2023-46842\n"
                "  Alpine:v3.20|xen|fixed <4.18.0-r3\n"
                "alpine-secdb-v3.20-main XSA-999\n"
                "  Alpine:v3.20|xen|fixed <4.18.0-r3\n"
                "alpine-secdb-v3.20-main CVE-2020-29568\n"
                "  Alpine:v3.20|xen|not_affected\n");
    assert_feed("secdb",
                "{\"apkurl\":\"{{urlprefix}}/{{reponame}}\",\"archs\":[\"x86_64\"],\"reponame\":"
                "\"os\",\"urlprefix\":\"https://packages.wolfi.dev\",\"packages\":[{\"pkg\":{"
                "\"name\":\"bash\",\"secfixes\":{\"5.2-r1\":[\"CVE-2022-3715\"]}}}]}",
                "wolfi-secdb CVE-2022-3715\n"
                "  Wolfi|bash|fixed <5.2-r1\n");
}

static void test_ubuntu_tracker(void)
{
    assert_feed(
        "ubuntu-tracker",
        "{\"candidate\":\"CVE-2019-19331\",\"public_date\":\"2019-12-16 16:15:00 "
        "UTC\",\"priority\":"
        "\"medium\",\"cvss\":\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H [7.5 HIGH]\","
        "\"description\":\"A resolver can be kept busy\",\"packages\":{\"knot\":{\"bionic\":["
        "\"ignored\",\"end of standard support, was needed\"],\"esm-apps/bionic\":[\"needed\",\"\"]"
        ",\"jammy\":[\"not-affected\",\"5.4.4-1\"],\"focal\":[\"released\",\"5.0.1-1ubuntu1\"],"
        "\"noble\":[\"deferred\",\"2024-01-01\"],\"trusty\":[\"DNE\",\"\"],\"upstream\":["
        "\"released\",\"4.3\"],\"trusty/esm\":[\"ignored\",\"intrusive\"],\"fips/xenial\":["
        "\"needs-triage\",\"\"]}}}",
        "ubuntu-tracker CVE-2019-19331 medium\n"
        "  title A resolver can be kept busy\n"
        "  score - CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H unknown\n"
        "  Ubuntu:18.04|knot|end_of_life\n"
        "  Ubuntu:Pro:18.04|knot|affected\n"
        "  Ubuntu:22.04|knot|not_affected\n"
        "  Ubuntu:20.04|knot|fixed <5.0.1-1ubuntu1\n"
        "  Ubuntu:24.04|knot|deferred\n"
        "  Ubuntu:Pro:14.04|knot|will_not_fix\n"
        "  Ubuntu:Pro:FIPS:16.04|knot|under_investigation\n");
}

static void test_ubuntu_text(void)
{
    assert_feed("ubuntu-tracker-text",
                "PublicDateAtUSN: 2023-03-22 21:15:00 UTC\n"
                "Candidate: CVE-2023-0386\n"
                "PublicDate: 2023-03-22 21:15:00 UTC\n"
                "References:\n"
                " https://example.org/CVE-2000-1\n"
                "Description:\n"
                " A flaw was found in how files are copied between\n"
                " mounts.\n"
                "Priority: high\n"
                " Because it is used\n"
                "CVSS:\n"
                " nvd: CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H [7.8 HIGH]\n"
                "\n"
                "Patches_linux:\n"
                " break-fix: a b\n"
                "Tags_linux: not-ue\n"
                "upstream_linux: released (6.2~rc6)\n"
                "esm-infra/xenial_linux: not-affected (4.4.0-2.16)\n"
                "bionic_linux: ignored (end of standard support)\n"
                "jammy_linux: released (5.15.0-70.77)\n"
                "kinetic_linux: pending (5.19.0-41.42)\n"
                "focal_linux: DNE\n",
                "ubuntu-tracker-text CVE-2023-0386 high\n"
                "  title A flaw was found in how files are copied between mounts\n"
                "  score - CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H unknown\n"
                "  Ubuntu:Pro:16.04|linux|not_affected\n"
                "  Ubuntu:18.04|linux|end_of_life\n"
                "  Ubuntu:22.04|linux|fixed <5.15.0-70.77\n"
                "  Ubuntu:22.10|linux|affected\n");
}

static void test_redhat_cve(void)
{
    assert_feed(
        "redhat-cve",
        "{\"name\":\"CVE-2019-11460\",\"threat_severity\":\"Moderate\",\"public_date\":"
        "\"2019-04-13T00:00:00Z\",\"bugzilla\":{\"description\":\"gnome-desktop: bypass\",\"id\":"
        "\"1\"},\"cvss3\":{\"cvss3_base_score\":\"7.3\",\"cvss3_scoring_vector\":"
        "\"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:L\"},\"package_state\":[{\"cpe\":"
        "\"cpe:/o:redhat:enterprise_linux:7\",\"fix_state\":\"Not affected\",\"package_name\":"
        "\"gnome-desktop\"},{\"cpe\":\"cpe:/o:redhat:enterprise_linux:8\",\"fix_state\":"
        "\"Will not fix\",\"package_name\":\"gnome-desktop3\"},{\"cpe\":"
        "\"cpe:/o:redhat:enterprise_linux:8\",\"fix_state\":\"Affected\",\"package_name\":"
        "\"nodejs:18/nodejs\"},{\"cpe\":\"cpe:/o:redhat:enterprise_linux:9\",\"fix_state\":"
        "\"Out of support scope\",\"package_name\":\"a\"},{\"cpe\":\"cpe:/o:redhat:rhel_eus:9.2\","
        "\"fix_state\":\"Fix deferred\",\"package_name\":\"a\"},{\"cpe\":"
        "\"cpe:/a:redhat:openshift:4\",\"fix_state\":\"Affected\",\"package_name\":"
        "\"openshift4/ose-cli\"}],\"affected_release\":[{\"advisory\":\"RHSA-2024:9315\",\"cpe\":"
        "\"cpe:/o:redhat:enterprise_linux:9\",\"package\":\"kernel-0:5.14.0-503.11.1.el9_5\"},{"
        "\"advisory\":\"RHSA-2023:1\",\"cpe\":\"cpe:/a:redhat:enterprise_linux:8::appstream\","
        "\"package\":\"nodejs:18-8090020231120\"},{\"advisory\":\"RHSA-2023:2\",\"cpe\":"
        "\"cpe:/o:redhat:enterprise_linux:8\",\"package\":\"kpatch-patch\"}]}",
        "redhat-cve CVE-2019-11460 medium\n"
        "  title gnome-desktop: bypass\n"
        "  score redhat CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:L unknown\n"
        "  Red Hat:enterprise_linux:7:source|gnome-desktop|not_affected\n"
        "  Red Hat:enterprise_linux:8:source|gnome-desktop3|will_not_fix\n"
        "  Red Hat:enterprise_linux:8:source|nodejs|affected module nodejs:18\n"
        "  Red Hat:enterprise_linux:9:source|a|end_of_life\n"
        "  Red Hat:rhel_eus:9.2:source|a|deferred\n"
        "  Red Hat:enterprise_linux:9:source|kernel|fixed <0:5.14.0-503.11.1.el9_5\n");
}

static void test_amazon(void)
{
    assert_feed("amazon-updateinfo",
                "{\"ID\":\"ALAS2KERNEL-5.10-2022-001\",\"Type\":\"security\",\"Title\":"
                "\"Amazon Linux 2 - ALAS2KERNEL-5.10-2022-001: important priority package update "
                "for kernel\",\"Issued\":{\"Date\":\"2022-01-30 03:53:00\"},\"Updated\":{\"Date\":"
                "\"2022-02-05 11:08:00\"},\"Severity\":\"important\",\"References\":{\"Reference\":"
                "[{\"ID\":\"CVE-2021-4155\",\"Type\":\"cve\"}]},\"Pkglist\":{\"Collection\":{"
                "\"Package\":[{\"Arch\":\"x86_64\",\"Epoch\":\"0\",\"Name\":\"kernel\",\"Release\":"
                "\"83.359.amzn2\",\"Version\":\"5.10.93\"}]}}}\n",
                "amazon-updateinfo ALAS2KERNEL-5.10-2022-001 high CVE-2021-4155\n"
                "  title important priority package update for kernel\n"
                "  Amazon Linux:2:kernel-5.10|kernel|fixed <5.10.93-83.359.amzn2\n");
}

static void test_updateinfo(void)
{
    assert_feed(
        "updateinfo",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<updates>\n"
        "<update from=\"updates@fedoraproject.org\" status=\"stable\" type=\"security\" "
        "version=\"2.0\"><id>FEDORA-2026-0a1b2c3d4e</id><title>curl-8.9.1-2.fc43 &amp; more</title>"
        "<issued date=\"2026-01-05 01:02:03\"/><severity>Moderate</severity><references>"
        "<reference href=\"https://bugzilla.example/1\" id=\"1\" type=\"bugzilla\" title="
        "\"CVE-2026-1111 curl: a bug [fedora-all]\"/></references><pkglist><collection "
        "short=\"F43\">"
        "<name>Fedora 43</name><package name=\"curl\" epoch=\"0\" version=\"8.9.1\" "
        "release=\"2.fc43\" arch=\"x86_64\"><filename>curl.rpm</filename></package></collection>"
        "</pkglist></update>\n"
        "<update type=\"security\"><id>ALSA-2024:1510</id><title>Important: nodejs:18</title>"
        "<severity>Important</severity><references><reference id=\"CVE-2024-22019\" type=\"cve\"/>"
        "</references><pkglist><collection short=\"x\"><module name=\"nodejs\" stream=\"18\" "
        "version=\"1\" context=\"c\" arch=\"x86_64\"/><package name=\"nodejs\" epoch=\"1\" "
        "version=\"18.19.1\" release=\"1.module_el8.9.0+1\"/></collection></pkglist></update>\n"
        "<update type=\"bugfix\"><id>FEDORA-EPEL-2026-1</id><pkglist><collection><package "
        "name=\"a\" version=\"1\" release=\"1.el9\"/></collection></pkglist></update>\n"
        "<update type=\"security\"><id>WHO-1</id><pkglist><collection><package name=\"a\" "
        "version=\"1\" release=\"1\"/></collection></pkglist></update>\n"
        "<update type=\"security\"><id>FEDORA-2026-2</title></update>\n"
        "</updates>\n",
        "updateinfo-fedora FEDORA-2026-0a1b2c3d4e medium CVE-2026-1111\n"
        "  title curl-8.9.1-2.fc43 & more\n"
        "  Fedora:43|curl|fixed <8.9.1-2.fc43\n"
        "updateinfo-almalinux ALSA-2024:1510 high CVE-2024-22019\n"
        "  title Important: nodejs:18\n"
        "  AlmaLinux:8|nodejs|fixed <1:18.19.1-1.module_el8.9.0+1 module nodejs:18\n"
        "updateinfo-epel FEDORA-EPEL-2026-1\n"
        "malformed: WHO-1: a-1: cannot tell of which distribution\n"
        "malformed: mismatched tag at byte 43 of the update\n");
}

static void test_updateinfo_with_entities(void)
{
    unsigned records, malformed;
    static const char text[] =
        "<updates><update><!DOCTYPE a [<!ENTITY x \"y\">]><id>FEDORA-1</id></update></updates>";
    g_autofree char *out = collect_text("updateinfo", text, strlen(text), 0, &records, &malformed);
    g_assert_nonnull(out);
    g_assert_cmpuint(records, ==, 0);
    g_assert_cmpuint(malformed, ==, 1);
}

static void test_arch(void)
{
    assert_feed("arch-avg",
                "[{\"advisories\":[\"ASA-202012-7\"],\"affected\":\"4.3.1-1\",\"fixed\":"
                "\"4.4.0-1\",\"issues\":[\"CVE-2020-29130\"],\"name\":\"AVG-1305\",\"packages\":["
                "\"libslirp\"],\"severity\":\"Medium\",\"status\":\"Fixed\",\"type\":"
                "\"information disclosure\"},{\"affected\":\"1\",\"fixed\":null,\"issues\":["
                "\"CVE-2021-1111\"],\"name\":\"AVG-2\",\"packages\":[\"a\",\"b\"],\"status\":"
                "\"Vulnerable\"},{\"affected\":\"1\",\"fixed\":null,\"issues\":[],\"name\":"
                "\"AVG-3\",\"packages\":[\"c\"],\"status\":\"Not affected\"}]",
                "arch-avg AVG-1305 medium CVE-2020-29130\n"
                "  title information disclosure\n"
                "  Arch Linux|libslirp|fixed <4.4.0-1\n"
                "arch-avg AVG-2 CVE-2021-1111\n"
                "  Arch Linux|a|affected\n"
                "  Arch Linux|b|affected\n"
                "arch-avg AVG-3\n");
}

static void test_photon(void)
{
    assert_feed("photon",
                "[{\"cve_id\":\"CVE-2023-5115\",\"pkg\":\"ansible\",\"cve_score\":6.3,\"aff_ver\":"
                "\"all versions before 2.14.12-1.ph5 are vulnerable\",\"res_ver\":"
                "\"2.14.12-1.ph5\",\"status\":\"Fixed\"},{\"cve_id\":\"CVE-2023-1\",\"pkg\":\"b\","
                "\"aff_ver\":\"NA\",\"res_ver\":\"NA\",\"status\":\"Not Affected\"}]",
                "photon-5.0 CVE-2023-5115\n"
                "  Photon OS:5.0:source|ansible|fixed <2.14.12-1.ph5\n");
}

static void test_kev(void)
{
    assert_feed("kev",
                "{\"title\":\"CISA Catalog\",\"catalogVersion\":\"2026.08.07\",\"dateReleased\":"
                "\"2026-08-07T15:00:00.1234Z\",\"count\":2,\"vulnerabilities\":[{\"cveID\":"
                "\"CVE-2021-44228\",\"dateAdded\":\"2021-12-10\",\"dueDate\":\"2021-12-24\","
                "\"knownRansomwareCampaignUse\":\"Known\"},{\"cveID\":\"CVE-2024-0012\","
                "\"dueDate\":\"2024-12-09\",\"knownRansomwareCampaignUse\":\"Unknown\"}]}",
                "kev CVE-2021-44228 exploited ransomware due 1640304000\n"
                "kev CVE-2024-0012 exploited due 1733702400\n");
}

static void test_epss(void)
{
    assert_feed("epss",
                "#model_version:v2025.03.14,score_date:2026-08-16T00:00:00+0000\n"
                "cve,epss,percentile\n"
                "CVE-1999-0001,0.00823,0.73213\n"
                "CVE-2024-6387,0.99506,1.0\n"
                "CVE-2024-6388,1.5,0.1\n"
                "what\n",
                "epss CVE-1999-0001 epss 0.00823 0.73213\n"
                "epss CVE-2024-6387 epss 0.99506 1.00000\n"
                "malformed: not a CVE, a score and a percentile: CVE-2024-6388,1.5,0.1\n"
                "malformed: not a CVE, a score and a percentile: what\n");
}

static void test_cve5(void)
{
    assert_feed(
        "cve5",
        "{\"dataType\":\"CVE_RECORD\",\"cveMetadata\":{\"cveId\":\"CVE-2023-5463\",\"state\":"
        "\"PUBLISHED\",\"datePublished\":\"2023-10-09T21:31:05Z\"},\"containers\":{\"cna\":{"
        "\"title\":\"A search path\",\"metrics\":[{\"cvssV3_1\":{\"baseSeverity\":\"HIGH\","
        "\"vectorString\":\"CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H\"}}]},\"adp\":[{"
        "\"providerMetadata\":{\"shortName\":\"CISA-ADP\"},\"metrics\":[{\"other\":{\"type\":"
        "\"ssvc\",\"content\":{\"options\":[{\"Exploitation\":\"poc\"},{\"Automatable\":\"no\"},{"
        "\"Technical Impact\":\"total\"}]}}}]}]}}\n"
        "{\"cveMetadata\":{\"cveId\":\"CVE-2023-5464\",\"state\":\"REJECTED\"},\"containers\":{"
        "\"cna\":{}}}\n",
        "cve5 CVE-2023-5463\n"
        "  title A search path\n"
        "  score cna CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H high\n"
        "  score cisa-ssvc - medium\n"
        "cve5 CVE-2023-5464 withdrawn\n");
}

static void test_nothing(void)
{
    static const char *const texts[] = {
        "",
        "hello",
        "{}",
        "[]",
        "[1,2]",
        "{\"cve\":[\"CVE-2020-1111\",\"CVE-2020-1112\"]}",
        "{\"bomFormat\":\"CycloneDX\"}",
        "<html><body>404</body></html>",
        "{\"configurations\":[],\"id\":\"CVE-2026-1111\"}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        struct feed_head head;
        feed_head_init(&head, texts[i], strlen(texts[i]), true);
        g_assert_null(feed_driver_detect(&head));
        feed_head_done(&head);
    }
}

static void test_malformed_documents(void)
{
    static const struct {
        const char *driver, *text;
    } cases[] = {
        { "osv", "{\"id\":1,\"affected\":[]}" },
        { "osv", "{\"id\":\"CVE-2020-1111\",\"affected\":{}}" },
        { "osv", "{\"id\":\"X-1\",\"affected\":[{\"package\":{\"name\":\"a\"}}]}" },
        { "osv", "{\"id\":\"X-1\",\"affected\":[{\"package\":{\"name\":\"a\",\"ecosystem\":\"b\"},"
                 "\"ranges\":[{\"type\":\"SEMVER\"}]}]}" },
        { "osv", "[1]" },
        { "osv", "{\"id\":\"CVE-2020-1111\"" },
        { "secdb", "{\"apkurl\":\"\",\"packages\":[]}" },
        { "secdb",
          "{\"apkurl\":\"\",\"packages\":[{}],\"reponame\":\"a\",\"distroversion\":\"b\"}" },
        { "kev", "{\"catalogVersion\":\"1\",\"vulnerabilities\":{}}" },
        { "kev", "{\"catalogVersion\":\"1\",\"vulnerabilities\":[{}]}" },
        { "redhat-cve", "{\"name\":[],\"threat_severity\":\"Low\",\"package_state\":[]}" },
        { "cve5", "{\"cveMetadata\":{},\"containers\":{}}" },
        { "arch-avg", "{\"name\":\"AVG-1\"}" },
        { "photon", "{\"cve_id\":\"CVE-2020-1111\"}" },
        { "amazon-updateinfo",
          "{\"ID\":\"ALAS2-1\",\"Pkglist\":{\"Collection\":{\"Package\":[{}]}}}" },
        { "debian-tracker", "{\"a\":{\"CVE-2020-1111\":{\"releases\":{\"sid\":{}}}}}" },
        { "ubuntu-tracker",
          "{\"candidate\":\"CVE-2020-1111\",\"packages\":{\"a\":{\"jammy\":[]}}}" },
        { "ubuntu-tracker-text", "Description:\n no candidate\n" },
        { "updateinfo", "<updates><update></update></updates>" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        unsigned malformed;
        g_autofree char *out = collect_text(cases[i].driver, cases[i].text, strlen(cases[i].text),
                                            0, NULL, &malformed);
        g_test_message("%s: %s", cases[i].driver, out);
        g_assert_cmpuint(malformed, ==, 1);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/advisory/feed/osv", test_osv);
    g_test_add_func("/advisory/feed/osv: ranges open and close", test_osv_ranges);
    g_test_add_func("/advisory/feed/osv: modules, and the lowest of rebuilds", test_osv_modules);
    g_test_add_func("/advisory/feed/osv: SUSE's binary packages", test_osv_suse_binaries);
    g_test_add_func("/advisory/feed/osv: families and what they mean", test_osv_families);
    g_test_add_func("/advisory/feed/debian tracker", test_debian_tracker);
    g_test_add_func("/advisory/feed/debian lists", test_debian_list);
    g_test_add_func("/advisory/feed/secdb", test_secdb);
    g_test_add_func("/advisory/feed/ubuntu tracker", test_ubuntu_tracker);
    g_test_add_func("/advisory/feed/ubuntu tracker as text", test_ubuntu_text);
    g_test_add_func("/advisory/feed/red hat cve", test_redhat_cve);
    g_test_add_func("/advisory/feed/amazon", test_amazon);
    g_test_add_func("/advisory/feed/updateinfo", test_updateinfo);
    g_test_add_func("/advisory/feed/updateinfo: entities are refused",
                    test_updateinfo_with_entities);
    g_test_add_func("/advisory/feed/arch", test_arch);
    g_test_add_func("/advisory/feed/photon", test_photon);
    g_test_add_func("/advisory/feed/kev", test_kev);
    g_test_add_func("/advisory/feed/epss", test_epss);
    g_test_add_func("/advisory/feed/cve 5", test_cve5);
    g_test_add_func("/advisory/feed/what is no feed is not taken for one", test_nothing);
    g_test_add_func("/advisory/feed/malformed documents are refused", test_malformed_documents);
    return g_test_run();
}
