/* One client of an export: the parts of block/export.c that see nothing but bytes.
 *
 * NBD: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md, cited by section. */
#pragma once
#include "block/block.h"

/* A way to and from the client. Both move exactly len bytes; false: the connection is over. put is
 * called under the lock of the session, get by one thread only. */
struct export_line {
    bool (*get)(void *ctx, void *buf, size_t len);
    bool (*put)(void *ctx, const void *buf, size_t len);
    void *ctx;
};

struct export_session {
    struct block *block; /* borrowed */
    struct export_line line;
    bool structured, allocation; /* agreed on with the client */
    GMutex lock;                 /* of put, and all below */
    GError *failed;              /* first failure of the block */
};

void export_session_init(struct export_session *s, struct block *b, struct export_line line);
void export_session_clear(struct export_session *s);

/* Greeting and options ("Handshake phase"), up to the start of transmission. False: the client is
 * gone, gave up, or made no sense. */
bool export_handshake(struct export_session *s);

/* "Request message", checked. */
struct export_request {
    uint16_t flags, type;
    uint64_t handle, off;
    uint32_t len;
    uint32_t refusal; /* NBD error number; 0: it may be served */
};
/* Takes the next one; a write's payload is skipped. False: the client said goodbye, is gone, or
 * made no sense. */
bool export_take(struct export_session *s, struct export_request *out);
/* Answers it; several threads may do so at once. */
void export_answer(struct export_session *s, const struct export_request *r);

/* Bytes that are put together for the client, big-endian. */
void export_put_u16(GByteArray *to, uint16_t value);
void export_put_u32(GByteArray *to, uint32_t value);
void export_put_u64(GByteArray *to, uint64_t value);
bool export_send(struct export_session *s, const void *bytes, size_t len);
