#include "worker/process.h"

#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"

#define BOOT_ID     "/proc/sys/kernel/random/boot_id"
#define BOOT_DIGITS 8

/* When a process began, in ticks since the host did: proc_pid_stat(5), field 22. */
static bool start_of(uint64_t pid, uint64_t *start)
{
    g_autofree char *path = g_strdup_printf("/proc/%" G_GUINT64_FORMAT "/stat", pid);
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return false;
    /* The second field, a name in parentheses, may hold anything. */
    const char *rest = strrchr(text, ')');
    g_auto(GStrv) fields = g_strsplit(rest != NULL ? rest : "", " ", 22);
    return g_strv_length(fields) > 20 && parse_u64(fields[20], strlen(fields[20]), start);
}

char *process_name_prefix(void)
{
    char space[64] = "";
    g_autofree char *boot = NULL;
    ssize_t len = readlink("/proc/self/ns/pid", space, sizeof space - 1);
    space[MAX(len, 0)] = '\0';
    /* Containers of a host share its boot but not its numbers of processes. "pid:[NUMBER]" */
    g_strdelimit(space, ":[]", '.');
    if (!g_file_get_contents(BOOT_ID, &boot, NULL, NULL))
        boot = g_strdup("");
    g_autofree char *host = g_strdup(g_get_host_name());
    g_strdelimit(host, ":", '_');
    return g_strdup_printf("%s:%.*s%s:", host, BOOT_DIGITS, boot, space + strcspn(space, "."));
}

char *process_name(void)
{
    g_autofree char *prefix = process_name_prefix();
    uint64_t start = 0;
    (void)start_of((uint64_t)getpid(), &start);
    return g_strdup_printf("%s%d:%" G_GUINT64_FORMAT, prefix, (int)getpid(), start);
}

bool process_has_ended(const char *name)
{
    g_auto(GStrv) parts = g_strsplit(name, ":", -1);
    uint64_t pid, start, now;
    if (g_strv_length(parts) != 4 || !parse_u64(parts[2], strlen(parts[2]), &pid) ||
        !parse_u64(parts[3], strlen(parts[3]), &start) || pid == 0 || pid > G_MAXINT)
        return false;
    if (kill((pid_t)pid, 0) != 0)
        return errno == ESRCH;
    return start_of(pid, &now) && now != start;
}
