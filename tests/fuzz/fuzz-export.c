/* What a client of our NBD export sends, from its first byte to its last. */
#include <stdint.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "block/export.h"
#include "block/export_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE ((5u << 20) + 7)
/* Answers looked at for one input: a few bytes can ask for megabytes again and again. */
#define ANSWERS 64

/* Data and holes in turn, of 300000 bytes each; the last MiB cannot be read. */
static bool striped_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    if (off + len > SIZE - (1u << 20)) {
        g_set_error_literal(error, g_quark_from_static_string("fuzz"), 0, "no");
        return false;
    }
    memset(buf, 1, len);
    return true;
}

static bool striped_extent_at(struct block *b, uint64_t off, struct block_extent *out,
                              GError **error)
{
    uint64_t left = 300000 - off % 300000;
    *out = (struct block_extent){ .len = left < SIZE - off ? left : SIZE - off,
                                  .zero = off / 300000 % 2 == 1 };
    return true;
}

static const struct block_driver striped = {
    .name = "striped",
    .description = "",
    .read = striped_read,
    .extent_at = striped_extent_at,
};

static bool get(void *ctx, void *buf, size_t len)
{
    return rd_copy(ctx, buf, len);
}

static bool put(void *ctx, const void *buf, size_t len)
{
    if (len == 0 || len > EXPORT_REQUEST_MAX + 64)
        abort();
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(block) b = block_alloc(sizeof *b, &striped, "striped", SIZE);
    struct cursor c = cursor_of(data, size);
    struct export_session s;
    struct export_request r;
    export_session_init(&s, b, (struct export_line){ .get = get, .put = put, .ctx = &c });
    bool going = export_handshake(&s);
    for (unsigned i = 0; going && i < ANSWERS && export_take(&s, &r); i++)
        export_answer(&s, &r);
    export_session_clear(&s);
    return 0;
}
