/* An installation of M2 (BMI): its REST and its database, as the settings name them. M2 keeps a
 * machine's disk as an image of Ceph; the database, which is read only, says which: the image with
 * the identifier 12 of an M2 whose uid is 7 is called "7img12".
 *
 * Settings ("storage.m2" of the file): url (of its REST), ca_file, user and password_file (of HIL,
 * for REST), database (path of its SQLite file), uid, pool, cluster (of storage.ceph; none: the
 * usual one). */
#pragma once
#include "snapshot/snapshot.h"

struct m2_site {
    char *url, *ca_file, *user, *password_file; /* NULL: not set */
    char *database, *uid, *pool, *cluster;
};
typedef struct m2_site m2_site;
/* storage may be NULL. ASSAY_ERROR_INVALID when M2 is not set, or wrongly. */
bool m2_site_init(struct m2_site *s, const json_t *storage, GError **error);
void m2_site_clear(struct m2_site *s);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(m2_site, m2_site_clear)

struct m2_disk {
    char *name; /* of the node's disk; in M2 before 2018 the node's own */
    char *image;
};
void m2_disk_free(struct m2_disk *d);
/* The disks of a project, in order of names; at most LIMIT_IMPORT. NULL with *error. */
GPtrArray *m2_disks(const struct m2_site *s, const char *project, GError **error);
/* The image of a snapshot by its name in M2; NULL with ASSAY_ERROR_NOT_FOUND. g_free() */
char *m2_snapshot_image(const struct m2_site *s, const char *project, const char *name,
                        GError **error);
/* "rbd:POOL/IMAGE"; g_free() */
char *m2_location(const struct m2_site *s, const char *image);

/* One call of M2's REST: form-encoded, also with DELETE. user NULL: those of the settings. *answer
 * (may be NULL): the body, g_free(). Errors: NOT_FOUND (404), DENIED (401, 403), else IO; they hold
 * what M2 says. */
bool m2_call(const struct m2_site *s, const char *method, const char *path, const char *form,
             const char *user, const char *password, char **answer, GError **error);
