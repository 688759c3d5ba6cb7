/* Sealed secrets: what the store keeps of passwords and keys that the service itself must be able
 * to read again (credentials, secrets of webhooks). They are encrypted with a key that is not in
 * the store, so that a copy of the store alone tells nothing: XChaCha20-Poly1305, with the place
 * (table, row, column) as associated data, so that a sealed text moved elsewhere does not open.
 *
 * Keys are in a file, one a line (256 bits as base64url); the first is used for sealing, all for
 * opening. Every server and worker of a store has the same file. It is read again when it changes.
 *
 *     g_autofree char *kept = seal_text(seal, &(struct seal_place){ "credential", id, "secret" },
 *                                       password, error); */
#pragma once
#include "store/store.h"

typedef struct seal seal;

/* Where a sealed text is kept. Every table and column that has such texts is in seal_columns[]. */
struct seal_place {
    const char *table, *id, *column; /* id: of the row */
};
struct seal_column {
    const char *table, *column; /* the table's primary key is "id" */
    bool was_plain;             /* older stores have texts that are not sealed */
};
/* Ends with an empty one. */
extern const struct seal_column seal_columns[];

/* Reads the key file. When the store has never known a key and there is no file, makes one (mode
 * 0600, with its folder). Refuses a file that others may read, and one without the key that the
 * store's secrets were sealed with last. Not in a transaction. */
struct seal *seal_open(struct sql *db, const char *path, GError **error);
/* Accepts NULL. */
void seal_free(struct seal *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(seal, seal_free)

/* Any thread. g_free() */
char *seal_text(struct seal *s, const struct seal_place *place, const char *secret, GError **error);
/* Any thread. NULL with ASSAY_ERROR_NOT_FOUND when the key is not in the file, CORRUPT when the
 * text was changed or moved. seal_forget() */
char *seal_read(struct seal *s, const struct seal_place *place, const char *sealed, GError **error);
/* Whether a text has the form of a sealed one. */
bool seal_is_sealed(const char *text);
/* A hash that only one who has the key can compute, so that bytes that hold a password cannot be
 * guessed from it; another after seal_rotate(). Any thread. g_free() */
char *seal_digest(struct seal *s, const void *data, gsize len);
/* Overwrites and frees a secret; accepts NULL. */
void seal_forget(char *secret);

/* Puts a new key first in the file and seals everything in the store with it. The key before stays
 * in the file, for servers that have yet to read it again; older ones go. *sealed: how many texts.
 */
bool seal_rotate(struct sql *db, const char *path, unsigned *sealed, GError **error);
