/* BLAKE2b without a key (RFC 7693), for digests whose length OpenSSL 3.0 does not offer. Pure. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define BLAKE2B_MAX 64u /* bytes */

/* out: out_len bytes, 1 to BLAKE2B_MAX. The length is part of what is hashed: a short digest is no
 * prefix of a long one. */
void blake2b(const void *data, size_t len, uint8_t *out, size_t out_len);
