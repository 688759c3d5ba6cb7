#include "advisory/product.h"

#include <string.h>

#include "advisory/cpe.h"
#include "advisory/version.h"
#include "base/error.h"
#include "frame/formats.h"

bool component_identify(struct arena *a, struct component *c, const char *identifier,
                        GError **error)
{
    struct identifier *i = arena_new0(a, struct identifier);
    const char *text = arena_strdup(a, identifier);
    if (i == NULL || text == NULL)
        return fail_limit(error, "too many products");
    i->text = text;
    i->is_cpe = g_ascii_strncasecmp(text, "cpe:", 4) == 0;
    i->purl = purl_parse(a, text, NULL);
    i->next = c->identifiers;
    c->identifiers = i;
    return true;
}

void subject_init(struct subject *out, struct arena *a, const struct frame *f,
                  const struct frame_system *system, const struct frame_package *p)
{
    static const struct purl none = { .type = "", .name = "" };
    g_autofree char *purl = frame_purl(system->os, p);
    *out = (struct subject){ .frame = f, .system = system, .package = p };
    out->purl = purl_parse(a, purl, NULL);
    if (out->purl == NULL)
        out->purl = &none; /* a package without name */
    target_package_init(&out->names, p);
}

void subject_done(struct subject *s)
{
    target_package_done(&s->names);
}

/* --- packages --------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && g_ascii_strcasecmp(a, b) == 0;
}

/* "12" is also "12.5". */
static bool is_release(const char *wanted, const char *is)
{
    size_t len = strlen(wanted);
    return is != NULL && g_ascii_strncasecmp(wanted, is, len) == 0 &&
           (is[len] == '\0' || is[len] == '.');
}

/* "debian-12", "bookworm", "debian-bookworm", "esm-infra/bookworm". */
static bool is_distro(const char *wanted, const struct subject *s)
{
    const struct frame_os *os = s->system->os;
    const char *own = purl_qualifier(s->purl, "distro"), *slash = strrchr(wanted, '/');
    wanted = slash != NULL ? slash + 1 : wanted;
    if (is_release(wanted, own) || same(wanted, os->codename))
        return true;
    g_autofree char *named = g_strdup_printf("%s-%s", os->id, os->codename);
    return os->id != NULL && os->codename != NULL && same(wanted, named);
}

/* Of the source package, whatever is built from it. */
static bool is_source(const char *arch)
{
    return same(arch, "source") || same(arch, "src");
}

static bool is_arch(const char *wanted, const char *own)
{
    return is_source(wanted) || same(wanted, own) || same(own, "all") || same(own, "noarch");
}

/* "nodejs:18" is every build of that stream. */
static bool is_module(const char *wanted, const char *own)
{
    size_t len = strlen(wanted);
    return own != NULL && strncmp(wanted, own, len) == 0 && (own[len] == '\0' || own[len] == ':');
}

/* Those that say where a package is from, not which one it is, are passed over. */
static bool qualifier_fits(const struct purl_qualifier *q, const struct subject *s)
{
    static const char *const passed[] = { "checksum",  "download_url",  "epoch",
                                          "file_name", "repository_id", "repository_url",
                                          "upstream",  "vcs_url" };
    for (size_t i = 0; i < G_N_ELEMENTS(passed); i++)
        if (g_str_equal(q->key, passed[i]))
            return true;
    if (g_str_equal(q->key, "arch"))
        return is_arch(q->value, s->package->arch);
    if (g_str_equal(q->key, "distro"))
        return is_distro(q->value, s);
    if (g_str_equal(q->key, "rpmmod"))
        return is_module(q->value, s->package->module);
    return g_strcmp0(q->value, purl_qualifier(s->purl, q->key)) == 0;
}

static const char *without_epoch(const char *version)
{
    size_t digits = strspn(version, "0123456789");
    return digits > 0 && version[digits] == ':' ? version + digits + 1 : version;
}

/* As the package manager compares. An RPM's epoch may be a qualifier, or left out. */
static bool is_version(const struct purl *wanted, const char *own)
{
    static const struct {
        const char *type;
        enum version_scheme scheme;
    } schemes[] = { { "deb", VERSION_DPKG },
                    { "rpm", VERSION_RPM },
                    { "apk", VERSION_APK },
                    { "alpm", VERSION_PACMAN } };
    const char *version = wanted->version, *epoch = purl_qualifier(wanted, "epoch");
    if (version == NULL)
        return true;
    if (own == NULL)
        return false;
    g_autofree char *whole = epoch != NULL ? g_strdup_printf("%s:%s", epoch, version) : NULL;
    if (whole != NULL)
        version = whole;
    else if (g_str_equal(wanted->type, "rpm") && strchr(version, ':') == NULL)
        own = without_epoch(own);
    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++)
        if (g_str_equal(wanted->type, schemes[i].type))
            return version_compare(schemes[i].scheme, version, own) == 0;
    return g_str_equal(version, own);
}

