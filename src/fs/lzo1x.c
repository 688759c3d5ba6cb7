#include "fs/lzo1x.h"

#include <string.h>

#include "base/cursor.h"

/* Format: "LZO stream format as understood by Linux's LZO decompressor" (kernel documentation,
 * staging/lzo.rst), bitstream version 0. A stream is a row of instructions; the first byte of each
 * tells its kind, and S literals follow each copy:
 *
 *     0000 LLLL   behind a copy without literals: a run of literals
 *     0000 DDSS   behind 1 to 3 literals: copy 2 bytes; behind a run: copy 3 from further back
 *     0001 HLLL   copy from 16 to 48 KiB back; from exactly 16 KiB: the end
 *     001L LLLL   copy from up to 16 KiB back
 *     01LD DDSS   copy 3 or 4 bytes from up to 2 KiB back
 *     1LLD DDSS   copy 5 to 8 bytes from up to 2 KiB back
 *
 * LLLL of zero means that the length goes on: each zero byte adds 255, the first other ends it. */

/* What the last instruction left: 0 to 3 literals behind a copy, or a run. */
#define AFTER_RUN  4u
#define FIRST_RUN  17u /* a first byte above it stands for a run of that many fewer literals */
#define FAR        0x4000u
#define BEHIND_RUN 0x800u

struct lzo {
    struct cursor in;
    uint8_t *out;
    size_t room, got;
    unsigned state;
};

static bool literals(struct lzo *z, size_t count)
{
    const uint8_t *bytes;
    if (count > z->room - z->got || !rd_bytes(&z->in, count, &bytes))
        return false;
    if (count > 0)
        memcpy(z->out + z->got, bytes, count);
    z->got += count;
    return true;
}

/* The copy may reach into what it is making: then it repeats. */
static bool copy(struct lzo *z, size_t distance, size_t count, unsigned behind)
{
    if (distance > z->got || count > z->room - z->got)
        return false;
    for (; count > 0; count--, z->got++)
        z->out[z->got] = z->out[z->got - distance];
    z->state = behind;
    return literals(z, behind);
}

/* The length in the low bits of an instruction, or what follows when they are zero. */
static bool take_length(struct lzo *z, unsigned bits, unsigned mask, size_t *out)
{
    uint8_t byte = 0;
    *out = bits & mask;
    if (*out != 0)
        return true;
    for (*out = mask; rd_u8(&z->in, &byte); *out += 255) {
        if (byte != 0) {
            *out += byte;
            return true;
        }
        if (*out > z->room)
            return false;
    }
    return false;
}

/* 0000 xxxx */
static bool low_instruction(struct lzo *z, unsigned op)
{
    size_t count;
    uint8_t high;
    if (z->state == 0) {
        z->state = AFTER_RUN;
        return take_length(z, op, 15, &count) && literals(z, count + 3);
    }
    if (!rd_u8(&z->in, &high))
        return false;
    size_t distance = ((size_t)high << 2) + (op >> 2) + 1;
    return z->state == AFTER_RUN ? copy(z, distance + BEHIND_RUN, 3, op & 3)
                                 : copy(z, distance, 2, op & 3);
}

/* 0001 HLLL and 001L LLLL: length, then le16 of distance and literals. */
static bool long_instruction(struct lzo *z, unsigned op, bool *end)
{
    size_t count;
    uint16_t tail;
    bool far = op < 32;
    if (!take_length(z, op, far ? 7 : 31, &count) || !rd_le16(&z->in, &tail))
        return false;
    size_t distance = far ? FAR + ((size_t)(op & 8) << 11) + (tail >> 2) : (size_t)(tail >> 2) + 1;
    if (far && distance == FAR) {
        *end = true;
        return count == 1 && cursor_left(&z->in) == 0;
    }
    return copy(z, distance, count + 2, tail & 3);
}

static bool instruction(struct lzo *z, unsigned op, bool *end)
{
    uint8_t high;
    if (op < 16)
        return low_instruction(z, op);
    if (op < 64)
        return long_instruction(z, op, end);
    if (!rd_u8(&z->in, &high))
        return false;
    size_t count = op < 128 ? 3 + (op >> 5 & 1) : 5 + (op >> 5 & 3);
    return copy(z, ((size_t)high << 3) + (op >> 2 & 7) + 1, count, op & 3);
}

bool lzo1x_unpack(const uint8_t *in, size_t in_len, uint8_t *out, size_t room, size_t *got)
{
    struct lzo z = { .in = cursor_of(in, in_len), .out = out, .room = room };
    bool end = false;
    uint8_t op;
    if (in_len > 0 && in[0] > FIRST_RUN) {
        size_t count = in[0] - FIRST_RUN;
        (void)cursor_skip(&z.in, 1);
        z.state = count < AFTER_RUN ? (unsigned)count : AFTER_RUN;
        if (!literals(&z, count))
            return false;
    }
    while (!end) {
        if (!rd_u8(&z.in, &op) || !instruction(&z, op, &end))
            return false;
    }
    *got = z.got;
    return true;
}
