/* Requests and answers of an NBD server ("Transmission phase", "Structured reply chunk types"). */
#include "block/export_session.h"

#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "block/export.h"

#define REQUEST_MAGIC    0x25609513u
#define SIMPLE_MAGIC     0x67446698u
#define STRUCTURED_MAGIC 0x668e33efu

enum command { COMMAND_READ = 0, COMMAND_WRITE = 1, COMMAND_DISC = 2, COMMAND_BLOCK_STATUS = 7 };
#define FLAG_DF      (1u << 2)
#define FLAG_REQ_ONE (1u << 3)

enum chunk {
    CHUNK_DATA = 1,
    CHUNK_HOLE = 2,
    CHUNK_STATUS = 5,
    CHUNK_ERROR = 0x8001,
};
#define CHUNK_DONE 1u

#define STATE_HOLE_ZERO 3u /* NBD_STATE_HOLE, NBD_STATE_ZERO */
#define CONTEXT_ID      1

/* "Error values" */
#define NBD_EPERM     1u
#define NBD_EIO       5u
#define NBD_EINVAL    22u
#define NBD_EOVERFLOW 75u
#define NBD_ENOTSUP   95u

/* Pieces of one read: data and holes in turn. What is left after so many is one piece of data. */
#define READ_PIECES 64

void export_session_init(struct export_session *s, struct block *b, struct export_line line)
{
    *s = (struct export_session){ .block = b, .line = line };
    g_mutex_init(&s->lock);
}

void export_session_clear(struct export_session *s)
{
    g_clear_error(&s->failed);
    g_mutex_clear(&s->lock);
}

bool export_send(struct export_session *s, const void *bytes, size_t len)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&s->lock);
    return s->line.put(s->line.ctx, bytes, len);
}

static uint32_t refusal_of(const struct export_session *s, const struct export_request *r)
{
    bool in_range = range_within(r->off, r->len, s->block->size);
    switch (r->type) {
    case COMMAND_READ:
        if ((r->flags & ~FLAG_DF) != 0 || !in_range || r->len == 0)
            return NBD_EINVAL;
        return r->len > EXPORT_REQUEST_MAX ? NBD_EOVERFLOW : 0;
    case COMMAND_BLOCK_STATUS:
        return s->allocation && (r->flags & ~FLAG_REQ_ONE) == 0 && in_range && r->len > 0
                   ? 0
                   : NBD_EINVAL;
    case COMMAND_WRITE:
        return NBD_EPERM;
    default:
        return NBD_ENOTSUP;
    }
}

/* The bytes that a client sends in spite of "read-only". */
static bool skip_payload(struct export_session *s, uint32_t len)
{
    g_autofree uint8_t *sink = g_malloc(65536);
    while (len > 0) {
        uint32_t part = MIN(len, 65536);
        if (!s->line.get(s->line.ctx, sink, part))
            return false;
        len -= part;
    }
    return true;
}

bool export_take(struct export_session *s, struct export_request *out)
{
    uint8_t bytes[28];
    uint32_t magic;
    struct export_request r = { 0 };
    if (!s->line.get(s->line.ctx, bytes, sizeof bytes))
        return false;
    struct cursor c = cursor_of(bytes, sizeof bytes);
    if (!rd_be32(&c, &magic) || magic != REQUEST_MAGIC || !rd_be16(&c, &r.flags) ||
        !rd_be16(&c, &r.type) || !rd_be64(&c, &r.handle) || !rd_be64(&c, &r.off) ||
        !rd_be32(&c, &r.len) || r.type == COMMAND_DISC)
        return false;
    if (r.type == COMMAND_WRITE && !skip_payload(s, r.len))
        return false;
    r.refusal = refusal_of(s, &r);
    *out = r;
    return true;
}

static void put_chunk(GByteArray *to, uint16_t flags, uint16_t type, uint64_t handle, uint32_t len)
{
    export_put_u32(to, STRUCTURED_MAGIC);
    export_put_u16(to, flags);
    export_put_u16(to, type);
    export_put_u64(to, handle);
    export_put_u32(to, len);
}

static void put_simple(GByteArray *to, uint32_t error, uint64_t handle)
{
    export_put_u32(to, SIMPLE_MAGIC);
    export_put_u32(to, error);
    export_put_u64(to, handle);
}

