/* Installed kernels: bootable images and folders of modules, put together by release. Runs after
 * the package analyzers, which say whose they are. */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "inspect/analyzers.h"
#include "inspect/kernel_owner.h"
#include "inspect/linux_image.h"

struct kernel {
    char *release, *path;
    bool has_image, has_modules;
};

struct survey_of_kernels {
    struct inspection *in;
    GHashTable *by_release; /* release -> struct kernel, both owned */
    GPtrArray *names;       /* in there */
};

static void kernel_free(gpointer data)
{
    struct kernel *k = data;
    g_free(k->release);
    g_free(k->path);
    g_free(k);
}

static struct kernel *kernel_of(struct survey_of_kernels *s, const char *release)
{
    struct kernel *k = g_hash_table_lookup(s->by_release, release);
    if (k == NULL) {
        k = g_new0(struct kernel, 1);
        k->release = g_strdup(release);
        g_hash_table_insert(s->by_release, k->release, k);
    }
    return k;
}

static bool collect(const struct tree_entry *entry, void *user)
{
    struct survey_of_kernels *s = user;
    g_ptr_array_add(s->names, g_strndup(entry->name, entry->name_len));
    return s->names->len < LIMIT_KERNEL_ENTRIES;
}

static void cover(struct survey_of_kernels *s, const char *object, GError *error)
{
    inspection_cover_error(s->in, "directory", object, false, error);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in a folder, sorted; a folder that is not there has none. */
static GPtrArray *list_names(struct survey_of_kernels *s, const char *folder)
{
    GError *error = NULL;
    s->names = g_ptr_array_new_with_free_func(g_free);
    if (!root_list(s->in->root, folder, collect, s, &error)) {
        if (g_error_matches(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
            g_error_free(error);
        else
            cover(s, folder, error);
    } else if (s->names->len >= LIMIT_KERNEL_ENTRIES) {
        fail_limit(&error, "more than %u entries", LIMIT_KERNEL_ENTRIES);
        cover(s, folder, error);
    }
    g_ptr_array_sort(s->names, compare_names);
    return s->names;
}

/* --- images -------------------------------------------------------------------------------------
 */

/* What distributions call an image, before the release: most, Red Hat's debug images, arm64 and
 * s390x at SUSE, and others. */
static const char *const image_names[] = { "vmlinuz-", "vmlinux-", "Image-", "image-",
                                           "zImage-",  "bzImage-", "kernel-" };

static const char *release_of_name(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(image_names); i++) {
        if (g_str_has_prefix(name, image_names[i]) && name[strlen(image_names[i])] != '\0')
            return name + strlen(image_names[i]);
    }
    return NULL;
}

/* An image by its path. fallback: its release if the image itself does not tell; NULL: then it is
 * none. */
static void add_image(struct survey_of_kernels *s, const char *path, const char *fallback)
{
    root_place_auto place = { 0 };
    struct tree_stat st;
    if (!root_resolve(s->in->root, path, true, &place, NULL) ||
        !tree_stat(place.tree, place.node, &st, NULL) || !S_ISREG(st.mode))
        return;
    g_autoptr(block) image = tree_file_block(place.tree, place.node, path, NULL);
    g_autofree char *release = image != NULL ? linux_image_release(image) : NULL;
    if (release == NULL && fallback == NULL)
        return;
    struct kernel *k = kernel_of(s, release != NULL ? release : fallback);
    k->has_image = true;
    if (k->path == NULL)
        k->path = g_strdup(path);
}

static void look_in_boot(struct survey_of_kernels *s)
{
    g_autoptr(GPtrArray) names = list_names(s, "/boot");
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i), *release = release_of_name(name);
        g_autofree char *path = g_strconcat("/boot/", name, NULL);
        /* A rescue image is a copy of a kernel, which only the image itself can name. */
        if (release != NULL)
            add_image(s, path, strstr(release, "rescue") != NULL ? NULL : release);
        else if (strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32) {
            /* The boot loader specification's /boot/MACHINE-ID/RELEASE/linux. */
            g_autoptr(GPtrArray) releases = list_names(s, path);
            for (guint r = 0; r < releases->len; r++) {
                const char *entry = g_ptr_array_index(releases, r);
                g_autofree char *image = g_strdup_printf("%s/%s/linux", path, entry);
                add_image(s, image, entry);
            }
        }
    }
}

