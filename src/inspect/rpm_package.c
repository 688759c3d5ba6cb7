#include "inspect/rpm_package.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "inspect/pgp_signature.h"
#include "inspect/rpm_source.h"

struct reading {
    const struct rpm_header *h;
    struct arena *arena;
    const char *name;
    GError **error;
    bool ok;
};

static bool broken(struct reading *r)
{
    if (r->ok && r->name != NULL)
        g_prefix_error(r->error, "%s: ", r->name);
    r->ok = false;
    return false;
}

static const char *keep(struct reading *r, const char *s, size_t len)
{
    const char *copy = arena_strndup(r->arena, s, len);
    if (copy == NULL && r->ok) {
        fail_limit(r->error, "more packages than there may be memory for");
        r->ok = false;
    }
    return copy;
}

/* NULL when the header has none, or after an error. */
static const char *text(struct reading *r, enum rpm_tag tag)
{
    GError *error = NULL;
    const char *s = r->ok ? rpm_header_string(r->h, tag, &error) : NULL;
    if (error != NULL) {
        g_propagate_error(r->error, error);
        broken(r);
    }
    if (s == NULL || *s == '\0')
        return NULL;
    return keep(r, s, strnlen(s, LIMIT_PACKAGE_FIELD));
}

static const char *must(struct reading *r, enum rpm_tag tag, const char *what)
{
    const char *s = text(r, tag);
    if (s == NULL && r->ok) {
        fail_corrupt(r->error, "no %s", what);
        broken(r);
    }
    return s;
}

static bool number(struct reading *r, enum rpm_tag tag, uint64_t *out)
{
    GError *error = NULL;
    bool found = r->ok && rpm_header_number(r->h, tag, out, &error);
    if (error != NULL) {
        g_propagate_error(r->error, error);
        broken(r);
    }
    return found;
}

/* "[epoch:]version-release", or NULL after an error. */
static const char *evr(struct reading *r, bool with_epoch, uint64_t epoch, const char *version,
                       size_t len)
{
    g_autofree char *whole =
        with_epoch ? g_strdup_printf("%" G_GUINT64_FORMAT ":%.*s", epoch, (int)len, version)
                   : g_strndup(version, len);
    return keep(r, whole, strlen(whole));
}

/* "bash-5.1-1.el9.src.rpm". Its epoch is not in there: the package's own is the best guess, and
 * right unless the package has a version of its own. */
static void source_of_file(struct reading *r, struct frame_package *out, bool with_epoch,
                           uint64_t epoch)
{
    size_t name, nvr;
    if (out->source_rpm == NULL || !rpm_source_split(out->source_rpm, &name, &nvr))
        return;
    out->source = keep(r, out->source_rpm, name);
    out->source_version = evr(r, with_epoch, epoch, out->source_rpm + name + 1, nvr - name - 1);
}

/* "bash-1:5.1-1.el9": exact, where there is one. */
static bool source_of_nevr(struct reading *r, struct frame_package *out)
{
    const char *nevr = text(r, RPM_TAG_SOURCENEVR);
    size_t name = nevr != NULL ? rpm_nvr_name(nevr, strlen(nevr)) : 0;
    if (name == 0)
        return false;
    out->source = keep(r, nevr, name);
    out->source_version = nevr + name + 1;
    return true;
}

static const char *hex(struct reading *r, const uint8_t *bytes, size_t len)
{
    GString *s = g_string_sized_new(2 * len);
    for (size_t i = 0; i < len; i++)
        g_string_append_printf(s, "%02x", bytes[i]);
    const char *kept = keep(r, s->str, s->len);
    g_string_free(s, TRUE);
    return kept;
}

/* A broken signature is no reason to doubt the rest: it counts as none. */
static const char *signature(struct reading *r)
{
    static const enum rpm_tag tags[] = { RPM_TAG_RSAHEADER, RPM_TAG_DSAHEADER, RPM_TAG_SIGPGP,
                                         RPM_TAG_SIGGPG };
    uint8_t id[PGP_KEY_ID_SIZE];
    size_t len;
    const char *text = rpm_header_string(r->h, RPM_TAG_OPENPGP, NULL);
    if (text != NULL && *text != '\0') {
        g_autofree uint8_t *bytes = g_base64_decode(text, &len);
        if (pgp_signature_key_id(bytes, len, id))
            return hex(r, id, sizeof id);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(tags); i++) {
        const uint8_t *bytes = rpm_header_bytes(r->h, tags[i], &len, NULL);
        if (bytes != NULL && pgp_signature_key_id(bytes, len, id))
            return hex(r, id, sizeof id);
    }
    return NULL;
}

