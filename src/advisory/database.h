/* The advisory database: one read-only SQLite file, made by import, opened in milliseconds.
 *
 * The file is replaced as a whole and atomically: who has it open keeps reading the old one. Not
 * thread-safe; open one a thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "advisory/finding.h"

typedef struct advisory_db advisory_db;

/* NULL with ASSAY_ERROR_NOT_FOUND when there is no such file, _CORRUPT when it is not ours or of
 * another format version. */
struct advisory_db *advisory_db_open(const char *path, GError **error);
void advisory_db_close(struct advisory_db *db);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(advisory_db, advisory_db_close)

/* Where the database is when nobody says: $ASSAY_DB, else $XDG_DATA_HOME/assay/advisories.db
 * (/var/lib/assay/advisories.db for root). g_free(). */
char *advisory_db_default_path(void);

struct advisory_feed {
    const char *name;   /* "debian-osv", "kev"... */
    const char *source; /* file or URL it came from */
    uint64_t records, malformed;
    int64_t data_date;  /* newest modification inside, Unix seconds; 0 unknown */
    int64_t imported;   /* Unix seconds */
    const char *sha256; /* of the source as read */
};
/* Feeds in the database, sorted by name; valid while the database is open. */
const GPtrArray *advisory_db_feeds(struct advisory_db *db);

/* --- matching --------------------------------------------------------------------------------- */

struct match_options {
    const char *severity_source; /* prefer this source ("vendor" is the default, "nvd", "cvss") */
    int64_t now;                 /* Unix seconds, for ages, expiry and end of life */
    bool ubuntu_pro;             /* judge by Ubuntu Pro's advisories even if no package shows it */
};

/* Matches every package of every system. Adds findings (struct finding *, allocated in arena; their
 * texts belong to the database, which must stay open) and coverage (struct frame_coverage *): the
 * advisories used are READ, a system for which the database holds no advisories is
 * UNREADABLE ("no advisories for Debian 12 in the database"), a release past its end of life is
 * PARTIAL, packages that came from elsewhere are SKIPPED by name. Findings are in the frame's order
 * of systems and packages, worst first, then id. */
bool advisory_match(struct advisory_db *db, const struct frame *f,
                    const struct match_options *options, struct arena *arena, GPtrArray *findings,
                    GPtrArray *coverage, GError **error);

/* What matching looks at in an operating system, for those who keep judgements: systems whose copies
 * are equal are judged alike. Members are those of os; root is "". */
struct frame_os match_os(const struct frame_os *os);
/* Whether packages of the system show that it has Ubuntu Pro. */
bool match_has_pro(const struct frame_system *system);
