/* SPDX 2.3 JSON (ISO/IEC 5962 and its successor). The target contains operating systems, those
 * contain packages and files; what could not be looked at is told in annotations. */
#include <string.h>

#include "base/text.h"
#include "frame/bom.h"
#include "frame/formats.h"
#include "frame/forms.h"

struct writer {
    struct json_writer w;
    const struct bom *bom;
};

static char *target_id(size_t target)
{
    return g_strdup_printf("SPDXRef-Target-%zu", target + 1);
}

static char *part_id(const char *what, size_t target, guint system, uint64_t number)
{
    return number == 0 ? g_strdup_printf("SPDXRef-%s-%zu-%u", what, target + 1, system + 1)
                       : g_strdup_printf("SPDXRef-%s-%zu-%u-%" G_GUINT64_FORMAT, what, target + 1,
                                         system + 1, number);
}

/* --- packages -----------------------------------------------------------------------------------
 */

static void package_begin(struct json_writer *w, const char *id, const char *name,
                          const char *version, const char *purpose)
{
    jw_object_begin(w, NULL);
    jw_string(w, "SPDXID", id);
    jw_string(w, "name", name);
    jw_string_opt(w, "versionInfo", version);
    jw_string(w, "downloadLocation", "NOASSERTION");
    jw_bool(w, "filesAnalyzed", false);
    jw_string(w, "licenseConcluded", "NOASSERTION");
    jw_string(w, "licenseDeclared", "NOASSERTION");
    jw_string(w, "copyrightText", "NOASSERTION");
    jw_string(w, "primaryPackagePurpose", purpose);
}

static void reference(struct json_writer *w, const char *category, const char *type,
                      const char *locator)
{
    jw_object_begin(w, NULL);
    jw_string(w, "referenceCategory", category);
    jw_string(w, "referenceType", type);
    jw_string(w, "referenceLocator", locator);
    jw_object_end(w);
}

/* SPDX tells the two forms of CPE apart (annex F.2); a locator has no blanks. */
static bool cpe_fits(const char *cpe)
{
    if (cpe == NULL || !(g_str_has_prefix(cpe, "cpe:2.3:") || g_str_has_prefix(cpe, "cpe:/")))
        return false;
    while (g_ascii_isgraph(*cpe))
        cpe++;
    return *cpe == '\0';
}

static void system_package(struct json_writer *w, size_t target, guint system,
                           const struct frame_os *os)
{
    g_autofree char *id = part_id("System", target, system, 0);
    const char *name = os->id != NULL ? os->id : os->name != NULL ? os->name : "unknown";
    package_begin(w, id, name, os->version_id, "OPERATING_SYSTEM");
    jw_string_opt(w, "summary", os->pretty_name != NULL ? os->pretty_name : os->name);
    g_autofree char *comment = g_strdup_printf("found on %s", os->root);
    jw_string(w, "comment", comment);
    if (cpe_fits(os->cpe)) {
        jw_array_begin(w, "externalRefs");
        reference(w, "SECURITY", os->cpe[4] == '/' ? "cpe22Type" : "cpe23Type", os->cpe);
        jw_array_end(w);
    }
    jw_object_end(w);
}

/* "Organization: Jane Doe (jane@example.org)": SPDX puts addresses in parentheses. */
static char *supplier_of(const char *vendor)
{
    g_autofree char *safe = text_safe(vendor);
    g_autofree char *with_address = g_strdelimit(g_steal_pointer(&safe), "<", '(');
    return g_strconcat("Organization: ", g_strdelimit(with_address, ">", ')'), NULL);
}

static void installed_package(struct writer *s, const char *id, const struct frame_os *os,
                              const struct frame_package *p)
{
    struct json_writer *w = &s->w;
    g_autofree char *purl = frame_purl(os, p);
    package_begin(w, id, p->name, p->version, "LIBRARY");
    if (p->vendor != NULL && *p->vendor != '\0') {
        g_autofree char *supplier = supplier_of(p->vendor);
        jw_string(w, "supplier", supplier);
    }
    if (p->license != NULL) {
        g_autofree char *says = g_strdup_printf("the package says: %s", p->license);
        jw_string(w, "licenseComments", says);
    }
    if (p->source != NULL || p->source_rpm != NULL) {
        g_autofree char *source =
            g_strdup_printf("built from %s%s%s", p->source != NULL ? p->source : p->source_rpm,
                            p->source_version != NULL ? " " : "",
                            p->source_version != NULL ? p->source_version : "");
        jw_string(w, "sourceInfo", source);
    }
    jw_array_begin(w, "externalRefs");
    reference(w, "PACKAGE-MANAGER", "purl", purl);
    if (s->bom->add_references != NULL)
        s->bom->add_references(w, p, s->bom->user);
    jw_array_end(w);
    jw_object_end(w);
}

