#include "inspect/os_release.h"

#include <string.h>

#include "base/text.h"

/* The shell's quoting as far as os-release(5) allows it. */
static char *unquote(const char *s, size_t len)
{
    GString *out = g_string_sized_new(len);
    char quote = '\0';
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '\\' && quote != '\'' && i + 1 < len)
            g_string_append_c(out, s[++i]);
        else if (quote == '\0' && (s[i] == '"' || s[i] == '\''))
            quote = s[i];
        else if (quote != '\0' && s[i] == quote)
            quote = '\0';
        else if (quote == '\0' && (s[i] == ' ' || s[i] == '\t' || s[i] == '#'))
            break;
        else
            g_string_append_c(out, s[i]);
    }
    return g_string_free(out, FALSE);
}

GHashTable *os_release_parse(const char *text, size_t len)
{
    GHashTable *values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    const char *pos = text, *line;
    size_t n;
    while (text_next_line(&pos, text + len, &line, &n)) {
        while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == ' ' || line[n - 1] == '\t'))
            n--;
        while (n > 0 && (*line == ' ' || *line == '\t')) {
            line++;
            n--;
        }
        const char *equals = memchr(line, '=', n);
        if (n == 0 || *line == '#' || equals == NULL || equals == line)
            continue;
        g_hash_table_insert(values, g_strndup(line, (size_t)(equals - line)),
                            unquote(equals + 1, n - (size_t)(equals + 1 - line)));
    }
    return values;
}

struct product {
    const char *prefix, *id;
};

static const struct product products[] = {
    { "Red Hat Enterprise Linux", "rhel" },
    { "CentOS", "centos" },
    { "AlmaLinux", "almalinux" },
    { "Rocky Linux", "rocky" },
    { "Oracle Linux", "ol" },
    { "Enterprise Linux Enterprise Linux", "ol" },
    { "Scientific Linux", "scientific" },
    { "Fedora", "fedora" },
    { "Amazon Linux AMI", "amzn" },
    { "Amazon Linux", "amzn" },
    { "SUSE Linux Enterprise Server", "sles" },
    { "SUSE Linux Enterprise Desktop", "sled" },
    { "openSUSE", "opensuse" },
    { "VMware Photon", "photon" },
    { "CBL-Mariner", "mariner" },
};

bool release_line_parse(const char *line, char **id, char **version, char **codename)
{
    *id = *version = *codename = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(products); i++) {
        if (g_str_has_prefix(line, products[i].prefix)) {
            *id = g_strdup(products[i].id);
            line += strlen(products[i].prefix);
            break;
        }
    }
    const char *number = strpbrk(line, "0123456789");
    if (number != NULL)
        *version = g_strndup(number, strspn(number, "0123456789."));
    const char *open = strchr(line, '('), *close = open != NULL ? strchr(open, ')') : NULL;
    if (close != NULL && close > open + 1)
        *codename = g_strndup(open + 1, (size_t)(close - open - 1));
    return *id != NULL || *version != NULL;
}
