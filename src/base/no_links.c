/* One part at a time, each with O_NOFOLLOW: works on every kernel, and wherever a filter of system
 * calls does not know openat2(). */
#include "base/no_links.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/autoclose.h"
#include "base/error.h"

/* The part of a path that begins at *pos, of *len bytes; *pos moves behind it and its '/'. */
static bool next_part(const char **pos, const char **part, size_t *len)
{
    if (**pos == '\0')
        return false;
    *part = *pos;
    *len = strcspn(*pos, "/");
    *pos += *len + ((*pos)[*len] == '/' ? 1 : 0);
    return true;
}

bool path_is_plain(const char *path, GError **error)
{
    const char *pos = path + 1, *part;
    size_t len, all = strlen(path);
    if (path[0] != '/')
        return fail(error, ASSAY_ERROR_INVALID, "%s: not an absolute path", path);
    if (all >= PATH_MAX)
        return fail(error, ASSAY_ERROR_INVALID, "a path of %zu bytes is too long", all);
    if (path[all - 1] == '/')
        return fail(error, ASSAY_ERROR_INVALID, "%s: ends with a slash", path);
    while (next_part(&pos, &part, &len)) {
        if (len == 0 || (len == 1 && part[0] == '.') || (len == 2 && memcmp(part, "..", 2) == 0))
            return fail(error, ASSAY_ERROR_INVALID, "%s: has an empty, '.' or '..' part", path);
        if (len > NAME_MAX)
            return fail(error, ASSAY_ERROR_INVALID, "%s: a part is too long", path);
    }
    return true;
}

const char *path_last_part(const char *path)
{
    return strrchr(path, '/') + 1;
}

static bool is_link(int folder, const char *name)
{
    struct stat st;
    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* Why name could not be opened in folder; path up to name's end is what is told. */
static void tell_failure(int folder, const char *name, const char *path, size_t len, int errnum,
                         GError **error)
{
    if ((errnum == ELOOP || errnum == ENOTDIR) && is_link(folder, name))
        (void)fail(error, ASSAY_ERROR_DENIED, "%.*s is a symbolic link, which is not followed",
                   (int)len, path);
    else
        (void)fail_errno(error, errnum, "%.*s", (int)len, path);
}

int open_folder_of(const char *path, GError **error)
{
    const char *pos = path + 1, *part, *last = path_last_part(path);
    size_t len;
    autoclose int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        (void)fail_errno(error, errno, "/");
    while (at >= 0 && pos < last && next_part(&pos, &part, &len)) {
        g_autofree char *name = g_strndup(part, len);
        int next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            tell_failure(at, name, path, (size_t)(part - path) + len, errno, error);
        (void)close(at);
        at = next;
    }
    return take_fd(&at);
}

int open_without_links(const char *path, int *folder, GError **error)
{
    struct stat st;
    autoclose int at = open_folder_of(path, error);
    if (at < 0)
        return -1;
    const char *name = path_last_part(path);
    autoclose int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        tell_failure(at, name, path, strlen(path), errno, error);
        return -1;
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        (void)fail(error, ASSAY_ERROR_INVALID, "%s is neither a file nor a block device", path);
        return -1;
    }
    *folder = take_fd(&at);
    return take_fd(&fd);
}
