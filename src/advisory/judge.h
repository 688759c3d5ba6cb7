/* Judging one package: what the feeds' statements about it come to. */
#pragma once
#include "advisory/db.h"
#include "advisory/target.h"

/* Findings about one package, without system and package, worst first. Owned by the memo. */
struct judgement {
    struct finding *findings;
    unsigned count;
};

struct judge {
    struct advisory_db *db;
    const struct target *target;
    const struct match_options *options;
    bool pro; /* the system has Ubuntu Pro */
};

/* *out gets memory from g_malloc(); texts live as long as the database is open. */
bool judge_package(const struct judge *j, const struct frame_package *p, struct judgement *out,
                   GError **error);

/* Severity, score, title, dates and links of a finding (rate.c). cve: 0 when it is about none.
 * stated: what the distribution says. advisory, of feed: whose score counts when nothing is known
 * about the CVE itself; NULL. */
bool finding_rate(const struct judge *j, uint32_t cve, enum severity stated,
                  const struct db_advisory *advisory, struct db_feed *feed, struct finding *out,
                  GError **error);
