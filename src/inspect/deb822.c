#include "inspect/deb822.h"

#include <string.h>

#include "base/text.h"

#define FIELDS_COMPARED 64

static bool is_blank(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            return false;
    }
    return true;
}

static void trim(const char **s, size_t *len)
{
    while (*len > 0 && g_ascii_isspace(**s)) {
        (*s)++;
        (*len)--;
    }
    while (*len > 0 && g_ascii_isspace((*s)[*len - 1]))
        (*len)--;
}

/* deb822(5): printable US-ASCII without blank and colon, not beginning with '#' or '-'. */
static bool is_field_name(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!g_ascii_isgraph(name[i]))
            return false;
    }
    return len > 0 && name[0] != '-';
}

static bool has_control_character(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (g_ascii_iscntrl(line[i]) && line[i] != '\t' && line[i] != '\r')
            return true;
    }
    return false;
}

/* Among the first ones: so many do not occur, and a look through all would take for ever. */
static bool is_repeated(const struct deb822_paragraph *p, const struct deb822_field *f)
{
    for (unsigned i = 0; i < MIN(p->fields->len, FIELDS_COMPARED); i++) {
        const struct deb822_field *other = &g_array_index(p->fields, struct deb822_field, i);
        if (other->name_len == f->name_len &&
            g_ascii_strncasecmp(other->name, f->name, f->name_len) == 0)
            return true;
    }
    return false;
}

static void add_line(struct deb822_paragraph *p, const char *line, size_t len)
{
    if (*line == '#')
        return;
    if (has_control_character(line, len))
        p->bad_lines++;
    if (*line == ' ' || *line == '\t') {
        if (p->fields->len == 0) {
            p->bad_lines++;
            return;
        }
        struct deb822_field *last =
            &g_array_index(p->fields, struct deb822_field, p->fields->len - 1);
        last->value_len = (size_t)(line + len - last->value);
        return;
    }
    const char *colon = memchr(line, ':', len);
    if (colon == NULL || !is_field_name(line, (size_t)(colon - line))) {
        p->bad_lines++;
        return;
    }
    struct deb822_field f = { .name = line,
                              .name_len = (size_t)(colon - line),
                              .value = colon + 1,
                              .value_len = len - (size_t)(colon + 1 - line) };
    trim(&f.value, &f.value_len);
    if (is_repeated(p, &f))
        p->bad_lines++;
    g_array_append_val(p->fields, f);
}

bool deb822_next(const char **pos, const char *end, struct deb822_paragraph *p)
{
    const char *line;
    size_t len;
    g_array_set_size(p->fields, 0);
    p->bad_lines = 0;
    while (text_next_line(pos, end, &line, &len)) {
        if (!is_blank(line, len))
            add_line(p, line, len);
        else if (p->fields->len > 0 || p->bad_lines > 0)
            return true;
    }
    return p->fields->len > 0 || p->bad_lines > 0;
}

const struct deb822_field *deb822_find(const struct deb822_paragraph *p, const char *name)
{
    size_t len = strlen(name);
    for (unsigned i = 0; i < p->fields->len; i++) {
        const struct deb822_field *f = &g_array_index(p->fields, struct deb822_field, i);
        if (f->name_len == len && g_ascii_strncasecmp(f->name, name, len) == 0)
            return f;
    }
    return NULL;
}

char *deb822_get(const struct deb822_paragraph *p, const char *name)
{
    const struct deb822_field *f = deb822_find(p, name);
    return f != NULL && f->value_len > 0 ? g_strndup(f->value, f->value_len) : NULL;
}
