#include "block/decoder.h"

#include "config.h"

#if HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
#include <zlib.h>
#include <zstd.h>

/* The largest window that a stream may ask memory for: 1 MiB. */
#define WINDOW_LOG 20

struct decoder {
    struct decoder *next; /* in the pool */
    z_stream inflate;
    bool inflate_ready;
    ZSTD_DCtx *zstd;
    ZSTD_DCtx *zstd_stream;
#if HAVE_LIBDEFLATE
    struct libdeflate_decompressor *fast;
#endif
    uint8_t *room;
    size_t room_len;
};

struct decoder_pool {
    GMutex lock;
    struct decoder *idle;
};

struct decoder_pool *decoder_pool_new(void)
{
    struct decoder_pool *pool = g_new0(struct decoder_pool, 1);
    g_mutex_init(&pool->lock);
    return pool;
}

void decoder_pool_free(struct decoder_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->idle != NULL) {
        struct decoder *d = pool->idle;
        pool->idle = d->next;
        if (d->inflate_ready)
            (void)inflateEnd(&d->inflate);
        (void)ZSTD_freeDCtx(d->zstd);
        (void)ZSTD_freeDCtx(d->zstd_stream);
#if HAVE_LIBDEFLATE
        libdeflate_free_decompressor(d->fast);
#endif
        g_free(d->room);
        g_free(d);
    }
    g_mutex_clear(&pool->lock);
    g_free(pool);
}

struct decoder *decoder_take(struct decoder_pool *pool)
{
    g_mutex_lock(&pool->lock);
    struct decoder *d = pool->idle;
    if (d != NULL)
        pool->idle = d->next;
    g_mutex_unlock(&pool->lock);
    return d != NULL ? d : g_new0(struct decoder, 1);
}

void decoder_give(struct decoder_pool *pool, struct decoder *d)
{
    g_mutex_lock(&pool->lock);
    d->next = pool->idle;
    pool->idle = d;
    g_mutex_unlock(&pool->lock);
}

uint8_t *decoder_room(struct decoder *d, size_t len)
{
    if (d->room_len < len) {
        g_free(d->room);
        d->room = g_malloc(len);
        d->room_len = len;
    }
    return d->room;
}

/* Twice as fast as zlib, where all is well: what ends within the room. */
static bool run_fast(struct decoder *d, const uint8_t *in, size_t in_len, uint8_t *out,
                     size_t out_len, size_t *got)
{
#if HAVE_LIBDEFLATE
    size_t used;
    if (d->fast == NULL)
        d->fast = libdeflate_alloc_decompressor();
    return d->fast != NULL && libdeflate_deflate_decompress_ex(d->fast, in, in_len, out, out_len,
                                                               &used, got) == LIBDEFLATE_SUCCESS;
#else
    return false;
#endif
}

static const char *run_deflate(struct decoder *d, const uint8_t *in, size_t in_len, uint8_t *out,
                               size_t out_len, size_t *got)
{
    if (run_fast(d, in, in_len, out, out_len, got))
        return NULL;
    /* Negative: raw deflate. The largest window also reads what smaller ones wrote. */
    int ret = d->inflate_ready ? inflateReset(&d->inflate) : inflateInit2(&d->inflate, -MAX_WBITS);
    if (ret != Z_OK)
        return "the deflate decoder cannot start";
    d->inflate_ready = true;
    d->inflate.next_in = (Bytef *)in;
    d->inflate.avail_in = (uInt)in_len;
    d->inflate.next_out = out;
    d->inflate.avail_out = (uInt)out_len;
    ret = inflate(&d->inflate, Z_FINISH);
    if (ret != Z_STREAM_END && ret != Z_BUF_ERROR && ret != Z_OK)
        return "the deflate data is damaged";
    *got = out_len - d->inflate.avail_out;
    /* Z_BUF_ERROR is also "no more room": all is there, the end mark is not read. */
    return ret == Z_STREAM_END || d->inflate.avail_out == 0 ? NULL : "the deflate data ends early";
}

/* Whole frames are decoded straight into the output: the streaming interface would allocate the
 * window that a frame asks for, which may be 128 MiB for a few bytes. */
static const char *run_zstd(struct decoder *d, const uint8_t *in, size_t in_len, uint8_t *out,
                            size_t out_len)
{
    if (d->zstd == NULL)
        d->zstd = ZSTD_createDCtx();
    if (d->zstd == NULL)
        return "the zstd decoder cannot start";
    while (out_len > 0) {
        size_t frame = ZSTD_findFrameCompressedSize(in, in_len);
        if (ZSTD_isError(frame) || frame == 0)
            return "the zstd data is damaged or ends early";
        size_t got = ZSTD_decompressDCtx(d->zstd, out, out_len, in, frame);
        if (ZSTD_isError(got))
            return "the zstd data is damaged or longer than a cluster";
        in += frame;
        in_len -= frame;
        out += got;
        out_len -= got;
    }
    return NULL;
}

/* One frame, of which only the start may be wanted: that needs the streaming interface. */
static const char *run_zstd_some(struct decoder *d, const uint8_t *in, size_t in_len, uint8_t *out,
                                 size_t out_len, size_t *got)
{
    if (d->zstd_stream == NULL) {
        d->zstd_stream = ZSTD_createDCtx();
        if (d->zstd_stream == NULL ||
            ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd_stream, ZSTD_d_windowLogMax, WINDOW_LOG)))
            return "the zstd decoder cannot start";
    }
    ZSTD_inBuffer from = { .src = in, .size = in_len };
    ZSTD_outBuffer to = { .dst = out, .size = out_len };
    (void)ZSTD_DCtx_reset(d->zstd_stream, ZSTD_reset_session_only);
    for (size_t more = 1; more != 0 && to.pos < to.size;) {
        size_t before = from.pos + to.pos;
        more = ZSTD_decompressStream(d->zstd_stream, &to, &from);
        if (ZSTD_isError(more))
            return "the zstd data is damaged";
        if (more != 0 && from.pos + to.pos == before)
            return "the zstd data ends early";
    }
    *got = to.pos;
    return NULL;
}

const char *decoder_run(struct decoder *d, enum decoder_kind kind, const uint8_t *in, size_t in_len,
                        uint8_t *out, size_t out_len)
{
    size_t got = 0;
    if (kind == DECODER_ZSTD)
        return run_zstd(d, in, in_len, out, out_len);
    const char *wrong = run_deflate(d, in, in_len, out, out_len, &got);
    return wrong == NULL && got < out_len ? "the deflate data ends early" : wrong;
}

const char *decoder_run_some(struct decoder *d, enum decoder_kind kind, const uint8_t *in,
                             size_t in_len, uint8_t *out, size_t out_len, size_t *got)
{
    return kind == DECODER_ZSTD ? run_zstd_some(d, in, in_len, out, out_len, got)
                                : run_deflate(d, in, in_len, out, out_len, got);
}
