/* What the fuzz targets of suppressions share: findings that corpora speak about. */
#pragma once
#include <stdlib.h>

#include "advisory/suppression.h"

/* Whoever is suppressed must be told by whom. */
static inline void fuzz_suppress(struct suppressions *set)
{
    static const struct frame_os os = { .root = "disk0p1",
                                        .id = "rhel",
                                        .version_id = "9.4",
                                        .codename = "Plow",
                                        .hostname = "h",
                                        .cpe = "cpe:/o:redhat:enterprise_linux:9::baseos" };
    static const struct frame_package packages[] = {
        { .type = "rpm",
          .name = "a",
          .version = "1:1-1",
          .arch = "x86_64",
          .module = "m:1:2:3",
          .source_rpm = "s-1-1.src.rpm" },
        { .type = "deb", .name = "a", .version = "1-1", .source = "s", .source_version = "1" },
        { .type = "apk", .name = "a", .version = "1", .path = "/p" },
    };
    struct frame *frame = frame_new("d/t");
    struct arena *arena = arena_new(64 << 20);
    GPtrArray *findings = g_ptr_array_new(), *coverage = g_ptr_array_new();
    GError *error = NULL;
    if (!frame_add(frame, FRAME_OS, &os, NULL))
        abort();
    for (size_t i = 0; i < G_N_ELEMENTS(packages); i++)
        if (!frame_add(frame, FRAME_PACKAGE, &packages[i], NULL))
            abort();
    const struct frame_system *system = g_ptr_array_index(frame->systems, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(packages); i++) {
        struct finding *f = arena_new0(arena, struct finding);
        *f = (struct finding){ .system = system, .id = "CVE-1" };
        f->package = g_ptr_array_index(system->records[FRAME_PACKAGE], i);
        g_ptr_array_add(findings, f);
    }
    if (!suppressions_apply(set, frame, 1000000000, arena, findings, coverage, &error) &&
        error == NULL)
        abort();
    for (guint i = 0; i < findings->len; i++) {
        const struct finding *f = g_ptr_array_index(findings, i);
        if (f->suppressed_by == NULL && f->state == FINDING_NOT_AFFECTED)
            abort();
    }
    g_clear_error(&error);
    g_ptr_array_unref(findings);
    g_ptr_array_unref(coverage);
    arena_free(arena);
    frame_free(frame);
}