static void answer_error(struct export_session *s, const struct export_request *r, uint32_t error)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    if (s->structured) {
        put_chunk(out, CHUNK_DONE, CHUNK_ERROR, r->handle, 6);
        export_put_u32(out, error);
        export_put_u16(out, 0);
    } else {
        put_simple(out, error, r->handle);
    }
    (void)export_send(s, out->data, out->len);
}

/* Keeps the first failure, and tells the client the number that stands for it. */
static void answer_failure(struct export_session *s, const struct export_request *r, GError *why)
{
    g_mutex_lock(&s->lock);
    if (s->failed == NULL)
        s->failed = why;
    else
        g_error_free(why);
    g_mutex_unlock(&s->lock);
    answer_error(s, r, NBD_EIO);
}

/* Appends len bytes of the block. */
static bool append_bytes(struct export_session *s, GByteArray *out, uint64_t off, uint32_t len,
                         GError **error)
{
    guint at = out->len;
    g_byte_array_set_size(out, at + len);
    return block_read(s->block, off, out->data + at, len, error);
}

/* One chunk: data or a hole from off on. *done is how far it reaches. */
static bool read_piece(struct export_session *s, const struct export_request *r, uint64_t off,
                       bool last, GByteArray *out, uint64_t *done, GError **error)
{
    uint64_t end = r->off + r->len;
    struct block_extent e = { .len = end - off };
    if (!last && (r->flags & FLAG_DF) == 0 && !block_extent_at(s->block, off, &e, error))
        return false;
    uint32_t len = (uint32_t)min_u64(e.len, end - off);
    uint16_t flags = off + len == end ? CHUNK_DONE : 0;
    *done = off + len;
    if (e.zero) {
        put_chunk(out, flags, CHUNK_HOLE, r->handle, 12);
        export_put_u64(out, off);
        export_put_u32(out, len);
        return true;
    }
    put_chunk(out, flags, CHUNK_DATA, r->handle, 8 + len);
    export_put_u64(out, off);
    return append_bytes(s, out, off, len, error);
}

static void answer_read(struct export_session *s, const struct export_request *r)
{
    uint64_t at = r->off, end = r->off + r->len;
    GError *error = NULL;
    if (!s->structured) {
        g_autoptr(GByteArray) out = g_byte_array_sized_new(r->len + 16);
        put_simple(out, 0, r->handle);
        if (append_bytes(s, out, at, r->len, &error))
            (void)export_send(s, out->data, out->len);
        else
            answer_failure(s, r, error);
        return;
    }
    for (unsigned i = 1; at < end; i++) {
        g_autoptr(GByteArray) out = g_byte_array_new();
        if (!read_piece(s, r, at, i == READ_PIECES, out, &at, &error)) {
            answer_failure(s, r, error);
            return;
        }
        if (!export_send(s, out->data, out->len))
            return;
    }
}

static bool describe(struct export_session *s, const struct export_request *r, GByteArray *out,
                     GError **error)
{
    uint64_t at = r->off, end = r->off + r->len;
    unsigned most = (r->flags & FLAG_REQ_ONE) != 0 ? 1 : LIMIT_NBD_EXTENTS;
    for (unsigned i = 0; i < most && at < end; i++) {
        struct block_extent e;
        if (!block_extent_at(s->block, at, &e, error))
            return false;
        uint32_t len = (uint32_t)min_u64(e.len, end - at);
        export_put_u32(out, len);
        export_put_u32(out, e.zero ? STATE_HOLE_ZERO : 0);
        at += len;
    }
    return true;
}

static void answer_status(struct export_session *s, const struct export_request *r)
{
    g_autoptr(GByteArray) extents = g_byte_array_new(), out = g_byte_array_new();
    GError *error = NULL;
    if (!describe(s, r, extents, &error)) {
        answer_failure(s, r, error);
        return;
    }
    put_chunk(out, CHUNK_DONE, CHUNK_STATUS, r->handle, 4 + extents->len);
    export_put_u32(out, CONTEXT_ID);
    g_byte_array_append(out, extents->data, extents->len);
    (void)export_send(s, out->data, out->len);
}

void export_answer(struct export_session *s, const struct export_request *r)
{
    if (r->refusal != 0)
        answer_error(s, r, r->refusal);
    else if (r->type == COMMAND_READ)
        answer_read(s, r);
    else
        answer_status(s, r);
}
