#include "base/smtp_client.h"

#include <curl/curl.h>
#include <string.h>

#include "base/error.h"

#define CONNECT_SECONDS 10
#define USUAL_SECONDS   30
#define ADDRESS_MAX     254 /* RFC 5321, 4.5.3.1.3, without the angle brackets */
#define LOCAL_MAX       64  /* 4.5.3.1.1 */

/* Characters of an atom (RFC 5322, 3.2.3), and the dot between atoms. */
static bool is_local(char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

bool smtp_address_valid(const char *address, GError **error)
{
    const char *at = strrchr(address, '@');
    size_t local = at != NULL ? (size_t)(at - address) : 0;
    bool good = local > 0 && local <= LOCAL_MAX && strlen(address) <= ADDRESS_MAX &&
                g_ascii_isalnum(at[1]) && strstr(address, "..") == NULL && address[0] != '.' &&
                at[-1] != '.';
    for (size_t i = 0; good && i < local; i++)
        good = is_local(address[i]);
    for (const char *p = at; good && *++p != '\0';)
        good = g_ascii_isalnum(*p) || ((*p == '-' || *p == '.') && p[1] != '\0');
    return good ||
           fail(error, ASSAY_ERROR_INVALID, "not an e-mail address such as user@host.example");
}

struct text {
    const char *bytes;
    size_t len;
};

static size_t on_read(char *buffer, size_t size, size_t count, void *user)
{
    struct text *t = user;
    size_t len = MIN(size * count, t->len);
    memcpy(buffer, t->bytes, len);
    t->bytes += len;
    t->len -= len;
    return len;
}

static void prepare(CURL *c, const struct smtp_server *s, const char *from,
                    struct curl_slist *recipients, struct text *text)
{
    bool tls = g_str_has_prefix(s->url, "smtps://");
    (void)curl_easy_setopt(c, CURLOPT_URL, s->url);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)(s->seconds > 0 ? s->seconds : USUAL_SECONDS));
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    /* Not "try": who stands between could answer that the server knows no TLS. */
    (void)curl_easy_setopt(c, CURLOPT_USE_SSL,
                           (long)(tls || !s->plain ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    if (s->ca_file != NULL)
        (void)curl_easy_setopt(c, CURLOPT_CAINFO, s->ca_file);
    if (s->user != NULL) {
        (void)curl_easy_setopt(c, CURLOPT_USERNAME, s->user);
        (void)curl_easy_setopt(c, CURLOPT_PASSWORD, s->password != NULL ? s->password : "");
    }
    (void)curl_easy_setopt(c, CURLOPT_MAIL_FROM, from);
    (void)curl_easy_setopt(c, CURLOPT_MAIL_RCPT, recipients);
    (void)curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
    (void)curl_easy_setopt(c, CURLOPT_READDATA, text);
}

bool smtp_send(const struct smtp_server *s, const char *from, const char *const *to,
               const char *message, size_t len, GError **error)
{
    char why[CURL_ERROR_SIZE] = "";
    struct text text = { .bytes = message, .len = len };
    struct curl_slist *recipients = NULL;
    CURLcode code = CURLE_FAILED_INIT;
    CURL *c = curl_easy_init();
    for (const char *const *t = to; *t != NULL; t++)
        recipients = curl_slist_append(recipients, *t);
    if (c != NULL) {
        prepare(c, s, from, recipients, &text);
        (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
        code = curl_easy_perform(c);
    }
    curl_slist_free_all(recipients);
    curl_easy_cleanup(c);
    return code == CURLE_OK || fail(error, ASSAY_ERROR_IO, "%s: %s", s->url,
                                    why[0] != '\0' ? why : curl_easy_strerror(code));
}
