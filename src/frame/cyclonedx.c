/* CycloneDX 1.6 JSON (ECMA-424). One target is the subject of the document, its operating systems
 * and their packages are components; dependencies say what belongs to what. */
#include <string.h>

#include "base/text.h"
#include "frame/bom.h"
#include "frame/formats.h"
#include "frame/forms.h"

struct writer {
    struct json_writer w;
    const struct bom *bom;
    GHashTable *refs;   /* record -> bom-ref */
    GHashTable *counts; /* bom-ref -> how often it was asked for */
};

static void property(struct json_writer *w, const char *name, const char *value)
{
    if (value == NULL)
        return;
    jw_object_begin(w, NULL);
    jw_string(w, "name", name);
    jw_string(w, "value", value);
    jw_object_end(w);
}

static void property_u64(struct json_writer *w, const char *name, uint64_t value)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);
    property(w, name, text);
}

/* --- references ---------------------------------------------------------------------------------
 */

/* Makes a reference unique and remembers it for the record. Returns it; owned by the table. */
static const char *ref_add(struct writer *c, const void *record, const char *wanted)
{
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(c->counts, wanted)) + 1;
    (void)g_hash_table_insert(c->counts, g_strdup(wanted), GUINT_TO_POINTER(n));
    char *ref = n == 1 ? g_strdup(wanted) : g_strdup_printf("%s#%u", wanted, n);
    (void)g_hash_table_insert(c->refs, (gpointer)record, ref);
    return ref;
}

static const char *ref_of(const struct writer *c, const void *record)
{
    return g_hash_table_lookup(c->refs, record);
}

static void refs_make(struct writer *c)
{
    for (size_t i = 0; i < c->bom->target_count; i++) {
        const struct frame *f = c->bom->targets[i].frame;
        g_autofree char *target = g_strdup_printf("target-%zu", i + 1);
        (void)ref_add(c, f, target);
        for (guint k = 0; k < f->systems->len; k++) {
            const struct frame_system *s = g_ptr_array_index(f->systems, k);
            g_autofree char *wanted = g_strdup_printf("%s/%s", target, s->os->root);
            const char *system = ref_add(c, s->os, wanted);
            const GPtrArray *packages = s->records[FRAME_PACKAGE];
            for (guint p = 0; p < packages->len; p++) {
                const struct frame_package *package = g_ptr_array_index(packages, p);
                g_autofree char *purl = frame_purl(s->os, package);
                g_autofree char *ref = g_strdup_printf("%s/%s", system, purl);
                (void)ref_add(c, package, ref);
            }
        }
    }
}

/* --- components ---------------------------------------------------------------------------------
 */

static void target_component(struct writer *c, const char *key, const struct bom_target *t)
{
    jw_object_begin(&c->w, key);
    jw_string(&c->w, "type", "device");
    jw_string(&c->w, "bom-ref", ref_of(c, t->frame));
    jw_string(&c->w, "name", t->frame->target);
    jw_object_end(&c->w);
}

static void os_component(struct writer *c, const struct frame_system *s)
{
    const struct frame_os *os = s->os;
    const GPtrArray *kernels = s->records[FRAME_KERNEL];
    struct json_writer *w = &c->w;
    jw_object_begin(w, NULL);
    jw_string(w, "type", "operating-system");
    jw_string(w, "bom-ref", ref_of(c, os));
    jw_string(w, "name", os->id != NULL ? os->id : os->name != NULL ? os->name : "unknown");
    jw_string_opt(w, "version", os->version_id);
    jw_string_opt(w, "description", os->pretty_name != NULL ? os->pretty_name : os->name);
    jw_array_begin(w, "properties");
    property(w, "assay:os:root", os->root);
    property(w, "assay:os:architecture", os->architecture);
    property(w, "assay:os:build_id", os->build_id);
    property(w, "assay:os:codename", os->codename);
    property(w, "assay:os:cpe", os->cpe);
    property(w, "assay:os:hostname", os->hostname);
    property(w, "assay:os:point_release", os->point_release);
    property(w, "assay:os:recovery", os->recovery);
    for (guint i = 0; i < kernels->len; i++)
        property(w, "assay:os:kernel",
                 ((const struct frame_kernel *)g_ptr_array_index(kernels, i))->version);
    jw_array_end(w);
    jw_object_end(w);
}

