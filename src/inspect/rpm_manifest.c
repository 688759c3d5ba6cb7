#include "inspect/rpm_manifest.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/number.h"
#include "inspect/rpm_source.h"

enum { NAME, VERSION, INSTALLED, BUILT, VENDOR, EPOCH, SIZE, ARCH, EPOCH_OR_0, SOURCE, FIELDS };

/* rpm writes what a package does not have as "(none)". */
static char *field(char *text)
{
    return *text == '\0' || g_str_equal(text, "(none)") ? NULL : text;
}

static const char *with_epoch(struct arena *a, const char *epoch, const char *version)
{
    g_autofree char *whole = epoch != NULL ? g_strconcat(epoch, ":", version, NULL) : NULL;
    return arena_strdup(a, whole != NULL ? whole : version);
}

static void take_source(struct frame_package *p, const char *epoch, struct arena *a)
{
    size_t name, nvr;
    if (p->source_rpm == NULL || !rpm_source_split(p->source_rpm, &name, &nvr))
        return;
    p->source = arena_strndup(a, p->source_rpm, name);
    const char *version = arena_strndup(a, p->source_rpm + name + 1, nvr - name - 1);
    p->source_version = version != NULL ? with_epoch(a, epoch, version) : NULL;
}

/* Cuts the text at its tabs. */
static bool split(char *text, char *fields[FIELDS])
{
    for (size_t i = 0; i < FIELDS; i++) {
        if (text == NULL)
            return false;
        char *tab = strchr(text, '\t');
        if (tab != NULL)
            *tab++ = '\0';
        fields[i] = field(text);
        text = tab;
    }
    return text == NULL;
}

static void take_numbers(struct frame_package *p, const char *size, const char *installed)
{
    if (size != NULL)
        (void)parse_u64(size, strlen(size), &p->size);
    if (installed != NULL)
        (void)parse_i64(installed, strlen(installed), &p->installed);
}

bool rpm_manifest_line(const char *line, size_t len, struct arena *a, struct frame_package *out,
                       bool *pseudo, GError **error)
{
    char *fields[FIELDS];
    uint64_t number;
    if (len > LIMIT_PACKAGE_FIELD)
        return fail_limit(error, "line of %zu bytes", len);
    char *text = arena_strndup(a, line, len);
    if (text == NULL)
        return fail_limit(error, "no memory for a line");
    if (memchr(line, '\0', len) != NULL || !split(text, fields))
        return fail_corrupt(error, "not %d fields", FIELDS);
    const char *epoch = fields[EPOCH];
    if (fields[NAME] == NULL || fields[VERSION] == NULL ||
        (epoch != NULL && !parse_u64(epoch, strlen(epoch), &number)))
        return fail_corrupt(error, "no name or no proper version");
    struct frame_package p = { .type = "rpm",
                               .name = fields[NAME],
                               .version = with_epoch(a, epoch, fields[VERSION]),
                               .arch = fields[ARCH],
                               .vendor = fields[VENDOR],
                               .source_rpm = fields[SOURCE] };
    if (p.version == NULL)
        return fail_limit(error, "no memory for a line");
    take_numbers(&p, fields[SIZE], fields[INSTALLED]);
    take_source(&p, epoch, a);
    *pseudo = g_str_equal(p.name, "gpg-pubkey");
    *out = p;
    return true;
}
