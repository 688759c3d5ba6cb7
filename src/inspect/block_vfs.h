/* SQLite over blocks: a database whose file, write-ahead log and rollback journal are blocks.
 *
 * SQLite replays a log or journal by itself; what it writes on the way stays in memory, the blocks
 * are only read. The host's files are out of reach: no other name can be opened. One connection,
 * one thread. */
#pragma once
#include <sqlite3.h>

#include "block/block.h"

struct block_vfs;

/* main may not be NULL, log and journal may. The blocks must outlive the result. */
struct block_vfs *block_vfs_new(struct block *main, struct block *log, struct block *journal);
/* Lets the database's file seem that long, with zeros at the end: for one that was cut, of which
 * SQLite would otherwise read nothing. Before block_vfs_open(). */
void block_vfs_lengthen(struct block_vfs *v, uint64_t size);
/* After the connection has been closed. Accepts NULL. */
void block_vfs_free(struct block_vfs *v);
/* Opens the database, set up to be read when it is hostile: no extensions, no views or triggers,
 * no functions in the schema, limits on everything. NULL with *error. sqlite3_close() it. */
sqlite3 *block_vfs_open(struct block_vfs *v, GError **error);
/* An error that says what SQLite found: CORRUPT, LIMIT or IO, with what a block said if that was
 * the cause. doing: "reading Packages". Returns false. */
bool block_vfs_fail(struct block_vfs *v, sqlite3 *db, const char *doing, GError **error);
