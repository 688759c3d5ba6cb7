/* Which operating system this is: os-release(5) first, then the files of systems older than it. */
#include <string.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "inspect/analyzers.h"
#include "inspect/os_release.h"

/* The first line of a small file, trimmed; NULL when there is no such file or it is empty. Other
 * trouble is coverage. */
static char *read_line(struct inspection *in, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = root_read(in->root, path, LIMIT_SMALL_FILE, &error);
    if (bytes == NULL) {
        if (!g_error_matches(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
            inspection_cover_error(in, "file", path, false, g_steal_pointer(&error));
        return NULL;
    }
    const char *text = g_bytes_get_data(bytes, NULL), *line;
    size_t len;
    if (!text_next_line(&text, text + g_bytes_get_size(bytes), &line, &len))
        return NULL;
    char *trimmed = g_strstrip(g_strndup(line, len));
    if (*trimmed == '\0')
        g_clear_pointer(&trimmed, g_free);
    return trimmed;
}

static const char *keep(struct inspection *in, const char *s)
{
    return s != NULL && *s != '\0' ? arena_strdup(in->arena, s) : NULL;
}

/* Like keep(), and frees. */
static const char *keep_taken(struct inspection *in, char *s)
{
    const char *kept = keep(in, s);
    g_free(s);
    return kept;
}

static const char *const *keep_words(struct inspection *in, const char *words)
{
    if (words == NULL || *words == '\0')
        return NULL;
    g_auto(GStrv) parts = g_strsplit_set(words, " \t", -1);
    size_t n = 0;
    const char **list = arena_alloc(in->arena, sizeof *list * (g_strv_length(parts) + 1));
    if (list == NULL)
        return NULL;
    for (char **p = parts; *p != NULL; p++) {
        if (**p != '\0')
            list[n++] = keep(in, *p);
    }
    list[n] = NULL;
    return list;
}

static void from_os_release(struct inspection *in, GHashTable *v)
{
    struct frame_os *os = &in->os;
    const char *end = g_hash_table_lookup(v, "SUPPORT_END");
    os->id = keep(in, g_hash_table_lookup(v, "ID"));
    os->id_like = keep_words(in, g_hash_table_lookup(v, "ID_LIKE"));
    os->name = keep(in, g_hash_table_lookup(v, "NAME"));
    os->pretty_name = keep(in, g_hash_table_lookup(v, "PRETTY_NAME"));
    os->version = keep(in, g_hash_table_lookup(v, "VERSION"));
    os->version_id = keep(in, g_hash_table_lookup(v, "VERSION_ID"));
    os->codename = keep(in, g_hash_table_lookup(v, "VERSION_CODENAME"));
    os->variant_id = keep(in, g_hash_table_lookup(v, "VARIANT_ID"));
    os->cpe = keep(in, g_hash_table_lookup(v, "CPE_NAME"));
    os->build_id = keep(in, g_hash_table_lookup(v, "BUILD_ID"));
    if (end != NULL && !text_parse_time(end, &os->support_end))
        os->support_end = 0;
}

static bool read_os_release(struct inspection *in)
{
    static const char *const paths[] = { "/etc/os-release", "/usr/lib/os-release",
                                         "/etc/initrd-release" };
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) bytes = root_read(in->root, paths[i], LIMIT_SMALL_FILE, &error);
        if (bytes == NULL) {
            if (!g_error_matches(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
                inspection_cover_error(in, "file", paths[i], false, g_steal_pointer(&error));
            continue;
        }
        g_autoptr(GHashTable) values =
            os_release_parse(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
        if (g_hash_table_size(values) > 0) {
            from_os_release(in, values);
            return true;
        }
    }
    return false;
}

/* Systems from before os-release: RHEL 5 and 6 and their rebuilds, Amazon Linux 1, SLES 11. */
static bool read_release_line(struct inspection *in)
{
    static const char *const paths[] = { "/etc/centos-release", "/etc/oracle-release",
                                         "/etc/system-release", "/etc/redhat-release",
                                         "/etc/SuSE-release",   "/etc/photon-release" };
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *line = read_line(in, paths[i]);
        char *id, *version, *codename;
        if (line == NULL || !release_line_parse(line, &id, &version, &codename))
            continue;
        in->os.pretty_name = keep(in, line);
        in->os.id = keep_taken(in, id);
        in->os.version_id = keep_taken(in, version);
        in->os.codename = keep_taken(in, codename);
        return true;
    }
    return false;
}

static void read_lsb_release(struct inspection *in)
{
    g_autoptr(GBytes) bytes = root_read(in->root, "/etc/lsb-release", LIMIT_SMALL_FILE, NULL);
    if (bytes == NULL)
        return;
    g_autoptr(GHashTable) v =
        os_release_parse(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    const char *id = g_hash_table_lookup(v, "DISTRIB_ID");
    if (id == NULL)
        return;
    in->os.id = keep_taken(in, g_ascii_strdown(id, -1));
    in->os.version_id = keep(in, g_hash_table_lookup(v, "DISTRIB_RELEASE"));
    in->os.codename = keep(in, g_hash_table_lookup(v, "DISTRIB_CODENAME"));
    in->os.pretty_name = keep(in, g_hash_table_lookup(v, "DISTRIB_DESCRIPTION"));
}

/* Files whose one line is the release, and whose presence says which distribution. */
static void read_single_files(struct inspection *in)
{
    static const struct {
        const char *path, *id;
    } files[] = { { "/etc/debian_version", "debian" },
                  { "/etc/alpine-release", "alpine" },
                  { "/etc/arch-release", "arch" } };
    for (size_t i = 0; i < G_N_ELEMENTS(files) && in->os.id == NULL; i++) {
        if (!root_exists(in->root, files[i].path))
            continue;
        in->os.id = files[i].id;
        if (i < 2)
            in->os.version_id = keep_taken(in, read_line(in, files[i].path));
    }
}

/* What is more exact than os-release's version: "12.4", "8.10". */
static void read_point_release(struct inspection *in)
{
    g_autofree char *debian = read_line(in, "/etc/debian_version");
    char *id, *version, *codename;
    if (debian != NULL) {
        in->os.point_release = keep(in, debian);
        return;
    }
    g_autofree char *line = read_line(in, "/etc/redhat-release");
    if (line != NULL && release_line_parse(line, &id, &version, &codename)) {
        in->os.point_release = keep_taken(in, version);
        g_free(id);
        g_free(codename);
    }
}

struct machine {
    uint16_t number; /* e_machine of the ELF header */
    const char *debian, *other;
};

/* System V ABI, "ELF Header". Names as dpkg and as rpm, apk and pacman say them. */
static const struct machine machines[] = {
    { 62, "amd64", "x86_64" },     { 3, "i386", "i686" },
    { 183, "arm64", "aarch64" },   { 40, "armhf", "armv7hl" },
    { 21, "ppc64el", "ppc64le" },  { 22, "s390x", "s390x" },
    { 243, "riscv64", "riscv64" }, { 258, "loong64", "loongarch64" },
    { 8, "mips64el", "mips64el" },
};

static const char *architecture(struct inspection *in)
{
    static const char *const programs[] = { "/bin/sh", "/usr/bin/env", "/sbin/init", "/bin/busybox",
                                            "/usr/lib/systemd/systemd" };
    bool debian = root_exists(in->root, "/var/lib/dpkg");
    for (size_t i = 0; i < G_N_ELEMENTS(programs); i++) {
        root_place_auto place = { 0 };
        uint8_t head[20];
        size_t got;
        uint16_t number;
        if (!root_resolve(in->root, programs[i], true, &place, NULL))
            continue;
        g_autoptr(tree_file) file = tree_file_open(place.tree, place.node, NULL);
        if (file == NULL || !tree_file_read(file, 0, head, sizeof head, &got, NULL) ||
            got < sizeof head || memcmp(head, "\177ELF", 4) != 0)
            continue;
        const struct cursor c = cursor_of(head, sizeof head);
        if (head[5] == 2 ? !rd_be16_at(&c, 18, &number) : !rd_le16_at(&c, 18, &number))
            continue;
        for (size_t k = 0; k < G_N_ELEMENTS(machines); k++) {
            if (machines[k].number == number)
                return debian ? machines[k].debian : machines[k].other;
        }
    }
    return NULL;
}

static const char *worst_recovery(const struct root *r)
{
    enum tree_recovery worst = TREE_RECOVERY_NONE;
    for (unsigned i = 0; i < r->mounts->len; i++) {
        const struct root_mount *m = g_ptr_array_index(r->mounts, i);
        if (m->fs != NULL && m->fs->tree->recovery > worst)
            worst = m->fs->tree->recovery;
    }
    return tree_recovery_name(worst);
}

static void run(struct inspection *in)
{
    in->os.root = in->root->name;
    if (!read_os_release(in) && !read_release_line(in)) {
        read_lsb_release(in);
        read_single_files(in);
    }
    read_point_release(in);
    in->os.architecture = architecture(in);
    in->os.recovery = worst_recovery(in->root);
    in->os.hostname = keep_taken(in, read_line(in, "/etc/hostname"));
    in->os.machine_id = keep_taken(in, read_line(in, "/etc/machine-id"));
    inspection_emit(in, FRAME_OS, &in->os);
    if (in->os.id == NULL)
        inspection_cover(in, "system", in->root->name, COVERAGE_PARTIAL,
                         assay_error_name(ASSAY_ERROR_NOT_FOUND),
                         "which distribution and release this is could not be told");
}

const struct analyzer analyze_os = {
    .name = "os",
    .description = "distribution, release, architecture",
    .run = run,
};
