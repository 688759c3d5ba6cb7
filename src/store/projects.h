/* Projects, and who may do what in them. */
#pragma once
#include "store/caller.h"
#include "store/store.h"

struct project {
    char *id, *name, *description;
    /* JSON: an array of patterns of locations (disks, images) that its members may have examined:
     * exact, or with '*' at the end. Only administrators set it: a location may lie on the server.
     */
    char *locations;
    enum role role; /* the caller's; ROLE_NONE for one who is no member but sees all */
    int64_t created, version;
};
typedef struct project project;
void project_free(struct project *p);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(project, project_free)

struct project_values {
    const char *name, *description, *locations; /* NULL: stays (change) or empty (create) */
};
char *project_create(struct sql *db, const struct project_values *values, GError **error);
/* By identifier or name; NULL with ASSAY_ERROR_NOT_FOUND, also when the caller may not see it. */
struct project *project_find(struct sql *db, const struct caller *caller, const char *id_or_name,
                             GError **error);
GPtrArray *project_list(struct sql *db, const struct caller *caller, const struct store_page *page,
                        GError **error);
/* version 0: any. */
bool project_change(struct sql *db, const char *id, int64_t version,
                    const struct project_values *values, GError **error);
bool project_delete(struct sql *db, const char *id, int64_t version, GError **error);
/* Whether a location is among those that the project's members may name. */
bool project_may_examine(const struct project *p, const char *location, GError **error);

struct member {
    char *account, *name;
    enum role role;
    int64_t created;
};
typedef struct member member;
void member_free(struct member *m);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(member, member_free)
/* *made: it was none before. */
bool member_set(struct sql *db, const char *project, const char *account, enum role role,
                bool *made, GError **error);
bool member_delete(struct sql *db, const char *project, const char *account, GError **error);
/* page->after: an account. */
GPtrArray *member_list(struct sql *db, const char *project, const struct store_page *page,
                       GError **error);
