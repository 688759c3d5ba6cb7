/* CSV, CycloneDX and SPDX of a frame with everything hostile, parsed back. */
#include <jansson.h>

#include "base/text.h"
#include "frame/formats.h"
#include "report/sample.h"

static char *written(const struct frame *f, const char *format)
{
    char *text = NULL;
    size_t len;
    g_autoptr(GError) error = NULL;
    FILE *out = open_memstream(&text, &len);
    g_assert_true(frame_format_find(format)->write(f, out, &error));
    g_assert_no_error(error);
    (void)fclose(out);
    return text;
}

static json_t *parsed(const char *text, size_t len)
{
    json_error_t e;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (root == NULL)
        g_error("%s at %d:%d of %s", e.text, e.line, e.column, text);
    return root;
}

static const char *string_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* The element of an array whose member has the value; NULL. */
static json_t *find(const json_t *array, const char *key, const char *value)
{
    size_t i;
    json_t *element;
    json_array_foreach(array, i, element) {
        if (g_strcmp0(string_of(element, key), value) == 0)
            return element;
    }
    return NULL;
}

static void test_the_same_frame_gives_the_same_bytes(void)
{
    for (const struct frame_format *const *f = frame_formats; *f != NULL; f++) {
        g_autoptr(frame) a = sample_frame(), b = sample_frame();
        g_autofree char *x = written(a, (*f)->name), *y = written(b, (*f)->name);
        g_assert_cmpstr(x, ==, y);
        b->created++;
        g_autofree char *z = written(b, (*f)->name);
        g_assert_cmpstr(x, !=, z);
    }
}

static void test_a_document_of_other_content_has_another_id(void)
{
    static const char *const formats[] = { "cyclonedx", "spdx" };
    static const char *const members[] = { "serialNumber", "documentNamespace" };
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_autoptr(frame) a = sample_frame(), b = sample_frame();
        const struct frame_user u = { .name = "mallory" };
        g_assert_true(frame_add(b, FRAME_USER, &u, NULL));
        g_autofree char *x = written(a, formats[i]), *y = written(b, formats[i]);
        json_t *r = parsed(x, strlen(x)), *s = parsed(y, strlen(y));
        g_assert_cmpstr(string_of(r, members[i]), !=, string_of(s, members[i]));
        json_decref(r);
        json_decref(s);
    }
}

static void test_csv_lines_have_three_columns(void)
{
    g_autoptr(frame) f = sample_frame();
    g_autofree char *text = written(f, "csv");
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint packages = 0, files = 0, systems = 0, lines_seen = 0;
    for (char **line = lines; **line != '\0'; line++) {
        g_auto(GStrv) columns = g_strsplit(*line, "\t", -1);
        g_assert_cmpuint(g_strv_length(columns), ==, 3);
        json_t *key = parsed(columns[1], strlen(columns[1]));
        json_t *value = parsed(columns[2], strlen(columns[2]));
        g_assert_true(json_is_string(key) && json_is_object(value));
        if (lines_seen++ == 0) {
            g_assert_cmpstr(columns[0], ==, "metadata");
            g_assert_cmpstr(json_string_value(key), ==, "metadata");
            g_assert_cmpstr(string_of(value, "timestamp"), ==, "2026-11-21T04:17:00+0000");
        }
        if (g_str_equal(columns[0], "os") && systems++ == 0) {
            g_assert_cmpstr(json_string_value(key), ==, "linux");
            g_assert_cmpstr(string_of(value, "os"), ==, "debian");
            g_assert_cmpstr(string_of(value, "os_version"), ==, "12");
        }
        packages += g_str_equal(columns[0], "package");
        if (g_str_equal(columns[0], "package") && g_str_equal(json_string_value(key), "libc6") &&
            g_str_equal(string_of(value, "pkgarchitecture"), "amd64"))
            g_assert_cmpstr(string_of(value, "pkgsize"), ==, "12688"); /* KiB, as dpkg says */
        if (g_str_equal(columns[0], "file") && files++ == 1)
            g_assert_cmpint(json_integer_value(json_object_get(value, "mode")), ==, 0120000);
        json_decref(key);
        json_decref(value);
    }
    g_assert_cmpuint(packages, ==, 10);
    g_assert_cmpuint(files, ==, 2);
    g_assert_cmpuint(systems, ==, 2);
}

static void test_csv_versions_of_rpms_have_no_epoch(void)
{
    g_autoptr(frame) f = frame_new("t");
    sample_add(f, FRAME_OS, &(struct frame_os){ .root = "disk0", .id = "rhel" });
    sample_add(f, FRAME_PACKAGE,
               &(struct frame_package){ .type = "rpm", .name = "a", .version = "1:2.3-4" });
    g_autofree char *text = written(f, "csv");
    g_assert_nonnull(strstr(text, "\"pkgversion\":\"2.3-4\""));
}

