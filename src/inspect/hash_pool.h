/* Threads that hash what one other thread reads.
 *
 * Contents travel in buffers of a fixed number, so that memory does not grow with the files: small
 * files many to a buffer (a batch), others piece by piece (a stream), whose sums are computed by
 * two threads at once. Everything here is for the one thread that reads. */
#pragma once
#include "inspect/digest.h"
#include "inspect/media.h"

#define HASH_BUFFER  MEDIA_HEAD /* bytes of one buffer */
#define HASH_BUFFERS 64u

/* What becomes of one file's contents. Starts zeroed; stays where it is until it is done. */
struct hash_result {
    uint8_t sum[DIGEST_COUNT][DIGEST_MAX];
    char *media; /* g_free(); NULL when not wanted */
    bool failed; /* the library had no memory */
    int left;    /* parts still to come; use hash_done() */
};
void hash_result_clear(struct hash_result *r);

struct hash_pool;
struct hash_stream;

/* Opens what hashing needs to open. No thread runs yet. threads: 0: as many as the machine has
 * processors, within reason. types: media types are wanted. */
struct hash_pool *hash_pool_new(unsigned threads, bool types, GError **error);
/* Starts the threads, once. */
bool hash_pool_start(struct hash_pool *p, GError **error);
/* Waits for all that has been given. Accepts NULL. */
void hash_pool_free(struct hash_pool *p);

bool hash_done(const struct hash_result *r);
/* Hands out what waits in an unfinished batch, and waits for the result. */
void hash_wait(struct hash_pool *p, const struct hash_result *r);

/* Room for len (<= HASH_BUFFER) bytes of a whole file in the batch. May wait. */
uint8_t *hash_batch_room(struct hash_pool *p, size_t len);
/* The bytes are in that room; a file that is not added has had no room. */
void hash_batch_add(struct hash_pool *p, struct hash_result *r, size_t len, bool pie);
/* Hands out what there is. */
void hash_batch_flush(struct hash_pool *p);

/* A buffer to be filled and given to hash_stream_add(). May wait. */
uint8_t *hash_buffer(struct hash_pool *p);
void hash_buffer_drop(struct hash_pool *p, uint8_t *buffer);
struct hash_stream *hash_stream_new(struct hash_pool *p, struct hash_result *r, bool pie);
/* The first buffer of a stream is full, or all there is. */
void hash_stream_add(struct hash_stream *s, uint8_t *buffer, size_t len);
void hash_stream_zeros(struct hash_stream *s, uint64_t len);
/* Nothing follows. The stream is no longer the caller's. */
void hash_stream_end(struct hash_stream *s);
