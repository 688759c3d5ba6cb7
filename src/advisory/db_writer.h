/* The writer's inside, shared by db_write.c (files, begin and end), db_stage.c (records come in)
 * and db_settle.c (records become the final tables). */
#pragma once
#include "advisory/db_schema.h"
#include "advisory/db_write.h"
#include "advisory/statement.h"

struct stage_feed {
    char *name;
    int64_t id; /* in the new database */
    bool by_record, refused;
    uint64_t records; /* that count, those carried over included */
    uint64_t incoming, malformed;
    int64_t data_date, source_date; /* of the newest record, of the newest source */
    GHashTable *strings;            /* char * -> number from 1; keys in string_chunk */
    GPtrArray *sources;             /* char *, as given */
    GPtrArray *digests;             /* char * */
};

/* A package of an ecosystem in a feed. */
struct stage_pair {
    uint32_t feed; /* index */
    uint32_t ecosystem;
    const char *package;
};

struct db_writer {
    char *path, *work_path, *new_path, *lock_path;
    int lock;
    int64_t now;
    sqlite3 *sql; /* the work file; the old database is attached as "old" */
    bool has_old;
    int64_t next_feed_id;
    GPtrArray *feeds;       /* struct stage_feed */
    GStringChunk *strings;  /* names of packages and ecosystems, versions */
    GHashTable *ecosystems; /* char * -> number from 1 */
    GHashTable *pairs;      /* struct stage_pair * (in pair_list) -> number from 1 */
    GPtrArray *pair_list;   /* struct stage_pair *, owned */
    GArray *subjects;       /* uint64_t by record number; SUBJECT_DEAD: superseded */
    sqlite3_stmt *find_record, *add_record, *drop_record, *add_statement, *add_epss, *add_exploited;
    GByteArray *scratch[2];
};

#define SUBJECT_DEAD    UINT64_MAX
#define SUBJECT_UNKNOWN (UINT64_MAX - 1) /* an advisory: gets its number when settled */

extern const char stage_schema_sql[];
bool stage_prepare(struct db_writer *w, GError **error);
void stage_done(struct db_writer *w);
/* Adds the statements of a record that has the number id. */
bool stage_statements(struct db_writer *w, unsigned feed, const struct record *r, int64_t id,
                      GError **error);
/* Brings the records of a feed of the old database into the stage. */
bool stage_old_feed(struct db_writer *w, unsigned feed, GError **error);
/* Builds the final tables from stage and old database and drops the stage. */
bool settle(struct db_writer *w, GError **error);
