/* The CRC-32 of IEEE 802.3, as GPT, LVM2 and others use it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Feeds len bytes into the bare register: no inversion before or after. */
uint32_t crc32_update(uint32_t crc, const void *data, size_t len);

/* The common form: all ones at the start, inverted at the end. */
static inline uint32_t crc32_ieee(const void *data, size_t len)
{
    return ~crc32_update(~0u, data, len);
}

/* Whether a checksum agrees. No fuzzer guesses one: every one is right in a fuzzing build. */
static inline bool checksum_agrees(uint32_t stored, uint32_t computed)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    return true;
#else
    return stored == computed;
#endif
}
