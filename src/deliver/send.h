/* One attempt at a delivery. */
#pragma once
#include "deliver/message.h"
#include "store/notifications.h"
#include "worker/worker.h"

/* True when the receiver has taken it. *status: what it answered with, 0 when nothing. Errors name
 * no more of the receiver than its host, and no secret. */
bool send_webhook(const struct job_run *run, const struct notification *n, const struct message *m,
                  int64_t *status, GError **error);
bool send_email(const struct job_run *run, const struct notification *n, const struct message *m,
                int64_t *status, GError **error);

/* "t=SECONDS,v1=HEX": HMAC-SHA256 of "SECONDS." and the body, as X-Assay-Signature has it. g_free()
 */
char *webhook_signature(const char *secret, int64_t seconds, const char *body);
/* A whole e-mail with its header, lines end with CRLF. addresses: NULL-terminated. g_free() */
char *email_compose(const struct message *m, const char *from, const char *const *addresses,
                    int64_t now);
