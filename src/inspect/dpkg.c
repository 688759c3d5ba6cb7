#include "inspect/dpkg.h"

#include <string.h>

#include "base/number.h"

static const char *take(GPtrArray *texts, char *s)
{
    if (s != NULL)
        g_ptr_array_add(texts, s);
    return s;
}

/* "install ok installed": wanted action, flag, state (dpkg(1), "INFORMATION ABOUT PACKAGES"). */
static enum dpkg_verdict judge_status(const char *status)
{
    g_auto(GStrv) words = g_strsplit_set(status, " \t\n", -1);
    if (g_strv_length(words) != 3)
        return DPKG_MALFORMED;
    static const char *const present[] = { "installed",        "triggers-pending",
                                           "triggers-awaited", "half-configured",
                                           "unpacked",         NULL };
    static const char *const absent[] = { "not-installed", "config-files", NULL };
    if (g_strv_contains(present, words[2]))
        return DPKG_INSTALLED;
    if (g_strv_contains(absent, words[2]))
        return DPKG_NOT_INSTALLED;
    return g_str_equal(words[2], "half-installed") ? DPKG_HALF : DPKG_MALFORMED;
}

/* "glibc (2.36-9)": the version only when it differs from the binary's. */
static void set_source(char *source, struct frame_package *out, GPtrArray *texts)
{
    char *open = strchr(source, '('), *close = open != NULL ? strchr(open, ')') : NULL;
    if (close != NULL) {
        *close = '\0';
        out->source_version = g_strstrip(open + 1);
        *open = '\0';
    } else {
        out->source_version = out->version;
    }
    out->source = take(texts, g_strstrip(source));
}

enum dpkg_verdict dpkg_package(const struct deb822_paragraph *p, bool need_status,
                               struct frame_package *out, GPtrArray *texts)
{
    g_autofree char *status = deb822_get(p, "Status"), *size = deb822_get(p, "Installed-Size");
    enum dpkg_verdict verdict = DPKG_INSTALLED;
    uint64_t kibibytes;
    g_ptr_array_set_size(texts, 0);
    if (need_status)
        verdict = status != NULL ? judge_status(status) : DPKG_MALFORMED;
    *out = (struct frame_package){ .type = "deb",
                                   .name = take(texts, deb822_get(p, "Package")),
                                   .version = take(texts, deb822_get(p, "Version")),
                                   .arch = take(texts, deb822_get(p, "Architecture")),
                                   .vendor = take(texts, deb822_get(p, "Maintainer")),
                                   .origin = take(texts, deb822_get(p, "Origin")) };
    if (verdict == DPKG_NOT_INSTALLED)
        return verdict; /* may have no version */
    if (out->name == NULL || out->version == NULL)
        return DPKG_MALFORMED;
    char *source = deb822_get(p, "Source");
    if (source != NULL)
        set_source(source, out, texts);
    if (size != NULL && parse_u64(size, strlen(size), &kibibytes) && kibibytes < UINT64_MAX / 1024)
        out->size = kibibytes * 1024;
    return verdict;
}

static bool consists_of(const char *s, const char *others)
{
    for (const char *c = s; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c) && strchr(others, *c) == NULL)
            return false;
    }
    return g_ascii_isalnum(*s);
}

bool dpkg_is_plausible(const struct frame_package *p)
{
    /* What dpkg itself insists on, which is less than Debian's policy (deb-version(7)). */
    static const char names[] = "-+._", versions[] = "-+.~:";
    return consists_of(p->name, names) && consists_of(p->version, versions) &&
           (p->source == NULL || consists_of(p->source, names)) &&
           (p->source_version == NULL || consists_of(p->source_version, versions)) &&
           (p->arch == NULL || consists_of(p->arch, "-"));
}
