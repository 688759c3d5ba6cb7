/* LEB128: numbers of up to 64 bits, seven a byte, the low ones first. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"

void varint_append(GByteArray *out, uint64_t value);
/* False, and nothing is read, when it is cut or longer than 64 bits. */
bool varint_read(struct cursor *c, uint64_t *out);