static void packages(struct writer *s)
{
    jw_array_begin(&s->w, "packages");
    for (size_t t = 0; t < s->bom->target_count; t++) {
        const struct frame *f = s->bom->targets[t].frame;
        g_autofree char *id = target_id(t);
        package_begin(&s->w, id, f->target, NULL, "DEVICE");
        jw_object_end(&s->w);
        for (guint i = 0; i < f->systems->len; i++) {
            const struct frame_system *system = g_ptr_array_index(f->systems, i);
            const GPtrArray *list = system->records[FRAME_PACKAGE];
            system_package(&s->w, t, i, system->os);
            for (guint k = 0; k < list->len; k++) {
                g_autofree char *package = part_id("Package", t, i, (uint64_t)k + 1);
                installed_package(s, package, system->os, g_ptr_array_index(list, k));
            }
        }
    }
    jw_array_end(&s->w);
}

/* --- files --------------------------------------------------------------------------------------
 */

struct file_writer {
    struct json_writer *w;
    size_t target;
    guint system;
    uint64_t number;
    bool relationships;
};

/* The specification wants a SHA-1 of every file (8.4): those without are left out. */
static bool file_fits(const struct frame_file *file)
{
    return g_str_equal(file->type, "file") && file->sha1 != NULL && strlen(file->sha1) == 40;
}

static void checksum(struct json_writer *w, const char *algorithm, const char *value)
{
    jw_object_begin(w, NULL);
    jw_string(w, "algorithm", algorithm);
    jw_string(w, "checksumValue", value);
    jw_object_end(w);
}

static void relationship(struct json_writer *w, const char *from, const char *type, const char *to)
{
    jw_object_begin(w, NULL);
    bool before = jw_set_compact(w, true);
    jw_string(w, "spdxElementId", from);
    jw_string(w, "relationshipType", type);
    jw_string(w, "relatedSpdxElement", to);
    jw_object_end(w);
    (void)jw_set_compact(w, before);
}

static bool write_file(const struct frame_file *file, void *user)
{
    struct file_writer *f = user;
    struct json_writer *w = f->w;
    if (!file_fits(file))
        return true;
    g_autofree char *id = part_id("File", f->target, f->system, ++f->number);
    if (f->relationships) {
        g_autofree char *system = part_id("System", f->target, f->system, 0);
        relationship(w, system, "CONTAINS", id);
        return !w->failed;
    }
    g_autofree char *name = g_strconcat(".", file->path, NULL); /* relative, 8.1 */
    jw_object_begin(w, NULL);
    jw_string(w, "SPDXID", id);
    jw_string(w, "fileName", name);
    jw_array_begin(w, "checksums");
    checksum(w, "SHA1", file->sha1);
    if (file->sha256 != NULL)
        checksum(w, "SHA256", file->sha256);
    jw_array_end(w);
    jw_string(w, "licenseConcluded", "NOASSERTION");
    jw_string(w, "copyrightText", "NOASSERTION");
    jw_object_end(w);
    return !w->failed;
}

static bool each_file(struct writer *s, size_t t, guint i, bool relationships, GError **error)
{
    const struct frame_system *system = g_ptr_array_index(s->bom->targets[t].frame->systems, i);
    struct file_writer f = { .w = &s->w, .target = t, .system = i, .relationships = relationships };
    return system->files == NULL || frame_files_each(system->files, write_file, &f, error);
}

static bool files(struct writer *s, GError **error)
{
    bool ok = true, any = false;
    for (size_t t = 0; t < s->bom->target_count; t++) {
        const GPtrArray *systems = s->bom->targets[t].frame->systems;
        for (guint i = 0; i < systems->len; i++)
            any |= ((const struct frame_system *)g_ptr_array_index(systems, i))->files != NULL;
    }
    if (!any)
        return true;
    jw_array_begin(&s->w, "files");
    for (size_t t = 0; t < s->bom->target_count; t++) {
        for (guint i = 0; i < s->bom->targets[t].frame->systems->len && ok; i++)
            ok = each_file(s, t, i, false, error);
    }
    jw_array_end(&s->w);
    return ok;
}

