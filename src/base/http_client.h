/* One HTTP call to another service, whole answer in memory. Any thread; nothing is kept between
 * calls. Redirections are not followed: who is asked has been named, and credentials go nowhere
 * else. What a user has named, not an administrator, is asked with public_only.
 *
 *     const struct http_call call = { .method = "GET", .url = url, .headers = headers };
 *     struct http_answer answer;
 *     if (!http_client_call(&call, &answer, error))
 *         return false;
 *     ... answer.status, answer.body ...
 *     http_answer_done(&answer); */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct http_call {
    const char *method;          /* "GET" ... */
    const char *url;             /* http or https */
    const char *const *headers;  /* "Name: value", NULL-terminated; NULL: none */
    const char *user, *password; /* sent as HTTP Basic at once, unasked; NULL: not */
    const char *body;            /* NULL: none */
    size_t len;                  /* of body, bytes */
    const char *ca_file;         /* certificates that vouch for the service; NULL: the system's */
    unsigned seconds;            /* for all of it; 0: 30 */
    size_t max;                  /* of the answer, bytes; 0: LIMIT_HTTP_ANSWER */
    const char *name; /* what messages call it, when the URL is a secret; NULL: the URL */
    bool public_only; /* connect to public addresses only, and not by way of a proxy */
    /* Pieces of the body of an answer that is a success, as they come, instead of collecting them;
     * false ends the call, which then is no failure. There is no limit of the whole time then, only
     * of silence. */
    bool (*received)(const char *bytes, size_t len, void *user);
    void *received_user;
    bool drop_body;   /* the body of the answer is of no interest, whatever its length */
};

struct http_answer {
    unsigned status;
    GHashTable *headers; /* names in lower case -> value, the last of each name */
    GString *body;
};
/* Accepts one that is all zeros. */
void http_answer_done(struct http_answer *a);

/* True with an answer of whatever status; false with ASSAY_ERROR_IO when there was none, LIMIT when
 * it was too long. Messages name the URL without user and query, never a header or a body. */
bool http_client_call(const struct http_call *call, struct http_answer *answer, GError **error);
/* Whether a text is the address of an http or https service: no user, query or fragment. */
bool http_url_valid(const char *what, const char *url, GError **error);
/* "a=1&b=x%20y" of name, value, name, value, ..., NULL. g_free() */
char *http_form(const char *name, ...) G_GNUC_NULL_TERMINATED;
