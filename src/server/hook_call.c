#include "server/hook_call.h"

#include <string.h>

#include "base/number.h"
#include "store/secret.h"

#define HEX 64 /* digits of a SHA-256 */

/* --- who ---------------------------------------------------------------------------------------
 */

/* g_free() */
static char *sign(const char *secret, const char *time, GBytes *body)
{
    gsize len;
    const guchar *data = g_bytes_get_data(body, &len);
    GHmac *h = g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)secret, strlen(secret));
    if (time != NULL) {
        g_hmac_update(h, (const guchar *)time, -1);
        g_hmac_update(h, (const guchar *)".", 1);
    }
    if (len > 0)
        g_hmac_update(h, data, (gssize)len);
    char *text = g_strdup(g_hmac_get_string(h));
    g_hmac_unref(h);
    return text;
}

static bool signature_right(const char *given, const char *secret, const char *time, GBytes *body)
{
    g_autofree char *right = sign(secret, time, body);
    g_autofree char *lower = g_ascii_strdown(given, -1);
    return secret_equal(lower, right);
}

/* "t=SECONDS,v1=HEX", in any order, others passed over. */
static bool timed_right(const char *header, const char *secret, int64_t now, GBytes *body,
                        char **signature)
{
    g_auto(GStrv) parts = g_strsplit(header, ",", 8);
    const char *time = NULL, *hex = NULL;
    int64_t seconds;
    for (char **p = parts; *p != NULL; p++) {
        const char *one = g_strstrip(*p);
        if (g_str_has_prefix(one, "t="))
            time = one + 2;
        else if (g_str_has_prefix(one, "v1="))
            hex = one + 3;
    }
    if (time == NULL || hex == NULL || !parse_i64(time, strlen(time), &seconds) ||
        seconds < now - HOOK_TOLERANCE || seconds > now + HOOK_TOLERANCE ||
        !signature_right(hex, secret, time, body))
        return false;
    *signature = g_ascii_strdown(hex, -1);
    return true;
}

bool hook_verify(const struct http_request *r, const char *secret, int64_t now, char **signature)
{
    const char *timed = http_header(r, "x-assay-signature");
    const char *github = http_header(r, "x-hub-signature-256");
    const char *bearer = http_header(r, "authorization");
    *signature = NULL;
    if (timed != NULL)
        return timed_right(timed, secret, now, r->body, signature);
    if (github != NULL) {
        if (!g_str_has_prefix(github, "sha256=") ||
            !signature_right(github + strlen("sha256="), secret, NULL, r->body))
            return false;
        *signature = g_ascii_strdown(github + strlen("sha256="), -1);
        return true;
    }
    return bearer != NULL && g_ascii_strncasecmp(bearer, "Bearer ", 7) == 0 &&
           secret_equal(bearer + 7, secret);
}

/* --- what --------------------------------------------------------------------------------------
 */

bool hook_pointer_valid(const char *pointer)
{
    for (const char *c = pointer; *c != '\0'; c++) {
        if (*c == '~' && c[1] != '0' && c[1] != '1')
            return false;
    }
    return pointer[0] == '\0' || pointer[0] == '/';
}

/* RFC 6901 section 4: "~1" is '/', "~0" is '~', in this order. g_free() */
static char *unescape(const char *part, size_t len)
{
    GString *text = g_string_new_len(part, (gssize)len);
    g_string_replace(text, "~1", "/", 0);
    g_string_replace(text, "~0", "~", 0);
    return g_string_free(text, FALSE);
}

/* No sign, no leading zeros. */
static const json_t *element(const json_t *array, const char *name)
{
    uint64_t index;
    return (name[0] != '0' || name[1] == '\0') && parse_u64(name, strlen(name), &index) &&
                   index < json_array_size(array)
               ? json_array_get(array, (size_t)index)
               : NULL;
}

const json_t *hook_pointer(const json_t *value, const char *pointer)
{
    while (value != NULL && *pointer == '/') {
        size_t len = strcspn(++pointer, "/");
        g_autofree char *name = unescape(pointer, len);
        value = json_is_array(value) ? element(value, name) : json_object_get(value, name);
        pointer += len;
    }
    return *pointer == '\0' ? value : NULL;
}