bool rpm_package_read(const struct rpm_header *h, struct arena *a, struct frame_package *out,
                      bool *pseudo, GError **error)
{
    struct reading r = { .h = h, .arena = a, .error = error, .ok = true };
    struct frame_package p = { .type = "rpm" };
    uint64_t epoch = 0, installed = 0;
    r.name = p.name = must(&r, RPM_TAG_NAME, "name");
    const char *version = must(&r, RPM_TAG_VERSION, "version");
    const char *release = must(&r, RPM_TAG_RELEASE, "release");
    bool with_epoch = number(&r, RPM_TAG_EPOCH, &epoch);
    if (!r.ok)
        return false;
    g_autofree char *both = g_strconcat(version, "-", release, NULL);
    p.version = evr(&r, with_epoch, epoch, both, strlen(both));
    p.arch = text(&r, RPM_TAG_ARCH);
    p.vendor = text(&r, RPM_TAG_VENDOR);
    p.origin = text(&r, RPM_TAG_DISTRIBUTION);
    p.license = text(&r, RPM_TAG_LICENSE);
    p.module = text(&r, RPM_TAG_MODULARITYLABEL);
    p.source_rpm = text(&r, RPM_TAG_SOURCERPM);
    if (!source_of_nevr(&r, &p))
        source_of_file(&r, &p, with_epoch, epoch);
    if (number(&r, RPM_TAG_INSTALLTIME, &installed))
        p.installed = (int64_t)MIN(installed, (uint64_t)G_MAXINT64);
    if (!number(&r, RPM_TAG_LONGSIZE, &p.size))
        (void)number(&r, RPM_TAG_SIZE, &p.size);
    p.signature = signature(&r);
    if (!r.ok)
        return false;
    *pseudo = g_str_equal(p.name, "gpg-pubkey");
    *out = p;
    return true;
}

/* --- kernels ------------------------------------------------------------------------------------
 */

/* /boot/vmlinuz-RELEASE, /lib/modules/RELEASE/vmlinuz, the latter also below /usr. */
static const char *kernel_release(const char *folder, const char *file, size_t *len)
{
    static const char *const modules[] = { "/lib/modules/", "/usr/lib/modules/" };
    static const char image[] = "vmlinuz-";
    if (g_str_equal(folder, "/boot/") && g_str_has_prefix(file, image)) {
        *len = strlen(file + strlen(image));
        return file + strlen(image);
    }
    for (size_t i = 0; g_str_equal(file, "vmlinuz") && i < G_N_ELEMENTS(modules); i++) {
        if (!g_str_has_prefix(folder, modules[i]))
            continue;
        const char *release = folder + strlen(modules[i]);
        *len = strcspn(release, "/");
        return g_str_equal(release + *len, "/") ? release : NULL;
    }
    return NULL;
}

static const char *folder_of(const struct rpm_header *h, uint32_t file)
{
    struct rpm_strings folders;
    uint64_t index;
    const char *folder = NULL;
    if (!rpm_header_number_at(h, RPM_TAG_DIRINDEXES, file, &index, NULL) ||
        !rpm_header_strings(h, RPM_TAG_DIRNAMES, &folders, NULL))
        return NULL;
    do
        folder = rpm_strings_next(&folders);
    while (folder != NULL && folders.index < index);
    return folder;
}

const char *rpm_package_kernel(const struct rpm_header *h, struct arena *a)
{
    enum { CANDIDATES = 64 }; /* names that look like images, of which a kernel has two */
    struct rpm_strings files;
    const char *file, *release = NULL;
    size_t len = 0;
    if (!rpm_header_strings(h, RPM_TAG_BASENAMES, &files, NULL))
        return NULL;
    for (int looked = 0; looked < CANDIDATES && release == NULL;) {
        file = rpm_strings_next(&files);
        if (file == NULL)
            break;
        if (!g_str_has_prefix(file, "vmlinuz"))
            continue;
        looked++;
        const char *folder = folder_of(h, files.index);
        release = folder != NULL ? kernel_release(folder, file, &len) : NULL;
    }
    return release != NULL && len > 0 ? arena_strndup(a, release, len) : NULL;
}
