#include "inspect/digest.h"

#include <openssl/evp.h>

#include "base/checked.h"
#include "base/error.h"

static const struct {
    const char *name;
    size_t size;
} kinds[DIGEST_COUNT] = {
    [DIGEST_SHA1] = { "SHA1", 20 },
    [DIGEST_SHA256] = { "SHA256", 32 },
};

static const uint8_t zeros[64 << 10];

struct digest_methods {
    EVP_MD *md[DIGEST_COUNT];
};

struct digest {
    const EVP_MD *md; /* borrowed */
    EVP_MD_CTX *ctx;
    bool failed;
};

size_t digest_size(enum digest_kind kind)
{
    return kinds[kind].size;
}

struct digest_methods *digest_methods_new(GError **error)
{
    struct digest_methods *m = g_new0(struct digest_methods, 1);
    for (unsigned i = 0; i < DIGEST_COUNT; i++) {
        m->md[i] = EVP_MD_fetch(NULL, kinds[i].name, NULL);
        if (m->md[i] == NULL) {
            fail_unsupported(error, "OpenSSL does not provide %s", kinds[i].name);
            digest_methods_free(m);
            return NULL;
        }
    }
    return m;
}

void digest_methods_free(struct digest_methods *m)
{
    if (m == NULL)
        return;
    for (unsigned i = 0; i < DIGEST_COUNT; i++)
        EVP_MD_free(m->md[i]);
    g_free(m);
}

struct digest *digest_new(const struct digest_methods *methods, enum digest_kind kind)
{
    struct digest *d = g_new0(struct digest, 1);
    d->md = methods->md[kind];
    d->ctx = EVP_MD_CTX_new();
    digest_begin(d);
    return d;
}

void digest_free(struct digest *d)
{
    if (d == NULL)
        return;
    EVP_MD_CTX_free(d->ctx);
    g_free(d);
}

void digest_begin(struct digest *d)
{
    d->failed = d->ctx == NULL || EVP_DigestInit_ex2(d->ctx, d->md, NULL) != 1;
}

void digest_update(struct digest *d, const void *data, size_t len)
{
    if (!d->failed && len > 0)
        d->failed = EVP_DigestUpdate(d->ctx, data, len) != 1;
}

void digest_update_zeros(struct digest *d, uint64_t len)
{
    while (len > 0) {
        size_t n = (size_t)min_u64(len, sizeof zeros);
        digest_update(d, zeros, n);
        len -= n;
    }
}

bool digest_end(struct digest *d, uint8_t out[DIGEST_MAX])
{
    if (!d->failed)
        d->failed = EVP_DigestFinal_ex(d->ctx, out, NULL) != 1;
    return !d->failed;
}
