/* SHA-1 and SHA-256 by OpenSSL. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum digest_kind { DIGEST_SHA1, DIGEST_SHA256, DIGEST_COUNT };
#define DIGEST_MAX 32u /* bytes of the longest */

size_t digest_size(enum digest_kind kind);

/* The methods, looked up once: that costs more than hashing a small file, and reads OpenSSL's
 * configuration. Constant, for any number of threads. */
struct digest_methods;
/* ASSAY_ERROR_UNSUPPORTED when this OpenSSL has been told not to know one of them. */
struct digest_methods *digest_methods_new(GError **error);
/* Accepts NULL. */
void digest_methods_free(struct digest_methods *methods);

/* One running sum; for one thread at a time. Usable again and again. */
struct digest;
struct digest *digest_new(const struct digest_methods *methods, enum digest_kind kind);
/* Accepts NULL. */
void digest_free(struct digest *d);
/* Begins anew. */
void digest_begin(struct digest *d);
void digest_update(struct digest *d, const void *data, size_t len);
void digest_update_zeros(struct digest *d, uint64_t len);
/* out: digest_size() bytes. False when OpenSSL failed on the way, for want of memory. */
bool digest_end(struct digest *d, uint8_t out[DIGEST_MAX]);
