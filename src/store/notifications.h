/* Notifications: whom a project wants to be told what, by a webhook or by e-mail. What is on its
 * way is in store/deliveries.h. */
#pragma once
#include "store/caller.h"
#include "store/seal.h"

struct notification {
    char *id, *project, *name;
    char *kind;      /* "webhook", "email" */
    char *url;       /* of a webhook, sealed: it may be a secret in itself; NULL */
    char *addresses; /* of an e-mail: JSON array; NULL */
    char *events;    /* JSON array of kinds of events */
    char
        *severity; /* findings.changed: only with something new of that severity or worse; "" all */
    bool enabled;
    int64_t created, version;
};
typedef struct notification notification;
void notification_free(struct notification *n);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(notification, notification_free)

struct notification_values {
    const char *name, *url, *addresses, *secret, *events, *severity; /* NULL: stays (change) */
    const bool *enabled;                                             /* NULL: stays, or true */
};
/* Returns the identifier; g_free(). kind says which of url and addresses is given, and that it has
 * a secret. */
char *notification_create(struct sql *db, struct seal *seal, const char *project, const char *kind,
                          const struct notification_values *values, GError **error);
/* By identifier or name; NULL with ASSAY_ERROR_NOT_FOUND. */
struct notification *notification_find(struct sql *db, const char *project, const char *id_or_name,
                                       GError **error);
GPtrArray *notification_list(struct sql *db, const char *project, const struct store_page *page,
                             GError **error);
/* version 0: any. */
bool notification_change(struct sql *db, struct seal *seal, const struct notification *n,
                         int64_t version, const struct notification_values *values, GError **error);
bool notification_delete(struct sql *db, const char *project, const char *id, int64_t version,
                         GError **error);
/* *url: NULL for an e-mail; seal_forget() */
bool notification_url(struct seal *seal, const struct notification *n, char **url, GError **error);
/* What a webhook's bodies are signed with; seal_forget() */
char *notification_secret(struct sql *db, struct seal *seal, const char *id, GError **error);
