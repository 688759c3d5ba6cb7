/* fstab(5): which filesystems a system wants where. */
#include <string.h>

#include "base/text.h"
#include "root/root.h"

static void fstab_entry_free(void *p)
{
    struct fstab_entry *e = p;
    g_free(e->source);
    g_free(e->path);
    g_free(e->type);
    g_free(e->options);
    g_free(e);
}

/* getmntent(3): blanks and backslashes are written as \040, \011, \012, \134. */
static char *unescape(const char *s, size_t len)
{
    GString *out = g_string_sized_new(len);
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '\\' && i + 3 < len && s[i + 1] >= '0' && s[i + 1] <= '3' &&
            s[i + 2] >= '0' && s[i + 2] <= '7' && s[i + 3] >= '0' && s[i + 3] <= '7') {
            int c = (s[i + 1] - '0') * 64 + (s[i + 2] - '0') * 8 + (s[i + 3] - '0');
            if (c != 0)
                g_string_append_c(out, (char)c);
            i += 3;
        } else if (s[i] != '\0') {
            g_string_append_c(out, s[i]);
        }
    }
    return g_string_free(out, FALSE);
}

/* The next word of a line; quotes around a value (UUID="...") are accepted as mount(8) does. */
static char *next_word(const char **s, const char *end)
{
    while (*s < end && (**s == ' ' || **s == '\t'))
        (*s)++;
    const char *start = *s;
    while (*s < end && **s != ' ' && **s != '\t' && **s != '\r')
        (*s)++;
    return *s == start ? NULL : unescape(start, (size_t)(*s - start));
}

GPtrArray *fstab_parse(const char *text, size_t len)
{
    GPtrArray *entries = g_ptr_array_new_with_free_func(fstab_entry_free);
    const char *pos = text, *end = text + len, *line;
    size_t line_len;
    while (text_next_line(&pos, end, &line, &line_len)) {
        const char *at = line, *line_end = line + line_len;
        g_autofree char *source = next_word(&at, line_end);
        if (source == NULL || source[0] == '#')
            continue;
        struct fstab_entry *e = g_new0(struct fstab_entry, 1);
        e->source = g_steal_pointer(&source);
        e->path = next_word(&at, line_end);
        e->type = next_word(&at, line_end);
        e->options = next_word(&at, line_end);
        if (e->path == NULL || e->type == NULL) {
            fstab_entry_free(e);
            continue;
        }
        if (e->options == NULL)
            e->options = g_strdup("defaults");
        g_ptr_array_add(entries, e);
    }
    return entries;
}

char *fstab_option(const char *options, const char *name)
{
    g_auto(GStrv) words = g_strsplit(options != NULL ? options : "", ",", -1);
    size_t len = strlen(name);
    for (char **w = words; *w != NULL; w++) {
        if (strncmp(*w, name, len) == 0 && ((*w)[len] == '\0' || (*w)[len] == '='))
            return g_strdup((*w)[len] == '=' ? *w + len + 1 : "");
    }
    return NULL;
}