static void package_component(struct writer *c, const struct frame_os *os,
                              const struct frame_package *p)
{
    g_autofree char *purl = frame_purl(os, p);
    struct json_writer *w = &c->w;
    jw_object_begin(w, NULL);
    jw_string(w, "type", "library");
    jw_string(w, "bom-ref", ref_of(c, p));
    if (p->vendor != NULL) {
        jw_object_begin(w, "supplier");
        jw_string(w, "name", p->vendor);
        jw_object_end(w);
    }
    jw_string(w, "name", p->name);
    jw_string(w, "version", p->version);
    if (p->license != NULL) {
        /* What packages say is not always an SPDX expression: a name makes no such claim. */
        jw_array_begin(w, "licenses");
        jw_object_begin(w, NULL);
        jw_object_begin(w, "license");
        jw_string(w, "name", p->license);
        jw_object_end(w);
        jw_object_end(w);
        jw_array_end(w);
    }
    jw_string(w, "purl", purl);
    if (p->path != NULL) {
        jw_object_begin(w, "evidence");
        jw_array_begin(w, "occurrences");
        jw_object_begin(w, NULL);
        jw_string(w, "location", p->path);
        jw_object_end(w);
        jw_array_end(w);
        jw_object_end(w);
    }
    jw_array_begin(w, "properties");
    property(w, "assay:package:source", p->source);
    property(w, "assay:package:source_version", p->source_version);
    property(w, "assay:package:source_rpm", p->source_rpm);
    property(w, "assay:package:module", p->module);
    property(w, "assay:package:origin", p->origin);
    property(w, "assay:package:signature", p->signature);
    if (p->size > 0)
        property_u64(w, "assay:package:size", p->size);
    jw_array_end(w);
    jw_object_end(w);
}

struct file_writer {
    struct writer *c;
    const char *system;
    uint64_t number;
};

/* The schema allows no other characters, as "^[-+a-z0-9.]+/[-+a-z0-9.]+$" says. */
static bool media_type_fits(const char *s)
{
    static const char allowed[] = "-+.abcdefghijklmnopqrstuvwxyz0123456789";
    size_t n = strspn(s, allowed);
    if (n == 0 || s[n] != '/')
        return false;
    s += n + 1;
    n = strspn(s, allowed);
    return n > 0 && s[n] == '\0';
}

static void file_hash(struct json_writer *w, const char *algorithm, const char *hex, size_t len)
{
    if (hex == NULL || strlen(hex) != len || strspn(hex, "0123456789abcdef") != len)
        return;
    jw_object_begin(w, NULL);
    jw_string(w, "alg", algorithm);
    jw_string(w, "content", hex);
    jw_object_end(w);
}

static bool file_component(const struct frame_file *file, void *user)
{
    struct file_writer *f = user;
    struct json_writer *w = &f->c->w;
    if (!g_str_equal(file->type, "file"))
        return true;
    g_autofree char *ref = g_strdup_printf("%s/file-%" G_GUINT64_FORMAT, f->system, ++f->number);
    jw_object_begin(w, NULL);
    jw_string(w, "type", "file");
    if (file->media_type != NULL && media_type_fits(file->media_type))
        jw_string(w, "mime-type", file->media_type);
    jw_string(w, "bom-ref", ref);
    jw_string(w, "name", file->path);
    if (file->sha1 != NULL || file->sha256 != NULL) {
        jw_array_begin(w, "hashes");
        file_hash(w, "SHA-1", file->sha1, 40);
        file_hash(w, "SHA-256", file->sha256, 64);
        jw_array_end(w);
    }
    jw_array_begin(w, "properties");
    property_u64(w, "assay:file:size", file->size);
    property(w, "assay:file:fault", file->fault);
    jw_array_end(w);
    jw_object_end(w);
    return !w->failed;
}

static bool components(struct writer *c, GError **error)
{
    bool ok = true;
    jw_array_begin(&c->w, "components");
    for (size_t i = 0; i < c->bom->target_count && ok; i++) {
        const struct bom_target *t = &c->bom->targets[i];
        if (c->bom->target_count > 1)
            target_component(c, NULL, t);
        for (guint k = 0; k < t->frame->systems->len && ok; k++) {
            const struct frame_system *s = g_ptr_array_index(t->frame->systems, k);
            const GPtrArray *packages = s->records[FRAME_PACKAGE];
            struct file_writer f = { .c = c, .system = ref_of(c, s->os) };
            os_component(c, s);
            for (guint p = 0; p < packages->len; p++)
                package_component(c, s->os, g_ptr_array_index(packages, p));
            ok = s->files == NULL || frame_files_each(s->files, file_component, &f, error);
        }
    }
    jw_array_end(&c->w);
    return ok;
}

/* --- the rest -----------------------------------------------------------------------------------
 */

