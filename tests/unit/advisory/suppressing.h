/* What tests of suppressions share: a frame of one system, findings in it, and documents that are
 * applied to them. Include it once a test program. */
#pragma once
#include <string.h>

#include "advisory/suppression_set.h"
#include "base/text.h"

struct bench {
    struct frame *frame;
    struct arena *arena;
    struct suppressions *set;
    struct suppression_source *source;
    GPtrArray *findings, *coverage;
};

static inline void bench_add_package(struct bench *b, struct frame_package p)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(frame_add(b->frame, FRAME_PACKAGE, &p, &error));
}

static inline void bench_init(struct bench *b, struct frame_os os)
{
    g_autoptr(GError) error = NULL;
    *b = (struct bench){ .frame = frame_new("images/web.qcow2"),
                         .arena = arena_new(1 << 20),
                         .set = suppressions_new(),
                         .findings = g_ptr_array_new(),
                         .coverage = g_ptr_array_new() };
    b->source = suppressions_add_source(b->set, "test", "VEX document", &error);
    os.root = "disk0p1";
    g_assert_true(frame_add(b->frame, FRAME_OS, &os, &error));
}

/* A Debian with openssl's library and curl. */
static inline void bench_init_debian(struct bench *b)
{
    bench_init(b, (struct frame_os){ .id = "debian",
                                     .version_id = "12",
                                     .codename = "bookworm",
                                     .hostname = "web1",
                                     .pretty_name = "Debian GNU/Linux 12 (bookworm)" });
    bench_add_package(b, (struct frame_package){ .type = "deb",
                                                 .name = "curl",
                                                 .version = "7.88.1-10+deb12u5",
                                                 .arch = "amd64",
                                                 .path = "/var/lib/dpkg/status" });
    bench_add_package(b, (struct frame_package){ .type = "deb",
                                                 .name = "libssl3",
                                                 .version = "3.0.11-1~deb12u2",
                                                 .arch = "amd64",
                                                 .source = "openssl",
                                                 .source_version = "3.0.11-1~deb12u2",
                                                 .path = "/var/lib/dpkg/status" });
}

/* An Enterprise Linux with a package that has an epoch, and one of a module. */
static inline void bench_init_redhat(struct bench *b)
{
    bench_init(b, (struct frame_os){ .id = "rhel",
                                     .version_id = "9.4",
                                     .cpe = "cpe:/o:redhat:enterprise_linux:9::baseos",
                                     .pretty_name = "Red Hat Enterprise Linux 9.4 (Plow)" });
    bench_add_package(b, (struct frame_package){ .type = "rpm",
                                                 .name = "nodejs",
                                                 .version = "1:18.20.2-1.module+el9",
                                                 .arch = "x86_64",
                                                 .module = "nodejs:18:9040:rhel9",
                                                 .source_rpm = "nodejs-18.20.2-1.src.rpm" });
    bench_add_package(b, (struct frame_package){ .type = "rpm",
                                                 .name = "openssl-libs",
                                                 .version = "1:3.0.7-27.el9",
                                                 .arch = "x86_64",
                                                 .source_rpm = "openssl-3.0.7-27.el9.src.rpm" });
}

static inline void bench_done(struct bench *b)
{
    g_ptr_array_unref(b->findings);
    g_ptr_array_unref(b->coverage);
    suppressions_free(b->set);
    arena_free(b->arena);
    frame_free(b->frame);
}

/* A finding in the package of that name. */
static inline struct finding *bench_find(struct bench *b, const char *package, const char *id)
{
    const struct frame_system *system = g_ptr_array_index(b->frame->systems, 0);
    GPtrArray *packages = system->records[FRAME_PACKAGE];
    struct finding *f = arena_new0(b->arena, struct finding);
    *f = (struct finding){ .system = system, .id = id, .state = FINDING_FIXED };
    for (guint i = 0; i < packages->len; i++) {
        const struct frame_package *p = g_ptr_array_index(packages, i);
        if (g_str_equal(p->name, package))
            f->package = p;
    }
    g_assert_nonnull(f->package);
    g_ptr_array_add(b->findings, f);
    return f;
}

/* Single quotes stand for double ones. */
static inline char *bench_json(const char *json)
{
    return g_strdelimit(g_strdup(json), "'", '"');
}

static inline bool bench_try_vex(struct bench *b, const char *json, GError **error)
{
    bool known;
    g_autofree char *text = bench_json(json);
    return suppressions_parse_vex(b->set, b->source, "a.json", text, strlen(text), &known, error);
}

static inline void bench_vex(struct bench *b, const char *json)
{
    g_autoptr(GError) error = NULL;
    (void)bench_try_vex(b, json, &error);
    g_assert_no_error(error);
}

static inline void bench_apply(struct bench *b, const char *now)
{
    int64_t seconds;
    g_autoptr(GError) error = NULL;
    g_assert_true(text_parse_time(now, &seconds));
    (void)suppressions_apply(b->set, b->frame, seconds, b->arena, b->findings, b->coverage, &error);
    g_assert_no_error(error);
}
