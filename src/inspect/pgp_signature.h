/* OpenPGP signatures: only who made them (RFC 4880 section 5.2, RFC 9580). Nothing is verified. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PGP_KEY_ID_SIZE 8

/* The key id that the first signature packet names. False when it names none or is malformed. */
bool pgp_signature_key_id(const void *bytes, size_t len, uint8_t id[PGP_KEY_ID_SIZE]);