static void dependencies(struct writer *c)
{
    struct json_writer *w = &c->w;
    jw_array_begin(w, "dependencies");
    for (size_t i = 0; i < c->bom->target_count; i++) {
        const struct frame *f = c->bom->targets[i].frame;
        jw_object_begin(w, NULL);
        jw_string(w, "ref", ref_of(c, f));
        jw_array_begin(w, "dependsOn");
        for (guint k = 0; k < f->systems->len; k++)
            jw_string(w, NULL,
                      ref_of(c, ((struct frame_system *)g_ptr_array_index(f->systems, k))->os));
        jw_array_end(w);
        jw_object_end(w);
        for (guint k = 0; k < f->systems->len; k++) {
            const struct frame_system *s = g_ptr_array_index(f->systems, k);
            const GPtrArray *packages = s->records[FRAME_PACKAGE];
            jw_object_begin(w, NULL);
            jw_string(w, "ref", ref_of(c, s->os));
            jw_array_begin(w, "dependsOn");
            for (guint p = 0; p < packages->len; p++)
                jw_string(w, NULL, ref_of(c, g_ptr_array_index(packages, p)));
            jw_array_end(w);
            jw_object_end(w);
        }
    }
    jw_array_end(w);
}

/* Which lists of packages have gaps; of the others we do not claim to know all software. */
static void compositions(struct writer *c)
{
    struct json_writer *w = &c->w;
    jw_array_begin(w, "compositions");
    for (size_t i = 0; i < c->bom->target_count; i++) {
        const struct bom_target *t = &c->bom->targets[i];
        jw_object_begin(w, NULL);
        jw_string(w, "aggregate", bom_incomplete(t) ? "incomplete" : "unknown");
        jw_array_begin(w, "assemblies");
        jw_string(w, NULL, ref_of(c, t->frame));
        jw_array_end(w);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void metadata(struct writer *c)
{
    const struct bom *b = c->bom;
    struct json_writer *w = &c->w;
    g_autofree char *time = text_time(b->targets[0].frame->created);
    jw_object_begin(w, "metadata");
    jw_string(w, "timestamp", time);
    jw_object_begin(w, "tools");
    jw_array_begin(w, "components");
    jw_object_begin(w, NULL);
    jw_string(w, "type", "application");
    jw_string(w, "name", "assay");
    jw_string(w, "version", b->targets[0].frame->version);
    jw_object_end(w);
    jw_array_end(w);
    jw_object_end(w);
    if (b->target_count == 1)
        target_component(c, "component", &b->targets[0]);
    jw_array_begin(w, "properties");
    for (size_t i = 0; i < b->target_count; i++) {
        const struct bom_target *t = &b->targets[i];
        property(w, "assay:coverage:state", bom_incomplete(t) ? "incomplete" : "complete");
        for (guint k = 0; k < t->coverage->len; k++) {
            g_autofree char *text = bom_coverage_text(g_ptr_array_index(t->coverage, k));
            property(w, "assay:coverage", text);
        }
    }
    jw_array_end(w);
    jw_object_end(w);
}

bool bom_write_cyclonedx(const struct bom *b, FILE *out, GError **error)
{
    struct writer c = { .bom = b };
    g_autofree char *uuid = bom_uuid(b, "cyclonedx", error);
    if (uuid == NULL)
        return false;
    g_autofree char *serial = g_strdup_printf("urn:uuid:%s", uuid);
    c.refs = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    c.counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    refs_make(&c);
    jw_init(&c.w, out, false);
    jw_object_begin(&c.w, NULL);
    jw_string(&c.w, "$schema", "http://cyclonedx.org/schema/bom-1.6.schema.json");
    jw_string(&c.w, "bomFormat", "CycloneDX");
    jw_string(&c.w, "specVersion", "1.6");
    jw_string(&c.w, "serialNumber", serial);
    jw_u64(&c.w, "version", 1);
    metadata(&c);
    bool ok = components(&c, error);
    dependencies(&c);
    compositions(&c);
    if (b->add_members != NULL)
        b->add_members(&c.w, c.refs, b->user);
    jw_object_end(&c.w);
    ok = jw_finish(&c.w, ok ? error : NULL) && ok;
    g_hash_table_destroy(c.refs);
    g_hash_table_destroy(c.counts);
    return ok;
}

static bool cyclonedx_write(const struct frame *f, FILE *out, GError **error)
{
    const struct bom_target target = { f, f->coverage };
    return bom_write_cyclonedx(&(struct bom){ .targets = &target, .target_count = 1 }, out, error);
}

const struct frame_format frame_format_cyclonedx = {
    .name = "cyclonedx",
    .description = "CycloneDX 1.6, JSON",
    .media_type = "application/vnd.cyclonedx+json; version=1.6",
    .write = cyclonedx_write,
};
