#include <string.h>

#include "base/error.h"
#include "base/http_client.h"
#include "deliver/send.h"

/* Less than a worker has for stopping. */
#define SECONDS 8
#define GONE    410

char *webhook_signature(const char *secret, int64_t seconds, const char *body)
{
    g_autofree char *time = g_strdup_printf("%" G_GINT64_FORMAT, seconds);
    GHmac *h = g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)secret, strlen(secret));
    g_hmac_update(h, (const guchar *)time, -1);
    g_hmac_update(h, (const guchar *)".", 1);
    g_hmac_update(h, (const guchar *)body, -1);
    char *text = g_strdup_printf("t=%s,v1=%s", time, g_hmac_get_string(h));
    g_hmac_unref(h);
    return text;
}

/* The path and query of a URL are often what makes it secret. g_free() */
static char *host_of(const char *url)
{
    const char *host = strstr(url, "://") + 3;
    return g_strndup(url, (gsize)(host - url) + strcspn(host, "/?#"));
}

static bool ask(const struct http_call *call, int64_t *status, GError **error)
{
    struct http_answer answer = { 0 };
    if (!http_client_call(call, &answer, error))
        return false;
    *status = answer.status;
    http_answer_done(&answer);
    if (*status >= 200 && *status < 300)
        return true;
    /* RFC 9110, 15.5.11: it is not coming back. */
    return fail(error, *status == GONE ? ASSAY_ERROR_NOT_FOUND : ASSAY_ERROR_IO,
                "%s: answered %" G_GINT64_FORMAT, call->name, *status);
}

bool send_webhook(const struct job_run *run, const struct notification *n, const struct message *m,
                  int64_t *status, GError **error)
{
    char *url, *secret = notification_secret(run->db, run->settings->seal, n->id, error);
    if (secret == NULL)
        return false;
    if (!notification_url(run->settings->seal, n, &url, error)) {
        seal_forget(secret);
        return false;
    }
    g_autofree char *body = message_json(m), *host = host_of(url);
    g_autofree char *signature =
        webhook_signature(secret, store_now() / (int64_t)G_USEC_PER_SEC, body);
    seal_forget(secret);
    g_autofree char *signed_by = g_strdup_printf("X-Assay-Signature: %s", signature);
    g_autofree char *delivery = g_strdup_printf("X-Assay-Delivery: %s", m->delivery->id);
    g_autofree char *event = g_strdup_printf("X-Assay-Event: %s", m->delivery->kind);
    const char *const headers[] = { "Content-Type: application/json", signed_by, delivery, event,
                                    NULL };
    const struct http_call call = { .method = "POST",
                                    .url = url,
                                    .headers = headers,
                                    .body = body,
                                    .len = strlen(body),
                                    .seconds = SECONDS,
                                    .name = host,
                                    .public_only = !run->settings->private_webhooks,
                                    .drop_body = true };
    bool ok = ask(&call, status, error);
    seal_forget(url);
    return ok;
}
