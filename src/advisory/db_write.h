/* Writing the advisory database.
 *
 * Everything is gathered in a work file beside the target ("<path>.work") and, when complete,
 * written compactly to "<path>.new", synced and renamed over the target. Until then the old
 * database is untouched; whatever goes wrong, it stays. Feeds that were not imported are carried
 * over from the old database. One writer at a time ("<path>.lock"). Not thread-safe. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "advisory/record.h"

struct db_writer;

/* Fails with ASSAY_ERROR_DENIED while another import writes to the same database. An old database
 * of another format or one that is damaged is an error: remove it first. now: Unix seconds, the
 * time of import; dates of data behind it are not believed. */
struct db_writer *db_writer_open(const char *path, int64_t now, GError **error);
/* Gives up and removes the work files unless committed. */
void db_writer_free(struct db_writer *w);
typedef struct db_writer db_writer; /* for g_autoptr(db_writer) */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(db_writer, db_writer_free)

/* Begins a feed or finds the one begun. by_record: records of the old database are kept unless
 * one with the same id comes. -1 with *error set on failure. */
int db_writer_feed(struct db_writer *w, const char *name, bool by_record, GError **error);
bool db_writer_add(struct db_writer *w, int feed, const struct record *r, GError **error);
void db_writer_malformed(struct db_writer *w, int feed);
/* The feed's new data will not be used; the old stay. */
void db_writer_refuse(struct db_writer *w, int feed);
/* Where a feed came from; called for each source of it. sha256: hex;
 * NULL: a folder. date: when the file
 * was last changed, Unix seconds: what is known of the age of data that say nothing themselves. */
void db_writer_source(struct db_writer *w, int feed, const char *source, const char *sha256,
                      int64_t date);

struct db_writer_feed {
    const char *name;
    uint64_t records;  /* in the feed as it will be */
    uint64_t incoming; /* of this import */
    uint64_t malformed;
    bool refused;
};
/* Valid until the next call of db_writer_feed(). */
unsigned db_writer_feed_count(const struct db_writer *w);
struct db_writer_feed db_writer_feed_at(const struct db_writer *w, unsigned i);

/* Remembers a text for `db update`; NULL forgets it. */
bool db_writer_set_meta(struct db_writer *w, const char *key, const char *value, GError **error);

/* Writes the database. */
bool db_writer_commit(struct db_writer *w, GError **error);
