#include "advisory/gunzip.h"

#include <limits.h>
#include <stdint.h>
#include <zlib.h>

#include "base/error.h"

enum { BLOCK = 256 << 10 };

struct gunzip {
    gunzip_source source;
    void *user;
    z_stream z;
    bool ended;  /* a member ended, and none has begun since */
    bool closed; /* nothing comes any more */
    uint8_t out[BLOCK];
};

struct gunzip *gunzip_new(gunzip_source source, void *user)
{
    struct gunzip *g = g_new0(struct gunzip, 1);
    g->source = source;
    g->user = user;
    /* 15 bits of window, and 16 for a gzip header: zlib then checks CRC and length. */
    g->closed = inflateInit2(&g->z, 15 + 16) != Z_OK;
    return g;
}

void gunzip_free(struct gunzip *g)
{
    if (g == NULL)
        return;
    (void)inflateEnd(&g->z);
    g_free(g);
}

/* More packed bytes. At the end, a member that is not whole is an error. */
static bool refill(struct gunzip *g, GError **error)
{
    const void *bytes;
    size_t len;
    if (!g->source(g->user, &bytes, &len, error))
        return false;
    if (len > UINT_MAX)
        return fail_limit(error, "gzip: a block of %zu bytes", len);
    if (len == 0) {
        g->closed = true;
        return g->ended || fail_corrupt(error, "gzip: the stream ends inside a member");
    }
    g->z.next_in = (Bytef *)bytes;
    g->z.avail_in = (uInt)len;
    return true;
}

/* Behind a member: another one, or padding that is ignored. */
static void next_member(struct gunzip *g)
{
    if (*g->z.next_in != 0x1f) {
        g->closed = true;
        return;
    }
    (void)inflateReset(&g->z);
    g->ended = false;
}

bool gunzip_read(struct gunzip *g, const void **bytes, size_t *len, GError **error)
{
    g->z.next_out = g->out;
    g->z.avail_out = BLOCK;
    while (!g->closed && g->z.avail_out == BLOCK) {
        if (g->z.avail_in == 0 && !refill(g, error))
            return false;
        if (g->ended && !g->closed)
            next_member(g);
        if (g->closed)
            break;
        int got = inflate(&g->z, Z_NO_FLUSH);
        if (got == Z_STREAM_END)
            g->ended = true;
        else if (got != Z_OK && got != Z_BUF_ERROR)
            return fail_corrupt(error, "gzip: %s", g->z.msg != NULL ? g->z.msg : "damaged");
    }
    *bytes = g->out;
    *len = BLOCK - g->z.avail_out;
    return true;
}