static bool purl_is_package(const struct purl *p, const struct subject *s)
{
    bool source = is_source(purl_qualifier(p, "arch"));
    if (!g_str_equal(p->type, s->purl->type) ||
        g_ascii_strcasecmp(p->namespace != NULL ? p->namespace : "",
                           s->purl->namespace != NULL ? s->purl->namespace : "") != 0 ||
        !same(p->name, source ? s->names.source : s->names.name) ||
        !is_version(p, source ? s->names.source_version : s->names.version))
        return false;
    for (unsigned i = 0; i < p->qualifier_count; i++)
        if (!qualifier_fits(&p->qualifiers[i], s))
            return false;
    return true;
}

/* CPE names are of what upstream publishes: a distribution's package is another thing, with other
 * patches, so that they do not speak about it. */
static bool component_is_package(const struct component *c, const struct subject *s)
{
    for (const struct identifier *i = c->identifiers; i != NULL; i = i->next)
        if (i->purl != NULL && purl_is_package(i->purl, s))
            return true;
    return false;
}

/* Within a known whole, a name alone says enough. */
static bool component_is_named(const struct component *c, const struct subject *s)
{
    for (const struct identifier *i = c->identifiers; i != NULL; i = i->next)
        if (i->purl != NULL)
            return false;
    for (const struct identifier *i = c->identifiers; i != NULL; i = i->next)
        if (!i->is_cpe &&
            (g_strcmp0(i->text, s->names.name) == 0 || g_strcmp0(i->text, s->names.source) == 0))
            return true;
    return false;
}

/* --- systems ---------------------------------------------------------------------------------- */

static bool is_name_of_target(const char *text, const struct subject *s)
{
    const struct frame_os *os = s->system->os;
    const char *slash = strrchr(s->frame->target, '/');
    return g_strcmp0(text, s->frame->target) == 0 ||
           (slash != NULL && g_strcmp0(text, slash + 1) == 0) ||
           g_strcmp0(text, os->hostname) == 0 || g_strcmp0(text, os->machine_id) == 0 ||
           g_strcmp0(text, os->pretty_name) == 0;
}

/* "pkg:generic/debian@12", "pkg:generic/disk.qcow2", "pkg:oci/web"; and modules of packages. */
static bool purl_is_system(const struct purl *p, const struct subject *s)
{
    const struct frame_os *os = s->system->os;
    if (g_str_equal(p->type, "rpmmod")) {
        g_autofree char *module = g_strdup_printf("%s:%s", p->name, p->version);
        return is_module(p->version != NULL ? module : p->name, s->package->module);
    }
    if (p->namespace != NULL || p->qualifier_count > 0)
        return false;
    if (p->version == NULL && is_name_of_target(p->name, s))
        return true;
    return g_str_equal(p->type, "generic") && same(p->name, os->id) &&
           (p->version == NULL || is_release(p->version, os->version_id));
}

static bool component_is_system(const struct component *c, const struct subject *s)
{
    for (const struct identifier *i = c->identifiers; i != NULL; i = i->next) {
        if (i->purl != NULL ? purl_is_system(i->purl, s)
            : i->is_cpe     ? cpe_is_system(i->text, s->system->os)
                            : is_name_of_target(i->text, s))
            return true;
    }
    return false;
}

static bool is_in_wholes(const struct component *wholes, const struct subject *s)
{
    for (const struct component *w = wholes; w != NULL; w = w->next)
        if (!component_is_system(w, s) && !component_is_package(w, s))
            return false;
    return true;
}

bool product_matches(const struct product *list, const struct subject *s)
{
    for (const struct product *p = list; p != NULL; p = p->next) {
        bool whole = p->wholes != NULL;
        bool part = component_is_package(p->part, s) ||
                    (whole ? component_is_named(p->part, s) : component_is_system(p->part, s));
        if (part && is_in_wholes(p->wholes, s))
            return true;
    }
    return false;
}
