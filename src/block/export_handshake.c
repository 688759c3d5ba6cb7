/* The handshake of an NBD server ("Handshake phase", "Option types"). */
#include <string.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "block/export.h"
#include "block/export_session.h"

#define GREETING_MAGIC UINT64_C(0x4e42444d41474943) /* "NBDMAGIC" */
#define OPTION_MAGIC   UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */
#define REPLY_MAGIC    UINT64_C(0x0003e889045565a9)

#define FLAG_FIXED_NEWSTYLE 1u
#define FLAG_NO_ZEROES      2u

enum option {
    OPTION_EXPORT_NAME = 1,
    OPTION_ABORT = 2,
    OPTION_LIST = 3,
    OPTION_INFO = 6,
    OPTION_GO = 7,
    OPTION_STRUCTURED_REPLY = 8,
    OPTION_LIST_META_CONTEXT = 9,
    OPTION_SET_META_CONTEXT = 10,
};
enum reply { REPLY_ACK = 1, REPLY_SERVER = 2, REPLY_INFO = 3, REPLY_META_CONTEXT = 4 };
#define REPLY_UNSUPPORTED 0x80000001u
#define REPLY_INVALID     0x80000003u

#define INFO_EXPORT     0
#define INFO_BLOCK_SIZE 3

#define EXPORT_HAS_FLAGS (1u << 0)
#define EXPORT_READ_ONLY (1u << 1)
#define EXPORT_SEND_DF   (1u << 7)

#define CONTEXT    "base:allocation"
#define CONTEXT_ID 1

void export_put_u16(GByteArray *to, uint16_t value)
{
    uint16_t raw = GUINT16_TO_BE(value);
    g_byte_array_append(to, (const guint8 *)&raw, sizeof raw);
}

void export_put_u32(GByteArray *to, uint32_t value)
{
    uint32_t raw = GUINT32_TO_BE(value);
    g_byte_array_append(to, (const guint8 *)&raw, sizeof raw);
}

void export_put_u64(GByteArray *to, uint64_t value)
{
    uint64_t raw = GUINT64_TO_BE(value);
    g_byte_array_append(to, (const guint8 *)&raw, sizeof raw);
}

static bool reply(struct export_session *s, uint32_t option, uint32_t type, const GByteArray *data)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    export_put_u64(out, REPLY_MAGIC);
    export_put_u32(out, option);
    export_put_u32(out, type);
    export_put_u32(out, data != NULL ? data->len : 0);
    if (data != NULL)
        g_byte_array_append(out, data->data, data->len);
    return export_send(s, out->data, out->len);
}

static uint16_t export_flags(const struct export_session *s)
{
    return (uint16_t)(EXPORT_HAS_FLAGS | EXPORT_READ_ONLY | (s->structured ? EXPORT_SEND_DF : 0));
}

/* A counted name: there is one export, whatever it is called. */
static bool skip_name(struct cursor *c)
{
    uint32_t len;
    return rd_be32(c, &len) && cursor_skip(c, len);
}

/* NBD_OPT_INFO and NBD_OPT_GO. *going: transmission starts. */
static bool on_go(struct export_session *s, uint32_t option, struct cursor c, bool *going)
{
    g_autoptr(GByteArray) size = g_byte_array_new(), blocks = g_byte_array_new();
    uint16_t wanted;
    if (!skip_name(&c) || !rd_be16(&c, &wanted) || cursor_left(&c) != (size_t)wanted * 2)
        return reply(s, option, REPLY_INVALID, NULL);
    export_put_u16(size, INFO_EXPORT);
    export_put_u64(size, s->block->size);
    export_put_u16(size, export_flags(s));
    export_put_u16(blocks, INFO_BLOCK_SIZE);
    export_put_u32(blocks, 1);
    export_put_u32(blocks, 65536);
    export_put_u32(blocks, EXPORT_REQUEST_MAX);
    *going = option == OPTION_GO;
    return reply(s, option, REPLY_INFO, size) && reply(s, option, REPLY_INFO, blocks) &&
           reply(s, option, REPLY_ACK, NULL);
}

/* NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. */
static bool on_contexts(struct export_session *s, uint32_t option, struct cursor c)
{
    bool set = option == OPTION_SET_META_CONTEXT, found = false;
    uint32_t count;
    if (!s->structured || !skip_name(&c) || !rd_be32(&c, &count))
        return reply(s, option, REPLY_INVALID, NULL);
    found = !set && count == 0; /* a list of all */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t len;
        const uint8_t *query;
        if (!rd_be32(&c, &len) || !rd_bytes(&c, len, &query))
            return reply(s, option, REPLY_INVALID, NULL);
        if ((len == strlen(CONTEXT) && memcmp(query, CONTEXT, len) == 0) ||
            (!set && len == strlen("base:") && memcmp(query, "base:", len) == 0))
            found = true;
    }
    if (cursor_left(&c) != 0)
        return reply(s, option, REPLY_INVALID, NULL);
    if (set)
        s->allocation = found;
    g_autoptr(GByteArray) context = g_byte_array_new();
    export_put_u32(context, set ? CONTEXT_ID : 0);
    g_byte_array_append(context, (const guint8 *)CONTEXT, strlen(CONTEXT));
    return (!found || reply(s, option, REPLY_META_CONTEXT, context)) &&
           reply(s, option, REPLY_ACK, NULL);
}

static bool on_list(struct export_session *s, uint32_t option)
{
    g_autoptr(GByteArray) name = g_byte_array_new();
    export_put_u32(name, 0);
    return reply(s, option, REPLY_SERVER, name) && reply(s, option, REPLY_ACK, NULL);
}

/* NBD_OPT_EXPORT_NAME: answered without a reply's head. */
static bool on_export_name(struct export_session *s, bool no_zeroes, bool *going)
{
    static const uint8_t zeroes[124];
    g_autoptr(GByteArray) out = g_byte_array_new();
    export_put_u64(out, s->block->size);
    export_put_u16(out, export_flags(s));
    if (!no_zeroes)
        g_byte_array_append(out, zeroes, sizeof zeroes);
    *going = true;
    return export_send(s, out->data, out->len);
}

/* One option, with its data. False: the connection is over. */
static bool on_option(struct export_session *s, uint32_t option, struct cursor data, bool no_zeroes,
                      bool *going)
{
    switch (option) {
    case OPTION_EXPORT_NAME:
        return on_export_name(s, no_zeroes, going);
    case OPTION_ABORT:
        (void)reply(s, option, REPLY_ACK, NULL);
        return false;
    case OPTION_LIST:
        return on_list(s, option);
    case OPTION_INFO:
    case OPTION_GO:
        return on_go(s, option, data, going);
    case OPTION_STRUCTURED_REPLY:
        s->structured = true;
        return reply(s, option, REPLY_ACK, NULL);
    case OPTION_LIST_META_CONTEXT:
    case OPTION_SET_META_CONTEXT:
        return on_contexts(s, option, data);
    default:
        return reply(s, option, REPLY_UNSUPPORTED, NULL);
    }
}

static bool greet(struct export_session *s, bool *no_zeroes)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    uint8_t answer[4];
    uint32_t flags = 0;
    export_put_u64(out, GREETING_MAGIC);
    export_put_u64(out, OPTION_MAGIC);
    export_put_u16(out, FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES);
    if (!export_send(s, out->data, out->len) || !s->line.get(s->line.ctx, answer, sizeof answer))
        return false;
    struct cursor c = cursor_of(answer, sizeof answer);
    *no_zeroes = rd_be32(&c, &flags) && (flags & FLAG_NO_ZEROES) != 0;
    return (flags & ~(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES)) == 0;
}

bool export_handshake(struct export_session *s)
{
    bool no_zeroes, going = false;
    g_autofree uint8_t *data = g_malloc(LIMIT_NBD_OPTION);
    if (!greet(s, &no_zeroes))
        return false;
    for (unsigned i = 0; !going && i < LIMIT_NBD_OPTIONS; i++) {
        uint8_t head[16];
        uint64_t magic;
        uint32_t option, len;
        if (!s->line.get(s->line.ctx, head, sizeof head))
            return false;
        struct cursor c = cursor_of(head, sizeof head);
        if (!rd_be64(&c, &magic) || !rd_be32(&c, &option) || !rd_be32(&c, &len) ||
            magic != OPTION_MAGIC || len > LIMIT_NBD_OPTION)
            return false;
        if (!s->line.get(s->line.ctx, data, len) ||
            !on_option(s, option, cursor_of(data, len), no_zeroes, &going))
            return false;
    }
    return going;
}