/* --- modules ------------------------------------------------------------------------------------
 */

/* Folders stay behind when a kernel is removed, with what others have put there. */
static bool holds_modules(struct root *root, const char *folder)
{
    static const char *const signs[] = { "modules.dep", "modules.order", "kernel" };
    for (size_t i = 0; i < G_N_ELEMENTS(signs); i++) {
        g_autofree char *path = g_strdup_printf("%s/%s", folder, signs[i]);
        if (root_exists(root, path))
            return true;
    }
    return false;
}

/* Arch Linux leaves the package's name there. */
static void read_pkgbase(struct survey_of_kernels *s, const char *folder, const char *release)
{
    g_autofree char *path = g_strconcat(folder, "/pkgbase", NULL);
    g_autoptr(GBytes) text = root_read(s->in->root, path, LIMIT_PATH, NULL);
    if (text == NULL || g_bytes_get_size(text) == 0)
        return;
    g_autofree char *name = g_strndup(g_bytes_get_data(text, NULL), g_bytes_get_size(text));
    kernel_owner_add(s->in, release, g_strstrip(name));
}

static void look_in_modules(struct survey_of_kernels *s, const char *modules)
{
    g_autoptr(GPtrArray) names = list_names(s, modules);
    for (guint i = 0; i < names->len; i++) {
        const char *release = g_ptr_array_index(names, i);
        g_autofree char *folder = g_strdup_printf("%s/%s", modules, release);
        g_autofree char *image = g_strconcat(folder, "/vmlinuz", NULL);
        add_image(s, image, release);
        if (!holds_modules(s->in->root, folder))
            continue;
        struct kernel *k = kernel_of(s, release);
        k->has_modules = true;
        if (k->path == NULL)
            k->path = g_strdup(folder);
        read_pkgbase(s, folder, release);
    }
}

/* --- packages -----------------------------------------------------------------------------------
 */

/* Debian and Ubuntu put the release into the package's name. */
static char *debian_package(struct root *root, const char *release)
{
    static const char *const names[] = { "linux-image-%s", "linux-image-unsigned-%s",
                                         "linux-image-%s-unsigned", "linux-modules-%s" };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GString) name = g_string_new(names[i]);
        g_string_replace(name, "%s", release, 1);
        g_autofree char *list = g_strdup_printf("/var/lib/dpkg/info/%s.list", name->str);
        if (root_exists(root, list))
            return g_strdup(name->str);
    }
    return NULL;
}

static void emit(struct survey_of_kernels *s)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, s->by_release);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct kernel *k = value;
        const char *owner = kernel_owner_find(s->in, k->release);
        g_autofree char *debian = owner == NULL ? debian_package(s->in->root, k->release) : NULL;
        const struct frame_kernel out = { .version = k->release,
                                          .path = k->path,
                                          .package = owner != NULL ? owner : debian,
                                          .has_modules = k->has_modules,
                                          .has_image = k->has_image };
        inspection_emit(s->in, FRAME_KERNEL, &out);
    }
}

static void run(struct inspection *in)
{
    struct survey_of_kernels s = {
        .in = in,
        .by_release = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, kernel_free),
    };
    look_in_boot(&s);
    look_in_modules(&s, "/lib/modules");
    look_in_modules(&s, "/usr/lib/modules");
    emit(&s);
    g_hash_table_unref(s.by_release);
}

const struct analyzer analyze_kernel = {
    .name = "kernel",
    .description = "installed kernels and their modules",
    .run = run,
};
