/* A made-up report that has every field, and hostile text in every string that comes from outside.
 */
#pragma once
#include <string.h>

#include "report/report.h"

/* Characters that mean something to a terminal, XML, HTML, JSON, CSV or a spreadsheet, then bytes
 * that are no UTF-8. */
#define HOSTILE "\033[31m<script>alert('x')</script>&\"]]>\n,\r\t\x01\xff\xe2\x80\xae"

static inline void sample_add(struct frame *f, enum frame_kind kind, const void *record)
{
    g_assert_true(frame_add(f, kind, record, NULL));
}

static inline void sample_coverage(struct frame *f)
{
    static const struct frame_coverage coverage[] = {
        { "disk", "disk0", COVERAGE_READ },
        { "partition", "disk0p1", COVERAGE_READ },
        { "partition", "disk0p2", COVERAGE_READ },
        { "filesystem", "disk0p1", COVERAGE_READ, NULL, NULL, "disk0p1" },
        { "package database", "/var/lib/dpkg/status", COVERAGE_READ, NULL, NULL, "disk0p1" },
        { "filesystem", "disk0p2", COVERAGE_UNREADABLE, "LUKS encrypted: no key was given",
          "unsupported", NULL },
        { "mount", "/srv", COVERAGE_UNREADABLE, "UUID=0f3a-22c1 is on no disk that was given",
          "not found", "disk0p1" },
        { "directory", "/var/lib/" HOSTILE, COVERAGE_PARTIAL,
          "block 7711 of inode 1299: checksum " HOSTILE, "corrupt", "disk0p1" },
        { "package", "grafana", COVERAGE_SKIPPED, "from another repository (Grafana Labs)", NULL,
          "disk0p1" },
        { "package", "docker-ce", COVERAGE_SKIPPED, "from another repository (Docker)", NULL,
          "disk0p1" },
        { "package", "docker-ce-cli", COVERAGE_SKIPPED, "from another repository (Docker)", NULL,
          "disk0p1" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(coverage); i++)
        sample_add(f, FRAME_COVERAGE, &coverage[i]);
}

static inline void sample_packages(struct frame *f)
{
    static const struct frame_package packages[] = {
        { "deb", "libc6", "2.36-9+deb12u4", "amd64", "glibc", "2.36-9+deb12u4", .size = 12992512 },
        { "deb", "libc6", "2.36-9+deb12u4", "i386", "glibc", "2.36-9+deb12u4" },
        { "deb", "libc-bin", "2.36-9+deb12u4", "amd64", "glibc", "2.36-9+deb12u4" },
        { "deb", "locales", "2.36-9+deb12u4", "all", "glibc", "2.36-9+deb12u4" },
        { "deb", "bash", "5.2.15-2+b7", "amd64", "bash", "5.2.15-2", .license = "GPL-3+",
          .vendor = "Matthias Klose <doko@debian.org>", .path = "/var/lib/dpkg/status",
          .installed = 1700000000 },
        { "deb", "libexpat1", "2.5.0-1", "amd64", "expat", "2.5.0-1" },
        { "deb", "zlib1g", "1:1.2.13.dfsg-1", "amd64", "zlib", "1:1.2.13.dfsg-1" },
        { "deb", "perl-base", "5.36.0-7+deb12u1", "amd64", "perl", "5.36.0-7+deb12u1" },
        { "deb", "=cmd|' /C calc'!A0", "1.0" HOSTILE, "amd64", HOSTILE, "1.0", .vendor = HOSTILE,
          .license = HOSTILE, .path = "/" HOSTILE },
        { "deb", "tzdata", "2024a-0+deb12u1", "all" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(packages); i++)
        sample_add(f, FRAME_PACKAGE, &packages[i]);
}

static inline struct frame *sample_frame(void)
{
    struct frame *f = frame_new("debian12.qcow2");
    f->created = 1795234620; /* 2026-11-21T04:17:00Z */
    sample_add(f, FRAME_VOLUME,
               &(struct frame_volume){ .name = "disk0",
                                       .kind = "disk",
                                       .size = 4ull << 30,
                                       .content = "gpt",
                                       .image = "debian12.qcow2",
                                       .format = "qcow2" });
    sample_add(f, FRAME_VOLUME,
               &(struct frame_volume){ .name = "disk0p1",
                                       .kind = "partition",
                                       .parent = "disk0",
                                       .offset = 1 << 20,
                                       .size = 3ull << 30,
                                       .content = "ext4",
                                       .uuid = "6d1fb0c6-1d2c-4b7e-9d59-8f3c6c1f5a10" });
    sample_coverage(f);
    sample_add(f, FRAME_OS,
               &(struct frame_os){ .root = "disk0p1",
                                   .id = "debian",
                                   .name = "Debian GNU/Linux",
                                   .pretty_name = "Debian GNU/Linux 12 (bookworm)",
                                   .version = "12 (bookworm)",
                                   .version_id = "12",
                                   .codename = "bookworm",
                                   .architecture = "amd64",
                                   .cpe = "cpe:/o:debian:debian_linux:12",
                                   .hostname = "node17" });
    sample_add(f, FRAME_KERNEL,
               &(struct frame_kernel){ .version = "6.1.0-28-amd64",
                                       .path = "/boot/vmlinuz-6.1.0-28-amd64" });
    sample_add(
        f, FRAME_MOUNT,
        &(struct frame_mount){
            .path = "/", .volume = "disk0p1", .type = "ext4", .options = "errors=remount-ro" });
    sample_packages(f);
    sample_add(f, FRAME_USER, &(struct frame_user){ .name = "root", .password = "locked" });
    sample_add(f, FRAME_FILE,
               &(struct frame_file){ .path = "/etc/" HOSTILE,
                                     .type = "file",
                                     .size = 6,
                                     .mode = 0644,
                                     .nlink = 1,
                                     .mtime = 1700000000,
                                     .sha1 = "f572d396fae9206628714fb2ce00f72e94f2258f",
                                     .sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d082"
                                               "86a2e846f6be03",
                                     .media_type = "text/plain" });
    sample_add(f, FRAME_FILE,
               &(struct frame_file){ .path = "/lib", .type = "symlink", .target = "usr/lib" });
    sample_add(f, FRAME_OS,
               &(struct frame_os){ .root = "disk0p3", .id = "tinyos", .name = "TinyOS" });
    frame_finish(f);
    return f;
}

static inline const GPtrArray *sample_feeds(void)
{
    static const struct advisory_feed feeds[] = {
        { "debian-osv", "https://example.org/debian.zip", 45123, 0, 1795148220, 1795234000, "aa" },
        { "epss", "epss.csv.gz", 270000, 3, 1795234000, 1795234000, "bb" },
        { "kev", HOSTILE, 1, 0, 0, 1794000000, NULL },
    };
    static GPtrArray *list;
    if (list == NULL) {
        list = g_ptr_array_new();
        for (size_t i = 0; i < G_N_ELEMENTS(feeds); i++)
            g_ptr_array_add(list, (gpointer)&feeds[i]);
    }
    return list;
}

struct sample_finding {
    const char *source; /* of the packages it concerns */
    struct finding f;
};

static inline const struct sample_finding *sample_findings(size_t *count)
{
    static const char *const aliases[] = { "GHSA-aaaa-bbbb-cccc", NULL };
    static const char *const advisories[] = { "DSA-5770-1", NULL };
    static const char *const urls[] = {
        "https://security-tracker.debian.org/tracker/CVE-2024-45491",
        "javascript:alert(1)//" HOSTILE, NULL
    };
    static const struct sample_finding list[] = {
        { "expat",
          { .id = "CVE-2024-45491",
            .aliases = aliases,
            .advisories = advisories,
            .title = "An issue was discovered in libexpat before 2.6.3. dtdCopy in xmlparse.c can "
                     "have an integer overflow for nDefaultAtts on 32-bit platforms.",
            .state = FINDING_FIXED,
            .fixed_version = "2.5.0-1+deb12u1",
            .matched_name = "expat",
            .matched_version = "2.5.0-1",
            .severity = SEVERITY_CRITICAL,
            .severity_source = "nvd",
            .cvss_score = 9.8,
            .cvss_vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            .epss = 0.0043,
            .epss_percentile = 0.6123,
            .published = 1725000000,
            .modified = 1726000000,
            .urls = urls } },
        { "expat",
          { .id = "CVE-2023-52425",
            .title = "libexpat through 2.5.0 allows a denial of service.",
            .state = FINDING_FIXED,
            .fixed_version = "2.5.0-1+deb12u10",
            .severity = SEVERITY_HIGH,
            .cvss_score = 7.5,
            .epss = 0.9414,
            .epss_percentile = 0.999,
            .known_exploited = true,
            .ransomware = true,
            .kev_due = 1730000000 } },
        { "zlib",
          { .id = "CVE-2023-45853",
            .state = FINDING_WILL_NOT_FIX,
            .severity = SEVERITY_CRITICAL,
            .title = "MiniZip in zlib through 1.3 has an integer overflow \xe6\xbc\xa2\xe5\xad\x97",
            .cvss_score = 9.8,
            .epss = 0.012,
            .epss_percentile = 0.8 } },
        { "perl",
          { .id = "CVE-2011-4116",
            .state = FINDING_DEFERRED,
            .severity = SEVERITY_LOW,
            .cvss_score = -1,
            .epss = 0.00004,
            .epss_percentile = 0.01 } },
        { "perl",
          { .id = "CVE-2023-31486",
            .state = FINDING_UNDER_INVESTIGATION,
            .severity = SEVERITY_UNKNOWN,
            .cvss_score = -1,
            .epss = -1,
            .epss_percentile = -1 } },
        { HOSTILE,
          { .id = "+HOSTILE" HOSTILE,
            .title = HOSTILE "\xe6\xbc\xa2",
            .state = FINDING_AFFECTED,
            .severity = SEVERITY_MEDIUM,
            .severity_source = HOSTILE,
            .cvss_score = 5,
            .cvss_vector = HOSTILE,
            .epss = -1,
            .epss_percentile = -1 } },
        { "bash",
          { .id = "CVE-2022-3715",
            .state = FINDING_END_OF_LIFE,
            .severity = SEVERITY_HIGH,
            .cvss_score = 7.8,
            .epss = 0.001,
            .epss_percentile = 0.3,
            .title = "A flaw was found in the bash package.",
            .suppressed_by = ".assayignore:3" HOSTILE,
            .suppressed_reason = "not reachable " HOSTILE } },
        { "tzdata",
          { .id = "CVE-2024-0001",
            .state = FINDING_NOT_AFFECTED,
            .severity = SEVERITY_NEGLIGIBLE,
            .cvss_score = 0,
            .epss = -1,
            .epss_percentile = -1,
            .suppressed_by = "vex.json: vulnerable_code_not_present" } },
        { "glibc",
          { .id = "CVE-2024-2961",
            .state = FINDING_FIXED,
            .fixed_version = "2.36-9+deb12u6",
            .title = "The iconv() function in the GNU C Library may overflow the output buffer.",
            .severity = SEVERITY_HIGH,
            .cvss_score = 8.8,
            .epss = 0.93,
            .epss_percentile = 0.99,
            .matched_name = "glibc",
            .matched_version = "2.36-9+deb12u4" } },
        { "glibc",
          { .id = "CVE-2024-33599",
            .state = FINDING_FIXED,
            .fixed_version = "2.36-9+deb12u7",
            .title = "nscd: Stack-based buffer overflow.",
            .severity = SEVERITY_HIGH,
            .cvss_score = 7.6,
            .epss = 0.0007,
            .epss_percentile = 0.3,
            .matched_name = "glibc",
            .matched_version = "2.36-9+deb12u4" } },
    };
    *count = G_N_ELEMENTS(list);
    return list;
}

static inline struct report *sample_report(void)
{
    size_t count;
    const struct sample_finding *list = sample_findings(&count);
    struct report *r = report_new(sample_frame());
    r->now = r->frame->created;
    const struct frame_system *s = g_ptr_array_index(r->frame->systems, 0);
    const GPtrArray *packages = s->records[FRAME_PACKAGE];
    for (guint i = 0; i < packages->len; i++) {
        const struct frame_package *p = g_ptr_array_index(packages, i);
        for (size_t k = 0; k < count; k++) {
            if (!g_str_equal(p->source, list[k].source))
                continue;
            struct finding *f = arena_new0(r->arena, struct finding);
            *f = list[k].f;
            f->system = s;
            f->package = p;
            f->feed = "debian-osv";
            g_ptr_array_add(r->findings, f);
        }
    }
    struct frame_coverage *none = arena_new0(r->arena, struct frame_coverage);
    *none =
        (struct frame_coverage){ "advisories",        "TinyOS",
                                 COVERAGE_UNREADABLE, "no advisories for TinyOS in the database",
                                 "not found",         "disk0p3" };
    g_ptr_array_add(r->coverage, none);
    r->feeds = sample_feeds();
    return r;
}

/* A report as one form writes it. g_free(). */
G_GNUC_NO_INLINE G_GNUC_UNUSED static char *sample_write(const struct report *r, const char *format,
                                                         const struct report_options *options,
                                                         size_t *len)
{
    char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) reports = g_ptr_array_new();
    g_ptr_array_add(reports, (void *)r);
    FILE *out = open_memstream(&text, len);
    g_assert_true(report_format_find(format)->write(reports, options, out, &error));
    g_assert_no_error(error);
    (void)fclose(out);
    return text;
}

/* The sample's. */
G_GNUC_NO_INLINE G_GNUC_UNUSED static char *
sample_written(const char *format, const struct report_options *options, size_t *len)
{
    g_autoptr(report) r = sample_report();
    return sample_write(r, format, options, len);
}
