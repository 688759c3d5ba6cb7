/* Decompressors for the clusters of disk images, kept for reuse: as many as threads have ever
 * decompressed at once. Thread-safe. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum decoder_kind {
    DECODER_DEFLATE, /* raw, without the zlib header */
    DECODER_ZSTD,
    DECODER_KIND_COUNT
};

struct decoder_pool;
struct decoder;

struct decoder_pool *decoder_pool_new(void);
/* Every decoder must have been given back. Accepts NULL. */
void decoder_pool_free(struct decoder_pool *pool);

/* One decoder for the calling thread, to be given back by decoder_give(). */
struct decoder *decoder_take(struct decoder_pool *pool);
void decoder_give(struct decoder_pool *pool, struct decoder *d);

/* The decoder's own room for len compressed bytes, valid until the next call or decoder_give(). */
uint8_t *decoder_room(struct decoder *d, size_t len);

/* Fills out with exactly out_len bytes from the start of in; what follows in `in` is left alone.
 * NULL when it worked, else why not (a static sentence, for a message that names the place). Never
 * uses memory beyond out and a few hundred KiB, whatever the bytes say. */
const char *decoder_run(struct decoder *d, enum decoder_kind kind, const uint8_t *in, size_t in_len,
                        uint8_t *out, size_t out_len);
/* The same for a stream that may end before out_len bytes, or hold more than them: *got says how
 * many there are. */
const char *decoder_run_some(struct decoder *d, enum decoder_kind kind, const uint8_t *in,
                             size_t in_len, uint8_t *out, size_t out_len, size_t *got);
