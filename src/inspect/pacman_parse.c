#include "inspect/pacman_parse.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/number.h"
#include "base/text.h"

struct section {
    const char *name;
    size_t text;   /* offset of a string in struct frame_package */
    size_t number; /* ... of a uint64_t */
    size_t time;   /* ... of an int64_t */
    bool many;     /* values are joined */
};

/* Offset 0 is the type, which no section sets: it means none. */
#define AT(member) offsetof(struct frame_package, member)

static const struct section sections[] = {
    { .name = "%NAME%", .text = AT(name) },
    { .name = "%VERSION%", .text = AT(version) },
    { .name = "%BASE%", .text = AT(source) },
    { .name = "%ARCH%", .text = AT(arch) },
    { .name = "%PACKAGER%", .text = AT(vendor) },
    { .name = "%LICENSE%", .text = AT(license), .many = true },
    { .name = "%SIZE%", .number = AT(size) },
    { .name = "%INSTALLDATE%", .time = AT(installed) },
};

static const struct section *find_section(const char *line, size_t len)
{
    for (size_t i = 0; i < G_N_ELEMENTS(sections); i++) {
        if (strlen(sections[i].name) == len && memcmp(sections[i].name, line, len) == 0)
            return &sections[i];
    }
    return NULL;
}

static bool take_text(const char **text, bool many, const char *line, size_t len, struct arena *a)
{
    if (*text == NULL) {
        *text = arena_strndup(a, line, MIN(len, (size_t)LIMIT_PACKAGE_FIELD));
    } else if (many && strlen(*text) + len < LIMIT_PACKAGE_FIELD) {
        g_autofree char *joined = g_strdup_printf("%s, %.*s", *text, (int)len, line);
        *text = arena_strdup(a, joined);
    }
    return *text != NULL;
}

static bool take_value(const struct section *s, const char *line, size_t len, struct arena *a,
                       struct frame_package *p)
{
    char *base = (char *)p;
    if (s->number != 0)
        (void)parse_u64(line, len, (uint64_t *)(void *)(base + s->number));
    else if (s->time != 0)
        (void)parse_i64(line, len, (int64_t *)(void *)(base + s->time));
    else
        return take_text((const char **)(void *)(base + s->text), s->many, line, len, a);
    return true;
}

bool pacman_parse(const char *text, size_t len, struct arena *a, struct frame_package *out,
                  GError **error)
{
    struct frame_package p = { .type = "alpm" };
    const struct section *section = NULL;
    const char *pos = text, *end = text + len, *line;
    size_t n;
    while (text_next_line(&pos, end, &line, &n)) {
        if (n == 0)
            section = NULL;
        else if (section == NULL)
            section = find_section(line, n);
        else if (!take_value(section, line, n, a, &p))
            return fail_limit(error, "description of %zu bytes", len);
    }
    if (p.name == NULL || p.version == NULL)
        return fail_corrupt(error, p.name == NULL ? "no name" : "no version");
    if (p.source != NULL)
        p.source_version = p.version;
    *out = p;
    return true;
}
