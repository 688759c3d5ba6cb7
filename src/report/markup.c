#include "report/markup.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"

void markup_append(GString *out, const char *text)
{
    g_autofree char *safe = text_safe(text);
    for (const char *p = safe; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (c == '&')
            g_string_append(out, "&amp;");
        else if (c == '<')
            g_string_append(out, "&lt;");
        else if (c == '>')
            g_string_append(out, "&gt;");
        else if (c == '"')
            g_string_append(out, "&quot;");
        else if (c == '\'')
            g_string_append(out, "&#39;");
        else
            /* XML 1.0, production 2 (Char), has no U+FFFE and U+FFFF. */
            g_string_append_unichar(out, c == 0xfffe || c == 0xffff ? 0xfffd : c);
    }
}

void markup_printf(GString *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    for (const char *p = format; *p != '\0'; p++) {
        if (*p != '%') {
            g_string_append_c(out, *p);
            continue;
        }
        p++;
        if (*p == 's')
            markup_append(out, va_arg(args, const char *));
        else
            g_string_append_c(out, '%');
    }
    va_end(args);
}

bool url_is_web(const char *url)
{
    const char *rest = g_str_has_prefix(url, "https://")  ? url + 8
                       : g_str_has_prefix(url, "http://") ? url + 7
                                                          : NULL;
    if (rest == NULL || *rest == '\0' || strlen(url) > 2000)
        return false;
    /* RFC 3986: unreserved, reserved and the percent sign; quotes left out on purpose. */
    return rest[strspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                             "-._~:/?#[]@!$&()*+,;=%")] == '\0';
}

static bool is_cve_id(const char *id)
{
    if (!g_str_has_prefix(id, "CVE-") || strspn(id + 4, "0123456789") != 4 || id[8] != '-')
        return false;
    size_t digits = strspn(id + 9, "0123456789");
    return digits >= 4 && digits <= 19 && id[9 + digits] == '\0';
}

char *finding_url(const struct finding *f)
{
    for (const char *const *url = f->urls; url != NULL && *url != NULL; url++) {
        if (url_is_web(*url))
            return g_strdup(*url);
    }
    return is_cve_id(f->id) ? g_strconcat("https://www.cve.org/CVERecord?id=", f->id, NULL) : NULL;
}

char *path_uri(const char *path)
{
    GString *out = g_string_new(NULL);
    for (path += strspn(path, "/"); *path != '\0'; path++) {
        if (g_ascii_isalnum(*path) || strchr("-._~/", *path) != NULL)
            g_string_append_c(out, *path);
        else
            g_string_append_printf(out, "%%%02X", (unsigned char)*path);
    }
    return g_string_free(out, FALSE);
}