static bool relationships(struct writer *s, GError **error)
{
    struct json_writer *w = &s->w;
    bool ok = true;
    jw_array_begin(w, "relationships");
    for (size_t t = 0; t < s->bom->target_count; t++) {
        const struct frame *f = s->bom->targets[t].frame;
        g_autofree char *target = target_id(t);
        relationship(w, "SPDXRef-DOCUMENT", "DESCRIBES", target);
        for (guint i = 0; i < f->systems->len && ok; i++) {
            const struct frame_system *system = g_ptr_array_index(f->systems, i);
            g_autofree char *id = part_id("System", t, i, 0);
            relationship(w, target, "CONTAINS", id);
            for (guint k = 0; k < system->records[FRAME_PACKAGE]->len; k++) {
                g_autofree char *package = part_id("Package", t, i, (uint64_t)k + 1);
                relationship(w, id, "CONTAINS", package);
            }
            ok = each_file(s, t, i, true, error);
        }
    }
    jw_array_end(w);
    return ok;
}

/* --- the document -------------------------------------------------------------------------------
 */

static void annotations(struct writer *s, const char *time, const char *tool)
{
    jw_array_begin(&s->w, "annotations");
    for (size_t t = 0; t < s->bom->target_count; t++) {
        const GPtrArray *coverage = s->bom->targets[t].coverage;
        for (guint i = 0; i < coverage->len; i++) {
            const struct frame_coverage *c = g_ptr_array_index(coverage, i);
            if (c->state == COVERAGE_READ)
                continue;
            g_autofree char *text = bom_coverage_text(c);
            g_autofree char *comment =
                g_strdup_printf("coverage of %s: %s", s->bom->targets[t].frame->target, text);
            jw_object_begin(&s->w, NULL);
            jw_string(&s->w, "annotationDate", time);
            jw_string(&s->w, "annotationType", "OTHER");
            jw_string(&s->w, "annotator", tool);
            jw_string(&s->w, "comment", comment);
            jw_object_end(&s->w);
        }
    }
    jw_array_end(&s->w);
}

bool bom_write_spdx(const struct bom *b, FILE *out, GError **error)
{
    struct writer s = { .bom = b };
    const struct frame *first = b->targets[0].frame;
    g_autofree char *uuid = bom_uuid(b, "spdx", error);
    if (uuid == NULL)
        return false;
    g_autofree char *space = g_strdup_printf("https://spdx.org/spdxdocs/assay-%s", uuid);
    g_autofree char *time = text_time(first->created);
    g_autofree char *tool = g_strdup_printf("Tool: assay-%s", first->version);
    jw_init(&s.w, out, false);
    jw_object_begin(&s.w, NULL);
    jw_string(&s.w, "spdxVersion", "SPDX-2.3");
    jw_string(&s.w, "dataLicense", "CC0-1.0");
    jw_string(&s.w, "SPDXID", "SPDXRef-DOCUMENT");
    jw_string(&s.w, "name", first->target);
    jw_string(&s.w, "documentNamespace", space);
    jw_object_begin(&s.w, "creationInfo");
    jw_string(&s.w, "created", time);
    jw_array_begin(&s.w, "creators");
    jw_string(&s.w, NULL, tool);
    jw_array_end(&s.w);
    jw_object_end(&s.w);
    annotations(&s, time, tool);
    packages(&s);
    bool ok = files(&s, error) && relationships(&s, error);
    jw_object_end(&s.w);
    return jw_finish(&s.w, ok ? error : NULL) && ok;
}

static bool spdx_write(const struct frame *f, FILE *out, GError **error)
{
    const struct bom_target target = { f, f->coverage };
    return bom_write_spdx(&(struct bom){ .targets = &target, .target_count = 1 }, out, error);
}

const struct frame_format frame_format_spdx = {
    .name = "spdx",
    .description = "SPDX 2.3, JSON",
    .media_type = "application/spdx+json",
    .write = spdx_write,
};
