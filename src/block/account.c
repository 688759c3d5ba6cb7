#include "block/account.h"

#include <stdatomic.h>

#include "block/block.h"

static _Atomic uint64_t bytes_read;

void block_account_read(uint64_t bytes)
{
    atomic_fetch_add_explicit(&bytes_read, bytes, memory_order_relaxed);
}

uint64_t block_bytes_read(void)
{
    return atomic_load_explicit(&bytes_read, memory_order_relaxed);
}
