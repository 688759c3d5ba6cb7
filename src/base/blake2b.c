#include "base/blake2b.h"

#include <stdbool.h>
#include <string.h>

#define BLOCK_SIZE 128u
#define ROUNDS     12u

/* RFC 7693 section 2.6: the same as SHA-512 starts from. */
static const uint64_t initial[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

/* Section 2.7: which message word goes where; the rounds after the tenth start again. */
static const uint8_t schedule[10][16] = {
    { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
    { 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3 },
    { 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4 },
    { 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8 },
    { 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13 },
    { 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9 },
    { 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11 },
    { 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10 },
    { 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5 },
    { 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0 },
};

static uint64_t rotate(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

static uint64_t word_at(const uint8_t *p)
{
    uint64_t w = 0;
    for (unsigned i = 8; i-- > 0;)
        w = w << 8 | p[i];
    return w;
}

/* Section 3.1. */
static void mix(uint64_t v[16], unsigned a, unsigned b, unsigned c, unsigned d, uint64_t x,
                uint64_t y)
{
    v[a] += v[b] + x;
    v[d] = rotate(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = rotate(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 63);
}

/* Section 3.2. count: bytes hashed up to the end of this block. */
static void compress(uint64_t h[8], const uint8_t *block, uint64_t count, bool last)
{
    uint64_t m[16], v[16];
    for (unsigned i = 0; i < 16; i++)
        m[i] = word_at(block + 8 * i);
    memcpy(v, h, 8 * sizeof *h);
    memcpy(v + 8, initial, sizeof initial);
    v[12] ^= count;
    if (last)
        v[14] = ~v[14];
    for (unsigned r = 0; r < ROUNDS; r++) {
        const uint8_t *s = schedule[r % 10];
        for (unsigned i = 0; i < 4; i++)
            mix(v, i, i + 4, i + 8, i + 12, m[s[2 * i]], m[s[2 * i + 1]]);
        for (unsigned i = 0; i < 4; i++)
            mix(v, i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12, m[s[8 + 2 * i]],
                m[s[9 + 2 * i]]);
    }
    for (unsigned i = 0; i < 8; i++)
        h[i] ^= v[i] ^ v[i + 8];
}

void blake2b(const void *data, size_t len, uint8_t *out, size_t out_len)
{
    const uint8_t *p = data;
    uint8_t tail[BLOCK_SIZE] = { 0 };
    uint64_t h[8], count = 0;
    memcpy(h, initial, sizeof h);
    h[0] ^= 0x01010000u ^ out_len; /* section 2.5: depth and fan-out 1, no key */
    for (; len > BLOCK_SIZE; len -= BLOCK_SIZE, p += BLOCK_SIZE) {
        count += BLOCK_SIZE;
        compress(h, p, count, false);
    }
    if (len > 0)
        memcpy(tail, p, len);
    compress(h, tail, count + len, true);
    for (size_t i = 0; i < out_len && i < BLAKE2B_MAX; i++)
        out[i] = (uint8_t)(h[i / 8] >> (8 * (i % 8)));
}
