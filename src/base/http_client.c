#include "base/http_client.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/error.h"
#include "base/limits.h"
#include "config.h"

#define CONNECT_SECONDS 10
#define USUAL_SECONDS   30
#define SILENCE_SECONDS 60
#define HEADERS_MAX     100

struct exchange {
    const struct http_call *call;
    CURL *curl;
    struct http_answer *answer;
    size_t max;
    bool drop, too_long, refused, ended;
};

void http_answer_done(struct http_answer *a)
{
    g_clear_pointer(&a->headers, g_hash_table_unref);
    if (a->body != NULL)
        g_string_free(a->body, TRUE);
    a->body = NULL;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
    struct exchange *x = user;
    size_t len = size * count;
    const char *colon = memchr(bytes, ':', len);
    if (len > 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        g_hash_table_remove_all(x->answer->headers); /* of an interim answer, "100 Continue" */
    } else if (colon != NULL && g_hash_table_size(x->answer->headers) < HEADERS_MAX) {
        char *name = g_ascii_strdown(bytes, colon - bytes);
        char *value = g_strndup(colon + 1, len - (size_t)(colon - bytes) - 1);
        (void)g_strstrip(value);
        (void)g_hash_table_insert(x->answer->headers, name, value);
    }
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct exchange *x = user;
    size_t len = size * count;
    long status = 0;
    (void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    if (x->call->received != NULL && status >= 200 && status < 300) {
        x->ended = !x->call->received(bytes, len, x->call->received_user);
        return x->ended ? 0 : len;
    }
    if (x->drop)
        return len;
    if (len > x->max - x->answer->body->len) {
        x->too_long = true;
        return 0;
    }
    g_string_append_len(x->answer->body, bytes, (gssize)len);
    return len;
}

/* The address that is really connected to: a name can mean another one each time it is asked for.
 */
static curl_socket_t on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct exchange *x = user;
    if (!address_is_public(&a->addr, a->addrlen)) {
        x->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* What may be told of a URL: neither user and password nor the query. g_free() */
static char *shown(const char *url)
{
    const char *rest = strstr(url, "://");
    size_t scheme = rest != NULL ? (size_t)(rest - url) + 3 : 0;
    size_t host = strcspn(url + scheme, "/?#");
    const char *at = memrchr(url + scheme, '@', host);
    const char *from = at != NULL ? at + 1 : url + scheme;
    return g_strdup_printf("%.*s%.*s", (int)scheme, url, (int)strcspn(from, "?#"), from);
}

static void prepare(CURL *c, const struct http_call *call, struct curl_slist *headers,
                    struct exchange *x)
{
    (void)curl_easy_setopt(c, CURLOPT_URL, call->url);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT,
                           (long)(call->seconds > 0 ? call->seconds : USUAL_SECONDS));
    if (call->received != NULL) {
        (void)curl_easy_setopt(c, CURLOPT_TIMEOUT, 0L);
        (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
        (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_SECONDS);
    }
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_USERAGENT, "assay/" ASSAY_VERSION);
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (call->body != NULL) {
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->len);
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, call->body);
    } else if (g_str_equal(call->method, "HEAD")) {
        (void)curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    }
    (void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, call->method);
    if (call->user != NULL) {
        (void)curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        (void)curl_easy_setopt(c, CURLOPT_USERNAME, call->user);
        (void)curl_easy_setopt(c, CURLOPT_PASSWORD, call->password != NULL ? call->password : "");
    }
    if (call->public_only) {
        (void)curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
        (void)curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
        (void)curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, x);
    }
    if (call->ca_file != NULL)
        (void)curl_easy_setopt(c, CURLOPT_CAINFO, call->ca_file);
    (void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
}

bool http_client_call(const struct http_call *call, struct http_answer *answer, GError **error)
{
    g_autofree char *url = call->name != NULL ? g_strdup(call->name) : shown(call->url);
    struct http_answer a = { .headers =
                                 g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
                             .body = g_string_new(NULL) };
    struct exchange x = { .call = call,
                          .answer = &a,
                          .max = call->max > 0 ? call->max : LIMIT_HTTP_ANSWER,
                          .drop = call->drop_body };
    CURL *c = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    for (const char *const *h = call->headers; h != NULL && *h != NULL; h++)
        headers = curl_slist_append(headers, *h);
    CURLcode code = CURLE_FAILED_INIT;
    long status = 0;
    x.curl = c;
    if (c != NULL) {
        prepare(c, call, headers, &x);
        code = curl_easy_perform(c);
        (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    bool ok = code == CURLE_OK || x.ended;
    if (ok) {
        a.status = (unsigned)status;
        *answer = a;
        return true;
    }
    http_answer_done(&a);
    if (x.too_long)
        return fail_limit(error, "%s: the answer has more than %zu bytes", url, x.max);
    if (x.refused)
        return fail(error, ASSAY_ERROR_DENIED, "%s: not a public address", url);
    return fail(error, ASSAY_ERROR_IO, "%s: %s", url, curl_easy_strerror(code));
}

bool http_url_valid(const char *what, const char *url, GError **error)
{
    const char *host = g_str_has_prefix(url, "http://")    ? url + 7
                       : g_str_has_prefix(url, "https://") ? url + 8
                                                           : "";
    bool good = *host != '\0' && *host != '/' && strpbrk(host, "@?# \t\r\n") == NULL;
    return good ||
           fail(error, ASSAY_ERROR_INVALID,
                "%s: not an address such as https://host:port/path, without user and query", what);
}

char *http_form(const char *name, ...)
{
    va_list args;
    GString *form = g_string_new(NULL);
    va_start(args, name);
    for (; name != NULL; name = va_arg(args, const char *)) {
        const char *value = va_arg(args, const char *);
        if (form->len > 0)
            g_string_append_c(form, '&');
        g_string_append_uri_escaped(form, name, NULL, FALSE);
        g_string_append_c(form, '=');
        g_string_append_uri_escaped(form, value, NULL, FALSE);
    }
    va_end(args);
    return g_string_free(form, FALSE);
}
