/* Serves a block to one client as an export of an NBD server, over a pair of connected sockets.
 *
 * So a process that may open nothing (the inspector) reads bytes which only this one can reach.
 * Read-only, fixed newstyle, with structured replies and base:allocation. The client is not
 * trusted: its requests are checked against the block and EXPORT_REQUEST_MAX, and what it can make
 * this process hold is bounded.
 *
 *     int client;
 *     g_autoptr(block_export) e = block_export_new(disk, &client, &error);
 *     ... give client away; its other end lives as long as e ... */
#pragma once
#include "block/block.h"

/* Bytes of one request. */
#define EXPORT_REQUEST_MAX (2u << 20)

typedef struct block_export block_export;

/* Starts serving b, of which it takes a reference. *client is the caller's, to close or to give
 * away. ASSAY_ERROR_IO when there are no more descriptors or threads. */
struct block_export *block_export_new(struct block *b, int *client, GError **error);
/* Ends the connection, interrupts the block, and waits for the reads that are under way. Accepts
 * NULL. */
void block_export_free(struct block_export *e);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(block_export, block_export_free)

/* Why a read or a question for allocation first failed: what crosses the line is a number only.
 * NULL: none has. g_error_free() */
GError *block_export_error(struct block_export *e);
