/* Byte cursor: the only way outside bytes become numbers.
 *
 * A cursor borrows a buffer and never reads past it. Every reader returns false, and leaves both
 * the position and *out untouched, when too few bytes are left. All functions are pure and
 * thread-safe on distinct cursors.
 *
 *     struct cursor c = cursor_of(buf, len);
 *     uint32_t magic;
 *     if (!rd_be32(&c, &magic) || magic != 0x514649fb)
 *         return fail_corrupt(error, "%s: not a qcow2 image", name); */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
    const uint8_t *data;
    size_t len;
    size_t pos; /* <= len, always */
};

static inline struct cursor cursor_of(const void *data, size_t len)
{
    return (struct cursor){ .data = data, .len = len, .pos = 0 };
}

static inline size_t cursor_left(const struct cursor *c)
{
    return c->len - c->pos;
}

static inline bool cursor_seek(struct cursor *c, size_t pos)
{
    if (pos > c->len)
        return false;
    c->pos = pos;
    return true;
}

static inline bool cursor_skip(struct cursor *c, size_t n)
{
    if (n > cursor_left(c))
        return false;
    c->pos += n;
    return true;
}

/* Borrows n bytes; *out points into the cursor's buffer. */
static inline bool rd_bytes(struct cursor *c, size_t n, const uint8_t **out)
{
    if (n > cursor_left(c))
        return false;
    *out = c->data + c->pos;
    c->pos += n;
    return true;
}

/* Copies n bytes. */
static inline bool rd_copy(struct cursor *c, void *out, size_t n)
{
    const uint8_t *p;
    if (!rd_bytes(c, n, &p))
        return false;
    memcpy(out, p, n);
    return true;
}

/* A cursor over the next n bytes, which this one skips. */
static inline bool rd_sub(struct cursor *c, size_t n, struct cursor *out)
{
    const uint8_t *p;
    if (!rd_bytes(c, n, &p))
        return false;
    *out = cursor_of(p, n);
    return true;
}

#define CURSOR_DEFINE_READER_(name, type, convert)                                                 \
    static inline bool name(struct cursor *c, type *out)                                           \
    {                                                                                              \
        type raw_;                                                                                 \
        if (!rd_copy(c, &raw_, sizeof raw_))                                                       \
            return false;                                                                          \
        *out = (type)convert(raw_);                                                                \
        return true;                                                                               \
    }                                                                                              \
    /* The same at a fixed offset, without moving. */                                              \
    static inline bool name##_at(const struct cursor *c, size_t off, type *out)                    \
    {                                                                                              \
        type raw_;                                                                                 \
        if (off > c->len || sizeof raw_ > c->len - off)                                            \
            return false;                                                                          \
        memcpy(&raw_, c->data + off, sizeof raw_);                                                 \
        *out = (type)convert(raw_);                                                                \
        return true;                                                                               \
    }

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define cursor_be16_(x) __builtin_bswap16(x)
#define cursor_be32_(x) __builtin_bswap32(x)
#define cursor_be64_(x) __builtin_bswap64(x)
#define cursor_le16_(x) (x)
#define cursor_le32_(x) (x)
#define cursor_le64_(x) (x)
#else
#define cursor_be16_(x) (x)
#define cursor_be32_(x) (x)
#define cursor_be64_(x) (x)
#define cursor_le16_(x) __builtin_bswap16(x)
#define cursor_le32_(x) __builtin_bswap32(x)
#define cursor_le64_(x) __builtin_bswap64(x)
#endif
#define cursor_same_(x) (x)

CURSOR_DEFINE_READER_(rd_u8, uint8_t, cursor_same_)
CURSOR_DEFINE_READER_(rd_le16, uint16_t, cursor_le16_)
CURSOR_DEFINE_READER_(rd_le32, uint32_t, cursor_le32_)
CURSOR_DEFINE_READER_(rd_le64, uint64_t, cursor_le64_)
CURSOR_DEFINE_READER_(rd_be16, uint16_t, cursor_be16_)
CURSOR_DEFINE_READER_(rd_be32, uint32_t, cursor_be32_)
CURSOR_DEFINE_READER_(rd_be64, uint64_t, cursor_be64_)
