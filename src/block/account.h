/* Count of the bytes read from the host, fed by the drivers that touch it. */
#pragma once
#include <stdint.h>

void block_account_read(uint64_t bytes);
