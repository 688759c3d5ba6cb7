#include "fs/btrfs_sum.h"

#include <glib.h>
#include <openssl/evp.h>
#include <string.h>
#include <xxhash.h>

#include "base/blake2b.h"
#include "base/crc32c.h"

struct btrfs_sum {
    uint16_t type;
    EVP_MD *md; /* sha256 only, fetched once: fetching costs more than hashing a sector */
    EVP_MD_CTX *ctx;
};

static const size_t sizes[BTRFS_SUM_COUNT] = {
    [BTRFS_SUM_CRC32C] = 4,
    [BTRFS_SUM_XXHASH64] = 8,
    [BTRFS_SUM_SHA256] = 32,
    [BTRFS_SUM_BLAKE2B] = 32,
};

struct btrfs_sum *btrfs_sum_new(uint16_t type)
{
    if (type >= BTRFS_SUM_COUNT)
        return NULL;
    struct btrfs_sum *s = g_new0(struct btrfs_sum, 1);
    s->type = type;
    if (type == BTRFS_SUM_SHA256) {
        s->md = EVP_MD_fetch(NULL, "SHA256", NULL);
        s->ctx = EVP_MD_CTX_new();
    }
    return s;
}

void btrfs_sum_free(struct btrfs_sum *s)
{
    if (s == NULL)
        return;
    EVP_MD_CTX_free(s->ctx);
    EVP_MD_free(s->md);
    g_free(s);
}

size_t btrfs_sum_size(const struct btrfs_sum *s)
{
    return sizes[s->type];
}

/* Without a working library the sum stays zero, and nothing will agree with it. */
static void sum_sha256(struct btrfs_sum *s, const void *data, size_t len, uint8_t *out)
{
    if (s->md == NULL || s->ctx == NULL || EVP_DigestInit_ex2(s->ctx, s->md, NULL) != 1 ||
        EVP_DigestUpdate(s->ctx, data, len) != 1 || EVP_DigestFinal_ex(s->ctx, out, NULL) != 1)
        memset(out, 0, BTRFS_SUM_MAX);
}

void btrfs_sum_of(struct btrfs_sum *s, const void *data, size_t len, uint8_t out[BTRFS_SUM_MAX])
{
    uint64_t number = 0;
    memset(out, 0, BTRFS_SUM_MAX);
    switch (s->type) {
    case BTRFS_SUM_SHA256:
        sum_sha256(s, data, len, out);
        return;
    case BTRFS_SUM_BLAKE2B:
        blake2b(data, len, out, sizes[BTRFS_SUM_BLAKE2B]);
        return;
    case BTRFS_SUM_XXHASH64:
        number = XXH64(data, len, 0);
        break;
    default:
        number = crc32c(data, len);
        break;
    }
    number = GUINT64_TO_LE(number);
    memcpy(out, &number, sizeof number);
}

bool btrfs_sum_good(struct btrfs_sum *s, const void *data, size_t len, const uint8_t *expected)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    return true;
#else
    uint8_t sum[BTRFS_SUM_MAX];
    btrfs_sum_of(s, data, len, sum);
    return memcmp(sum, expected, sizes[s->type]) == 0;
#endif
}
