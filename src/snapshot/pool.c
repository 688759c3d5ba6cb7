#include "snapshot/pool.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* What is known of the filesystem that a path lies on. */
struct mounted {
    char *point, *device, *type, *source;
};

static void mounted_clear(struct mounted *m)
{
    g_clear_pointer(&m->point, g_free);
    g_clear_pointer(&m->device, g_free);
    g_clear_pointer(&m->type, g_free);
    g_clear_pointer(&m->source, g_free);
}
typedef struct mounted mounted;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(mounted, mounted_clear)

/* proc_pid_mountinfo(5): "36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw": the
 * third field is the device, the fifth where it is mounted, with octal escapes; behind " - " follow
 * type and source. */
static bool read_line(char *line, struct mounted *out)
{
    char *rest = strstr(line, " - ");
    if (rest == NULL)
        return false;
    *rest = '\0';
    g_auto(GStrv) mount = g_strsplit(line, " ", 6), what = g_strsplit(rest + 3, " ", 3);
    if (g_strv_length(mount) < 5 || g_strv_length(what) < 2)
        return false;
    *out = (struct mounted){ .point = g_strcompress(mount[4]),
                             .device = g_strdup(mount[2]),
                             .type = g_strdup(what[0]),
                             .source = g_strdup(what[1]) };
    return true;
}

static bool lies_below(const char *path, const char *point)
{
    size_t len = strlen(point);
    return g_str_equal(point, "/") ||
           (strncmp(path, point, len) == 0 && (path[len] == '\0' || path[len] == '/'));
}

/* The longest one; of several at the same place the last one, which hides the others. */
static bool find_mount(const char *mountinfo, const char *path, struct mounted *out)
{
    g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);
    size_t best = 0;
    for (char **line = lines; *line != NULL; line++) {
        g_auto(mounted) m = { 0 };
        if (!read_line(*line, &m) || !lies_below(path, m.point) || strlen(m.point) < best)
            continue;
        best = strlen(m.point);
        mounted_clear(out);
        *out = m;
        m = (struct mounted){ 0 };
    }
    return best > 0;
}

/* The device's own number, of a block device; only filesystems in memory are looked into for it,
 * which cannot keep anybody waiting. */
static bool is_device(const char *path, const char *type, dev_t *number)
{
    struct stat st;
    bool memory = g_str_equal(type, "devtmpfs") || g_str_equal(type, "tmpfs");
    if (!memory || lstat(path, &st) != 0 || !S_ISBLK(st.st_mode))
        return false;
    *number = st.st_rdev;
    return true;
}

char *pool_of_file_in(const char *mountinfo, const char *path)
{
    g_auto(mounted) m = { 0 };
    dev_t number;
    if (!find_mount(mountinfo, path, &m))
        return g_strdup("file");
    if (is_device(path, m.type, &number))
        return g_strdup_printf("file:%u:%u", major(number), minor(number));
    bool network = strchr(m.source, ':') != NULL || g_str_has_prefix(m.source, "//");
    return g_strdup_printf("file:%s", network ? m.source : m.device);
}

char *pool_of_file(const char *path)
{
    g_autofree char *mountinfo = NULL;
    if (!g_file_get_contents("/proc/self/mountinfo", &mountinfo, NULL, NULL))
        return g_strdup("file");
    return pool_of_file_in(mountinfo, path);
}
