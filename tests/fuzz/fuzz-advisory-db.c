/* A database file that somebody else made: opened, and asked about a few packages. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "advisory/database.h"
#include "advisory/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool ignore_statement(const struct advisory_statement *s, void *user, GError **error)
{
    return true;
}

static bool ignore_record(const struct advisory_record *r, void *user, GError **error)
{
    return true;
}

static struct frame *make_frame(void)
{
    static const struct frame_package packages[] = {
        { .type = "deb", .name = "p1", .version = "1.0-1" },
        { .type = "deb", .name = "p2", .version = "1.0-2" },
    };
    struct frame *f = frame_new("fuzz");
    (void)frame_add(f, FRAME_OS,
                    &(struct frame_os){ .root = "disk0", .id = "debian", .version_id = "12" },
                    NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(packages); i++)
        (void)frame_add(f, FRAME_PACKAGE, &packages[i], NULL);
    frame_finish(f);
    return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* SQLite resolves links, so a file in memory under /proc will not do. */
    char path[] = "/dev/shm/assay-fuzz-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    g_autoptr(advisory_db) db = advisory_db_open(path, NULL);
    if (db != NULL) {
        g_autoptr(frame) f = make_frame();
        g_autoptr(arena) a = arena_new(64 << 20);
        g_autoptr(GPtrArray) findings = g_ptr_array_new(), coverage = g_ptr_array_new();
        const struct match_options options = { 0 };
        const struct advisory_filter all = { 0 };
        (void)advisory_match(db, f, &options, a, findings, coverage, NULL);
        (void)advisory_each_statement(db, &all, ignore_statement, NULL, NULL);
        (void)advisory_each_record(db, &all, ignore_record, NULL, NULL);
    }
    (void)close(fd);
    (void)unlink(path);
    return 0;
}
