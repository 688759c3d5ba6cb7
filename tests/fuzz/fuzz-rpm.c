/* RPM databases, and the headers in them. Compiled once for each backend; checksums count as right.
 *
 * Input: le32 length of the database's file, the file; the rest is its log when the byte behind the
 * file is 'w', its journal when that is 'j'. */
#include <string.h>

#include "base/arena.h"
#include "base/cursor.h"
#include "inspect/rpm_database.h"
#include "inspect/rpm_package.h"
#include "memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool on_header(void *user, uint64_t id, const uint8_t *bytes, size_t len)
{
    struct arena *arena = user;
    struct rpm_header h;
    struct frame_package p;
    bool pseudo;
    arena_clear(arena);
    if (rpm_header_parse(&h, bytes, len, NULL) && rpm_package_read(&h, arena, &p, &pseudo, NULL))
        (void)rpm_package_kernel(&h, arena);
    return true;
}

static void on_fault(void *user, GError *error)
{
    g_assert(error != NULL);
    g_error_free(error);
}

static const struct rpm_backend *find_backend(const char *name)
{
    for (const struct rpm_backend *const *b = rpm_backends; *b != NULL; b++) {
        if (g_str_equal((*b)->name, name))
            return *b;
    }
    g_assert_not_reached();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(arena) arena = arena_new(1 << 20);
    g_autoptr(GError) error = NULL;
    struct cursor c = cursor_of(data, size), file;
    uint32_t len;
    uint8_t kind = 0;
    if (!rd_le32(&c, &len) || !rd_sub(&c, MIN(len, cursor_left(&c)), &file))
        return 0;
    (void)rd_u8(&c, &kind);
    g_autoptr(block) main = memory_block_new(file.data, file.len);
    g_autoptr(block) more = memory_block_new(c.data + c.pos, cursor_left(&c));
    const struct rpm_files files = { .main = main,
                                     .log = kind == 'w' ? more : NULL,
                                     .journal = kind == 'j' ? more : NULL };
    const struct rpm_sink sink = { .header = on_header, .fault = on_fault, .user = arena };
    bool ok = find_backend(RPM_BACKEND)->each(&files, &sink, &error);
    g_assert(ok == (error == NULL));
    return 0;
}
