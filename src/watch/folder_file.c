#include "watch/folder_file.h"

#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/glob.h"
#include "base/no_links.h"

#define NAME_BYTES 100 /* of an image; store_name_valid() allows some more */

/* What copying programs call a file until it is complete. */
static const char *const unfinished[] = { ".part",       ".partial",  ".tmp",        ".temp",
                                          ".incomplete", ".filepart", ".crdownload", ".download",
                                          ".swp",        "~" };

bool folder_location(const char *location, char **path, char **pattern, GError **error)
{
    if (!path_is_plain(location, error))
        return false;
    const char *last = path_last_part(location);
    bool matches = strpbrk(last, "*?") != NULL;
    g_autofree char *folder =
        matches ? g_strndup(location, (gsize)(last - location)) : g_strconcat(location, "/", NULL);
    if (strpbrk(folder, "*?") != NULL)
        return fail(error, ASSAY_ERROR_INVALID, "%s: only the last part may have '*' or '?'",
                    location);
    *pattern = matches ? g_strdup(last) : NULL;
    *path = g_steal_pointer(&folder);
    return true;
}

bool folder_wants(const char *pattern, const char *name)
{
    if (name[0] == '.' || !g_utf8_validate(name, -1, NULL))
        return false;
    for (const char *c = name; *c != '\0'; c++) {
        if (g_ascii_iscntrl(*c))
            return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(unfinished); i++) {
        if (g_str_has_suffix(name, unfinished[i]))
            return false;
    }
    return pattern == NULL || glob_match(pattern, name);
}

char *folder_identity(const struct stat *st)
{
    return g_strdup_printf("%ju:%jd:%jd.%09ld", (uintmax_t)st->st_ino, (intmax_t)st->st_size,
                           (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

char *folder_image_name(const char *name)
{
    GString *made = g_string_new(NULL);
    for (const char *c = name; *c != '\0' && made->len < NAME_BYTES; c++) {
        bool good = g_ascii_isalnum(*c) || strchr("._-", *c) != NULL;
        if (made->len == 0 && !g_ascii_isalnum(*c))
            g_string_append_c(made, 'f');
        if (good)
            g_string_append_c(made, *c);
        else if (made->str[made->len - 1] != '-')
            g_string_append_c(made, '-');
    }
    return g_string_free(made, FALSE);
}
