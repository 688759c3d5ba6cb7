/* Numbers from text, without the silence of atoi(): the whole text must be the number. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits only, no sign, no blanks; false on overflow, an empty text or trailing bytes. */
bool parse_u64(const char *s, size_t len, uint64_t *out);
/* As parse_u64() with an optional leading minus. */
bool parse_i64(const char *s, size_t len, int64_t *out);
/* A size such as 512, 64K, 10M, 2G, 1T (binary multiples; an optional trailing "iB" or "B"). */
bool parse_size(const char *s, uint64_t *out);