static void test_cyclonedx_references_resolve(void)
{
    g_autoptr(frame) f = sample_frame();
    g_autofree char *text = written(f, "cyclonedx");
    json_t *root = parsed(text, strlen(text)), *component, *dependency, *on;
    const json_t *components = json_object_get(root, "components");
    const json_t *metadata = json_object_get(root, "metadata");
    g_autoptr(GHashTable) refs = g_hash_table_new(g_str_hash, g_str_equal);
    size_t i, k;
    g_assert_cmpstr(string_of(root, "specVersion"), ==, "1.6");
    g_assert_true(g_str_has_prefix(string_of(root, "serialNumber"), "urn:uuid:"));
    g_hash_table_add(refs, (gpointer)string_of(json_object_get(metadata, "component"), "bom-ref"));
    json_array_foreach(components, i, component)
        g_assert_true(g_hash_table_add(refs, (gpointer)string_of(component, "bom-ref")));
    /* Two systems, ten packages, one file that is a file. */
    g_assert_cmpuint(json_array_size(components), ==, 2 + 10 + 1);
    json_array_foreach(json_object_get(root, "dependencies"), i, dependency) {
        g_assert_true(g_hash_table_contains(refs, string_of(dependency, "ref")));
        json_array_foreach(json_object_get(dependency, "dependsOn"), k, on)
            g_assert_true(g_hash_table_contains(refs, json_string_value(on)));
    }
    const json_t *bash = find(components, "name", "bash");
    g_assert_cmpstr(string_of(bash, "purl"), ==,
                    "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12"
                    "&upstream=bash%405.2.15-2");
    const json_t *file = find(components, "type", "file");
    g_assert_cmpstr(string_of(find(json_object_get(file, "hashes"), "alg", "SHA-1"), "content"), ==,
                    "f572d396fae9206628714fb2ce00f72e94f2258f");
    const json_t *facts = json_object_get(metadata, "properties");
    g_assert_cmpstr(string_of(find(facts, "name", "assay:coverage:state"), "value"), ==,
                    "incomplete");
    g_assert_nonnull(
        find(facts, "value", "unreadable filesystem disk0p2: LUKS encrypted: no key was given"));
    json_decref(root);
}

static void test_spdx_elements_are_related(void)
{
    g_autoptr(frame) f = sample_frame();
    g_autofree char *text = written(f, "spdx");
    json_t *root = parsed(text, strlen(text)), *element;
    const json_t *packages = json_object_get(root, "packages");
    const json_t *files = json_object_get(root, "files");
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
    size_t i;
    g_assert_cmpstr(string_of(root, "spdxVersion"), ==, "SPDX-2.3");
    g_hash_table_add(ids, (gpointer)string_of(root, "SPDXID"));
    json_array_foreach(packages, i, element)
        g_assert_true(g_hash_table_add(ids, (gpointer)string_of(element, "SPDXID")));
    json_array_foreach(files, i, element) {
        g_assert_true(g_hash_table_add(ids, (gpointer)string_of(element, "SPDXID")));
        g_assert_cmpuint(json_array_size(json_object_get(element, "checksums")), ==, 2);
        g_assert_true(g_str_has_prefix(string_of(element, "fileName"), "./etc/"));
    }
    g_assert_cmpuint(json_array_size(packages), ==, 1 + 2 + 10);
    g_assert_cmpuint(json_array_size(files), ==, 1);
    const json_t *relationships = json_object_get(root, "relationships");
    g_assert_cmpuint(json_array_size(relationships), ==, 1 + 2 + 10 + 1);
    json_array_foreach(relationships, i, element) {
        g_assert_true(g_hash_table_contains(ids, string_of(element, "spdxElementId")));
        g_assert_true(g_hash_table_contains(ids, string_of(element, "relatedSpdxElement")));
    }
    const json_t *bash = find(packages, "name", "bash");
    g_assert_cmpstr(string_of(bash, "supplier"), ==,
                    "Organization: Matthias Klose (doko@debian.org)");
    g_assert_cmpuint(json_array_size(json_object_get(root, "annotations")), ==, 6);
    json_decref(root);
}

static void test_a_frame_without_systems_is_a_document_too(void)
{
    g_autoptr(frame) f = frame_new("empty.raw");
    for (const struct frame_format *const *format = frame_formats; *format != NULL; format++) {
        g_autofree char *text = written(f, (*format)->name);
        g_assert_nonnull(strstr(text, "empty.raw"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/forms/the same frame gives the same bytes",
                    test_the_same_frame_gives_the_same_bytes);
    g_test_add_func("/frame/forms/a document of other content has another id",
                    test_a_document_of_other_content_has_another_id);
    g_test_add_func("/frame/forms/a frame without systems is a document too",
                    test_a_frame_without_systems_is_a_document_too);
    g_test_add_func("/frame/csv/lines have three columns", test_csv_lines_have_three_columns);
    g_test_add_func("/frame/csv/versions of RPMs have no epoch",
                    test_csv_versions_of_rpms_have_no_epoch);
    g_test_add_func("/frame/cyclonedx/references resolve", test_cyclonedx_references_resolve);
    g_test_add_func("/frame/spdx/elements are related", test_spdx_elements_are_related);
    return g_test_run();
}
