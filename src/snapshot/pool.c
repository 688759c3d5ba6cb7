#include "snapshot/pool.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* proc_pid_mountinfo(5): "36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw": the
 * third field is the device, the second one behind " - " the source. */
static char *source_of(char *line, const char *device)
{
    char *rest = strstr(line, " - ");
    if (rest == NULL)
        return NULL;
    *rest = '\0';
    g_auto(GStrv) mount = g_strsplit(line, " ", 4), what = g_strsplit(rest + 3, " ", 3);
    bool found =
        g_strv_length(mount) >= 3 && g_str_equal(mount[2], device) && g_strv_length(what) >= 2;
    return found ? g_strdup(what[1]) : NULL;
}

static char *mounted_source(const char *device)
{
    g_autofree char *all = NULL;
    char *source = NULL;
    if (!g_file_get_contents("/proc/self/mountinfo", &all, NULL, NULL))
        return NULL;
    g_auto(GStrv) lines = g_strsplit(all, "\n", -1);
    for (char **line = lines; *line != NULL && source == NULL; line++)
        source = source_of(*line, device);
    return source;
}

char *pool_of_file(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return g_strdup("file");
    dev_t number = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
    g_autofree char *device = g_strdup_printf("%u:%u", major(number), minor(number));
    g_autofree char *source = mounted_source(device);
    bool network =
        source != NULL && (strchr(source, ':') != NULL || g_str_has_prefix(source, "//"));
    return g_strdup_printf("file:%s", network ? source : device);
}
