#include "store/secret.h"

#include <sodium.h>
#include <string.h>

#include "base/error.h"

#define TOKEN_BYTES 32

static void ready(void)
{
    if (sodium_init() < 0)
        g_error("libsodium does not start"); /* no random numbers: nothing safe can be done */
}

char *secret_hash_password(const char *password, GError **error)
{
    char hash[crypto_pwhash_STRBYTES];
    ready();
    if (crypto_pwhash_str_alg(hash, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                              crypto_pwhash_MEMLIMIT_INTERACTIVE,
                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
        (void)fail(error, ASSAY_ERROR_LIMIT, "no memory to hash a password");
        return NULL;
    }
    return g_strdup(hash);
}

bool secret_check_password(const char *hash, const char *password)
{
    ready();
    if (hash != NULL)
        return crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
    g_free(secret_hash_password(password, NULL));
    return false;
}

char *secret_token_new(const char *prefix)
{
    uint8_t noise[TOKEN_BYTES];
    char text[sodium_base64_ENCODED_LEN(TOKEN_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    ready();
    randombytes_buf(noise, sizeof noise);
    (void)sodium_bin2base64(text, sizeof text, noise, sizeof noise,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(noise, sizeof noise);
    return g_strconcat(prefix, text, NULL);
}

char *secret_digest(const void *data, gsize len)
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    char text[2 * sizeof digest + 1];
    ready();
    (void)crypto_hash_sha256(digest, data, len);
    return g_strdup(sodium_bin2hex(text, sizeof text, digest, sizeof digest));
}

bool secret_equal(const char *a, const char *b)
{
    uint8_t left[crypto_hash_sha256_BYTES], right[crypto_hash_sha256_BYTES];
    ready();
    (void)crypto_hash_sha256(left, (const uint8_t *)a, strlen(a));
    (void)crypto_hash_sha256(right, (const uint8_t *)b, strlen(b));
    return sodium_memcmp(left, right, sizeof left) == 0;
}
